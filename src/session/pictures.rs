//! Reads pictures from disk for the front end, in the background and in the order in which they were asked for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

use image::imageops::FilterType;
use image::{DynamicImage, RgbaImage};

use crate::imaging::read;
use crate::schema::choices::Fidelity;
use crate::schema::quirks;
use crate::session::background::{Background, Reporter, Task};
use crate::session::text;

/// The longest side of a thumbnail, in pixels.
pub const THUMBNAIL_SIDE: u32 = 192;

/// A picture that the front end wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wanted {
    path: PathBuf,
    longest_side: Option<u32>,
    /// Whether its orientation is applied.
    upright: bool,
}

/// A picture on its way from disk.
#[derive(Clone, Debug)]
pub enum Pixels {
    /// Being read.
    Pending,
    /// Here.
    Ready(RgbaImage),
    /// Cannot be read, in one sentence.
    Failed(String),
}

/// Reads pictures off the front end's thread.
pub struct PictureLoader {
    wanted: Sender<Wanted>,
    reading: Task<(), (Wanted, Pixels)>,
    /// Full-size pictures and thumbnails that were asked for and not yet taken.
    shelf: RefCell<HashMap<Wanted, Pixels>>,
}

impl PictureLoader {
    /// Starts the loader. If that fails, every picture stays pending.
    pub(super) fn start(background: &Background) -> Self {
        let (wanted, incoming) = channel::<Wanted>();
        let read = move |reporter: &Reporter<_>| {
            while let Ok(wanted) = incoming.recv() {
                let pixels = read(&wanted).map_or_else(Pixels::Failed, Pixels::Ready);
                reporter.report((wanted, pixels));
            }
        };
        Self {
            wanted,
            reading: background.start("pictures", read),
            shelf: RefCell::default(),
        }
    }

    /// A picture, scaled down so that its longest side is at most `longest_side` pixels, or as it is.
    ///
    /// The first call asks for it. Call again after the next wake until it is [`Pixels::Ready`] or [`Pixels::Failed`],
    /// which are handed out once: keep what you get.
    pub fn load(&self, path: &Path, longest_side: Option<u32>) -> Pixels {
        self.fetch(path, longest_side, true)
    }

    /// A starting picture as a job in this mode gets it, in the same way as [`Self::load`].
    pub fn load_input(&self, path: &Path, fidelity: Fidelity) -> Pixels {
        self.fetch(path, None, quirks::applies_exif_orientation(fidelity))
    }

    fn fetch(&self, path: &Path, longest_side: Option<u32>, upright: bool) -> Pixels {
        let wanted = Wanted {
            path: path.to_owned(),
            longest_side,
            upright,
        };
        let mut shelf = self.shelf.borrow_mut();
        match shelf.get(&wanted) {
            Some(Pixels::Pending) => Pixels::Pending,
            Some(_) => shelf.remove(&wanted).unwrap_or(Pixels::Pending),
            None => {
                let _ = self.wanted.send(wanted.clone());
                shelf.insert(wanted, Pixels::Pending);
                Pixels::Pending
            }
        }
    }

    /// Takes in what has been read.
    pub(super) fn pump(&mut self) {
        self.shelf.get_mut().extend(self.reading.news());
    }
}

/// Reads and scales a picture.
fn read(wanted: &Wanted) -> Result<RgbaImage, String> {
    let picture = read::pixels(&wanted.path, wanted.upright).map_err(text::picture_unreadable)?;
    Ok(match wanted.longest_side {
        Some(side) if picture.width().max(picture.height()) > side => DynamicImage::from(picture)
            .resize(side, side, FilterType::CatmullRom)
            .into_rgba8(),
        _ => picture,
    })
}
