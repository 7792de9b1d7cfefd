//! From the files a job starts from to what the model works on, and from what it made back to the whole picture.

use std::path::{Path, PathBuf};

use image::imageops::{crop_imm, replace};
use image::{GrayImage, Luma, RgbImage};

use crate::imaging::edges::{self, PAINTED};
use crate::imaging::{fit, read, text};
use crate::schema::choices::Fidelity;
use crate::schema::notes::{Note, Problem};
use crate::schema::quirks;
use crate::schema::request::Request;
use crate::schema::size::{SIDE_STEP, Size};
use crate::schema::start::{Crop, Extend, Repaint, Start};

/// Pixels a latent stands for along each side: what a mask is thinned out by.
const CELL: u32 = 8;

/// The narrowest shape that is cut out around a mask, as the longer side over the shorter one, where the picture has
/// the room: that of the longest preset.
const LONGEST_SHAPE: f64 = 2.4;

/// What the model works on, and how its work is put back.
pub struct Prepared {
    /// The picture for the model; both sides are multiples of 16.
    pub picture: RgbImage,
    /// What is repainted, of the same size: from 128 on.
    pub mask: Option<GrayImage>,
    /// What was found while preparing.
    pub notes: Vec<Note>,
    back: Option<Back>,
}

/// The picture that the model's work is put into.
struct Back {
    base: RgbImage,
    /// How much of the new picture shows, for every pixel of the base.
    weights: GrayImage,
    window: Window,
}

/// A part of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    left: u32,
    top: u32,
    size: Size,
}

impl Prepared {
    /// Reads the files of `start`, the start of `request`.
    ///
    /// # Errors
    /// A problem with the input whose file is gone, damaged, or not what it was when the request was made.
    pub fn read(start: &Start, request: &Request) -> Result<Self, Problem> {
        let fidelity = request.fidelity;
        let upright = quirks::applies_exif_orientation(fidelity);
        let on = |field: &'static str| move |sentence| Problem::new(field, sentence);
        let original = read::pixels(&start.image, upright).map_err(on("image"))?;
        let original = read::opaque(&original, quirks::backdrop(fidelity));
        let own_size = fit::size_of(&original);
        let whole = extended(original, start.extend);
        if fit::size_of(&whole) != start.whole {
            return Err(Problem::new("image", text::CHANGED));
        }

        let Some(repaint) = &start.repaint else {
            return Ok(Self {
                picture: fit::lanczos(&whole, request.size),
                mask: None,
                notes: Vec::new(),
                back: None,
            });
        };
        let mask = mask(repaint, start.extend, own_size, request)?;
        Ok(Self::with_mask(&whole, &mask, repaint, request.size))
    }

    /// The part of [`Self::read`] after the files: `mask` has the size of the result.
    fn with_mask(whole: &RgbImage, mask: &GrayImage, repaint: &Repaint, size: Size) -> Self {
        let mask = edges::grown(mask, repaint.grow);
        let base = fit::lanczos(whole, size);
        let (window, work) = match repaint.crop {
            Some(crop) => window(&mask, crop),
            None => (
                Window {
                    left: 0,
                    top: 0,
                    size,
                },
                size,
            ),
        };
        let Window { left, top, size } = window;
        let part = crop_imm(&base, left, top, size.width, size.height).to_image();
        let of_mask = crop_imm(&mask, left, top, size.width, size.height).to_image();
        let mut mask_of_model = fit::nearest(&of_mask, work);
        // The reference looks at the first pixel of a cell only. Where a job goes beyond it, all that is painted counts.
        if !repaint.is_plain || repaint.crop.is_some() {
            mask_of_model = whole_cells(&mask_of_model);
        }
        let notes = remarks(&mask_of_model);
        let back = repaint.restore.then(|| Back {
            weights: edges::weights(&mask, repaint.feather),
            base,
            window,
        });
        Self {
            picture: fit::lanczos(&part, work),
            mask: Some(mask_of_model),
            notes,
            back,
        }
    }

    /// The size at which the model works.
    pub fn size(&self) -> Size {
        fit::size_of(&self.picture)
    }

    /// The finished picture for what the model has made of [`Self::picture`].
    pub fn finish(&self, made: RgbImage) -> RgbImage {
        let Some(back) = &self.back else {
            return made;
        };
        let Window { left, top, size } = back.window;
        let made = fit::lanczos(&made, size);
        let mut finished = back.base.clone();
        for (x, y, new) in made.enumerate_pixels() {
            let (x, y) = (x + left, y + top);
            let Luma([weight]) = *back.weights.get_pixel(x, y);
            if weight > 0 {
                let old = finished.get_pixel_mut(x, y);
                for (old, new) in old.0.iter_mut().zip(new.0) {
                    *old = read::blended(*old, new, weight);
                }
            }
        }
        finished
    }
}

/// The picture with room around it, filled with the colours of its border.
fn extended(picture: RgbImage, extend: Extend) -> RgbImage {
    if extend.is_nothing() {
        return picture;
    }
    let own = fit::size_of(&picture);
    let size = extend.around(own);
    RgbImage::from_fn(size.width, size.height, |x, y| {
        let inside = |place: u32, added: u32, side: u32| place.saturating_sub(added).min(side - 1);
        let x = inside(x, extend.left, own.width);
        let y = inside(y, extend.top, own.height);
        *picture.get_pixel(x, y)
    })
}

/// The mask in a file, as bright as the file has it, in its own size.
///
/// # Errors
/// One sentence, as [`read::pixels`].
pub fn mask_file(path: &Path, fidelity: Fidelity) -> Result<GrayImage, String> {
    let pixels = read::pixels(path, quirks::applies_exif_orientation(fidelity))?;
    let opaque = read::opaque(&pixels, quirks::mask_backdrop(fidelity));
    Ok(fit::luminance(&opaque))
}

/// The mask in the size of the result; what the picture is extended by is white.
///
/// Stretched with the nearest pixel; the reference turns it to grey only after that, which comes to the same:
/// <https://github.com/replicate/cog-flux/blob/51e81e0/diffusers_predictor.py>
fn mask(
    repaint: &Repaint,
    extend: Extend,
    own_size: Size,
    request: &Request,
) -> Result<GrayImage, Problem> {
    let read = |path: &PathBuf| mask_file(path, request.fidelity);
    let file = repaint.mask.as_ref().map(read).transpose();
    let file = file.map_err(|why| Problem::new("mask", why))?;
    let inside = match file {
        Some(file) if extend.is_nothing() => return Ok(fit::nearest(&file, request.size)),
        Some(file) => fit::nearest(&file, own_size),
        None => GrayImage::new(own_size.width, own_size.height),
    };
    let size = extend.around(own_size);
    let mut whole = GrayImage::from_pixel(size.width, size.height, Luma([255]));
    replace(&mut whole, &inside, extend.left.into(), extend.top.into());
    Ok(fit::nearest(&whole, request.size))
}

/// The surroundings of a mask that are cut out: left, top, and size, in pixels of the mask.
pub fn window_of(mask: &GrayImage, crop: Crop) -> (u32, u32, Size) {
    let (Window { left, top, size }, _) = window(mask, crop);
    (left, top, size)
}

/// The surroundings of a mask that are cut out, and the size at which the model repaints them.
///
/// The window has the margin on every side where the picture has it, and the shape of the size it is repainted at, which
/// has about as many pixels as the model's own square.
fn window(mask: &GrayImage, crop: Crop) -> (Window, Size) {
    let all = fit::size_of(mask);
    let (left, top, width, height) = edges::bounds(mask).unwrap_or((0, 0, all.width, all.height));
    let spread = |first: u32, length: u32, side: u32| {
        let from = first.saturating_sub(crop.margin);
        let to = (first + length).saturating_add(crop.margin).min(side);
        (f64::from(from), f64::from(to - from))
    };
    let (left, mut width) = spread(left, width, all.width);
    let (top, mut height) = spread(top, height, all.height);
    let middle = (left + width / 2.0, top + height / 2.0);
    // A sliver is widened to the longest shape that the model draws well.
    width = width.max(height / LONGEST_SHAPE).min(f64::from(all.width));
    height = height.max(width / LONGEST_SHAPE).min(f64::from(all.height));

    let shape = (width / height).sqrt();
    let side = |length: f64| {
        let steps = (length / f64::from(SIDE_STEP)).round().max(1.0);
        steps as u32 * SIDE_STEP
    };
    let native = f64::from(crop.native_side);
    let longest = quirks::longest_input_side(crop.native_side);
    // Where the longer side meets its limit, the shorter one follows it.
    let scale = (longest / (native * shape.max(1.0 / shape))).min(1.0);
    let work = Size {
        width: side(native * shape * scale),
        height: side(native / shape * scale),
    };
    // Rounding has changed the shape a little: the window follows, outwards, as far as the picture goes.
    let exact = f64::from(work.width) / f64::from(work.height);
    let size = Size {
        width: (width.max(height * exact).round() as u32).clamp(1, all.width),
        height: (height.max(width / exact).round() as u32).clamp(1, all.height),
    };
    let place = |middle: f64, length: u32, side: u32| {
        let first = (middle - f64::from(length) / 2.0).round().max(0.0) as u32;
        first.min(side - length)
    };
    let window = Window {
        left: place(middle.0, size.width, all.width),
        top: place(middle.1, size.height, all.height),
        size,
    };
    (window, work)
}

/// One pixel for each cell: white where something in the cell is painted.
fn touched_cells(mask: &GrayImage) -> GrayImage {
    let mut cells = GrayImage::new(mask.width() / CELL, mask.height() / CELL);
    for (x, y, Luma([value])) in mask.enumerate_pixels() {
        if *value >= PAINTED {
            cells.put_pixel(x / CELL, y / CELL, Luma([255]));
        }
    }
    cells
}

/// The mask with every cell painted in which something is painted.
fn whole_cells(mask: &GrayImage) -> GrayImage {
    let cells = touched_cells(mask);
    GrayImage::from_fn(mask.width(), mask.height(), |x, y| {
        *cells.get_pixel(x / CELL, y / CELL)
    })
}

/// What the user should know of a mask, in the size in which the model gets it.
fn remarks(mask: &GrayImage) -> Vec<Note> {
    let message = if edges::bounds(mask).is_none() {
        text::MASK_EMPTY
    } else if loses_detail(mask) {
        text::MASK_TOO_FINE
    } else {
        return Vec::new();
    };
    vec![Note::on("mask", message)]
}

/// Whether something painted is so small that neither its cell nor one beside it is repainted.
fn loses_detail(mask: &GrayImage) -> bool {
    let touched = touched_cells(mask);
    let (columns, rows) = touched.dimensions();
    let is_repainted =
        |column: u32, row: u32| mask.get_pixel(column * CELL, row * CELL).0[0] >= PAINTED;
    let around = |place: u32, places: u32| place.saturating_sub(1)..(place + 2).min(places);
    touched.enumerate_pixels().any(|(column, row, cell)| {
        let mut cells = around(row, rows)
            .flat_map(|row| around(column, columns).map(move |column| (column, row)));
        cell.0[0] >= PAINTED && !cells.any(|(column, row)| is_repainted(column, row))
    })
}
