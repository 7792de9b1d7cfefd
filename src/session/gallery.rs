//! The pictures in the output folder, and the threads `gallery` and `pictures` that list and read them.
//!
//! The files are the truth: each carries its record, and the gallery is read from them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::SystemTime;

use image::imageops::FilterType;
use image::{DynamicImage, RgbaImage};

use crate::imaging::{codec, read};
use crate::schema::choices::Fidelity;
use crate::schema::quirks;
use crate::session::Wake;
use crate::session::record::Record;

/// The longest side of a thumbnail, in pixels.
pub const THUMBNAIL_SIDE: u32 = 192;

/// The endings of picture files that the gallery lists.
const EXTENSIONS: [&str; 4] = ["webp", "jpg", "jpeg", "png"];

/// One picture of the gallery.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The file; of a picture that was withheld, a path at which there is none.
    pub path: PathBuf,
    /// How it was made, if the file says so.
    pub record: Option<Record>,
    /// Why it was withheld, in one sentence: there is no file then, and with the program it is forgotten.
    pub withheld: Option<String>,
}

impl Entry {
    /// A picture of this program.
    pub fn new(path: PathBuf, record: Option<Record>) -> Self {
        Self {
            path,
            record,
            withheld: None,
        }
    }

    /// A picture that is neither shown nor saved.
    pub fn withheld(path: PathBuf, record: Option<Record>, reason: String) -> Self {
        Self {
            withheld: Some(reason),
            ..Self::new(path, record)
        }
    }

    /// The name of its file.
    pub fn file_name(&self) -> String {
        read::name(&self.path)
    }
}

/// Every picture in one folder, newest first.
#[derive(Debug)]
pub struct Gallery {
    folder: PathBuf,
    entries: Vec<Entry>,
}

impl Gallery {
    /// An empty gallery of `folder`; the loader fills it.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            entries: Vec::new(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The pictures, newest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Where `path` stands.
    pub fn position(&self, path: &Path) -> Option<usize> {
        self.entries.iter().position(|entry| entry.path == path)
    }

    /// Puts a new picture first.
    pub(super) fn insert(&mut self, entry: Entry) {
        // A job that began before the folder was changed ends in the old one.
        if entry.path.parent() != Some(&self.folder) {
            return;
        }
        self.entries.retain(|other| other.path != entry.path);
        self.entries.insert(0, entry);
    }

    /// Takes over a listing; pictures that came in meanwhile stay in front.
    fn extend(&mut self, listed: Vec<Entry>) {
        for entry in listed {
            if self.position(&entry.path).is_none() {
                self.entries.push(entry);
            }
        }
    }
}

/// A picture that the front end wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Errand {
    path: PathBuf,
    longest_side: Option<u32>,
    /// Whether its orientation is applied.
    upright: bool,
}

/// What comes back.
enum Delivery {
    Listed {
        folder: PathBuf,
        entries: Vec<Entry>,
    },
    Loaded {
        errand: Errand,
        pixels: Result<RgbaImage, String>,
    },
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
    errands: Sender<Errand>,
    /// For the threads that list folders.
    outgoing: Sender<Delivery>,
    deliveries: Receiver<Delivery>,
    wake: Wake,
    /// Full-size pictures and thumbnails that were asked for and not yet taken.
    shelf: HashMap<Errand, Pixels>,
}

impl PictureLoader {
    /// Starts the thread. Without it, every picture stays pending.
    pub(super) fn start(wake: Wake) -> Self {
        let (errands, incoming) = channel();
        let (outgoing, deliveries) = channel();
        // A system that cannot start a thread has told so through the worker's.
        let _ = thread::Builder::new().name("pictures".to_owned()).spawn({
            let (outgoing, wake) = (outgoing.clone(), Arc::clone(&wake));
            move || serve(&incoming, &outgoing, &wake)
        });
        Self {
            errands,
            outgoing,
            deliveries,
            wake,
            shelf: HashMap::new(),
        }
    }

    /// Lists a folder into the gallery, on a thread of its own: it may hold thousands of files.
    pub(super) fn scan(&self, folder: PathBuf) {
        let (outgoing, wake) = (self.outgoing.clone(), Arc::clone(&self.wake));
        // Without the thread the gallery stays as it is.
        let _ = thread::Builder::new()
            .name("gallery".to_owned())
            .spawn(move || {
                let _ = outgoing.send(Delivery::Listed {
                    entries: list(&folder),
                    folder,
                });
                wake();
            });
    }

    /// A picture, scaled down so that its longest side is at most `longest_side` pixels, or as it is.
    ///
    /// The first call asks for it. Call again after the next wake until it is [`Pixels::Ready`] or [`Pixels::Failed`],
    /// which are handed out once: keep what you get.
    pub fn load(&mut self, path: &Path, longest_side: Option<u32>) -> Pixels {
        self.fetch(Errand {
            path: path.to_owned(),
            longest_side,
            upright: true,
        })
    }

    /// A starting picture as a job in this mode gets it, in the same way as [`Self::load`].
    pub fn load_input(&mut self, path: &Path, fidelity: Fidelity) -> Pixels {
        self.fetch(Errand {
            path: path.to_owned(),
            longest_side: None,
            upright: quirks::applies_exif_orientation(fidelity),
        })
    }

    fn fetch(&mut self, errand: Errand) -> Pixels {
        match self.shelf.get(&errand) {
            Some(Pixels::Pending) => Pixels::Pending,
            Some(_) => self.shelf.remove(&errand).unwrap_or(Pixels::Pending),
            None => {
                let _ = self.errands.send(errand.clone());
                self.shelf.insert(errand, Pixels::Pending);
                Pixels::Pending
            }
        }
    }

    /// Takes in what has been read.
    pub(super) fn pump(&mut self, gallery: &mut Gallery) {
        while let Ok(delivery) = self.deliveries.try_recv() {
            match delivery {
                Delivery::Listed { folder, entries } if folder == gallery.folder => {
                    gallery.extend(entries);
                }
                Delivery::Listed { .. } => {}
                Delivery::Loaded { errand, pixels } => {
                    let pixels = pixels.map_or_else(Pixels::Failed, Pixels::Ready);
                    self.shelf.insert(errand, pixels);
                }
            }
        }
    }
}

/// The thread's life.
fn serve(errands: &Receiver<Errand>, deliveries: &Sender<Delivery>, wake: &Wake) {
    while let Ok(errand) = errands.recv() {
        let pixels = read(&errand);
        if deliveries
            .send(Delivery::Loaded { errand, pixels })
            .is_err()
        {
            return;
        }
        wake();
    }
}

/// The pictures in `folder`, newest first. A folder that does not exist yet has none.
fn list(folder: &Path) -> Vec<Entry> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut dated: Vec<(SystemTime, PathBuf)> = files
        .filter_map(|file| {
            let path = file.path();
            let extension = path.extension()?.to_str()?.to_ascii_lowercase();
            let modified = file.metadata().ok()?.modified().ok()?;
            EXTENSIONS
                .contains(&extension.as_str())
                .then_some((modified, path))
        })
        .collect();
    dated.sort_by(|a, b| b.cmp(a));
    dated
        .into_iter()
        .map(|(_, path)| Entry::new(path.clone(), read_record(&path)))
        .collect()
}

/// The record inside a picture file, if it has one of ours.
pub fn read_record(path: &Path) -> Option<Record> {
    let text = codec::read_record(&fs::read(path).ok()?)?;
    serde_json::from_str(&text).ok()
}

/// Reads and scales a picture.
fn read(errand: &Errand) -> Result<RgbaImage, String> {
    let picture = read::pixels(&errand.path, errand.upright)
        .map_err(|sentence| format!("the picture {sentence}"))?;
    Ok(match errand.longest_side {
        Some(side) if picture.width().max(picture.height()) > side => DynamicImage::from(picture)
            .resize(side, side, FilterType::CatmullRom)
            .into_rgba8(),
        _ => picture,
    })
}
