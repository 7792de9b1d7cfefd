//! A picture on the canvas with its mask, and what is derived from them.

use std::path::PathBuf;

use egui::{Context, Rect, pos2, vec2};
use image::imageops::{self, rotate90, rotate180, rotate270};
use image::{GrayImage, Luma, RgbaImage};

use crate::imaging::mask::Mask;
use crate::imaging::mask::ink::Point;
use crate::imaging::{edges, fit, prepare};
use crate::schema::choices::Fidelity;
use crate::schema::params::Params;
use crate::schema::quirks;
use crate::schema::start::{Crop, Extend};
use crate::session::preview::Stamp;
use crate::ui::canvas::sheets::Sheets;
use crate::ui::command::{Command, Commands, NewMask};
use crate::ui::text::canvas as text;

/// The longest side of what a preview of the edge is computed from.
const PREVIEW_SIDE: u32 = 1024;

/// A new starting picture, and its mask if it has one.
pub(crate) type NewStart = (RgbaImage, Option<GrayImage>);

/// Which picture is on the canvas, and in which mode, on which it depends whether it is upright.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) fidelity: Fidelity,
    stamp: Stamp,
}

impl Source {
    /// The file as it is now.
    pub(super) fn new(path: PathBuf, fidelity: Fidelity) -> Self {
        Self {
            stamp: Stamp::of(&path),
            path,
            fidelity,
        }
    }

    /// Whether what was read as this one is still what is wanted. A file that has gone is not missed: what is on the canvas
    /// stays.
    pub(super) fn is_same(&self, wanted: &Self) -> bool {
        self.path == wanted.path
            && self.fidelity == wanted.fidelity
            && (self.stamp == wanted.stamp || !wanted.stamp.is_of_file())
    }
}

/// The mask's file that the inputs name, and the mask's version that is in it.
pub(super) struct Kept {
    pub(super) path: Option<PathBuf>,
    pub(super) version: u64,
}

/// A picture with its mask.
pub(super) struct Open {
    pub(super) source: Source,
    pub(super) picture: RgbaImage,
    pub(super) picture_sheets: Sheets,
    pub(super) mask: Mask,
    pub(super) mask_sheets: Sheets,
    pub(super) preview: Option<Preview>,
    /// Whether something of the picture is transparent.
    pub(super) has_alpha: bool,
    /// Where the last stroke has ended.
    pub(super) last: Option<Point>,
    pub(super) kept: Kept,
    /// The mask's version that was handed over to be kept last.
    pub(super) tried: u64,
    /// When the mask was found changed.
    pub(super) changed_at: Option<f64>,
}

/// What becomes of the mask's edge, and what is cut out around it.
pub(super) struct Preview {
    key: PreviewKey,
    /// The mask as it acts; `None` where it acts as it is painted.
    pub(super) sheets: Option<Sheets>,
    /// The part that goes through the model, in pixels of the picture; `None` for all of it.
    pub(super) window: Option<Rect>,
}

/// What a preview depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct PreviewKey {
    version: u64,
    /// Grow and feather.
    edge: (i64, i64),
    crop: Option<Crop>,
    extend: Extend,
}

impl Open {
    /// A picture without a mask.
    pub(super) fn new(ctx: &Context, source: Source, picture: RgbaImage) -> Self {
        let mut mask = Mask::new(fit::size_of(&picture));
        let version = mask.version();
        Self {
            source,
            has_alpha: picture.pixels().any(|pixel| pixel.0[3] < 255),
            picture_sheets: Sheets::of_picture(ctx, &picture),
            picture,
            mask_sheets: Sheets::of_mask(ctx, &mut mask),
            mask,
            preview: None,
            last: None,
            kept: Kept {
                path: None,
                version,
            },
            tried: version,
            changed_at: None,
        }
    }

    /// Takes the mask that the inputs name, if it is not the one that was kept. One that cannot be used is taken out of the
    /// inputs again.
    pub(super) fn take_mask(&mut self, params: &Params, commands: &mut Commands) {
        if params.mask == self.kept.path {
            return;
        }
        let size = self.mask.size();
        let fidelity = self.source.fidelity;
        match &params.mask {
            None => self.mask.clear(),
            Some(path) => match prepare::mask_file(path, fidelity) {
                Ok(mask) => {
                    self.mask.replace(&fit::nearest(&mask, size));
                    let note = quirks::stretched_mask_note(fidelity);
                    if let Some(note) = note.filter(|_| !fit::size_of(&mask).has_shape_of(size)) {
                        commands.push(Command::Notice(note.message));
                    }
                }
                Err(sentence) => {
                    commands.push(NewMask(self.kept.path.clone()));
                    commands.push(Command::Notice(text::mask_unusable(&sentence)));
                    return;
                }
            },
        }
        // Another program's file may change or go: it is kept as a file of our own as soon as painting rests.
        self.kept.path.clone_from(&params.mask);
    }

    /// Remembers that a version of the mask is in a file, or that it is blank. Returns it for the inputs,
    /// unless they have been given another mask meanwhile.
    pub(super) fn take_kept(&mut self, kept: Kept, params: &Params) -> Option<NewMask> {
        if params.mask != self.kept.path {
            return None;
        }
        self.kept = kept;
        self.changed_at = None;
        Some(NewMask(self.kept.path.clone()))
    }

    /// The part of the picture between two corners, with its mask; `None` where that is nothing or all.
    pub(super) fn cut(&self, from: Point, to: Point) -> Option<NewStart> {
        let (left, top, width, height) = self.part(from, to)?;
        let picture = imageops::crop_imm(&self.picture, left, top, width, height).to_image();
        let mask = self.painted();
        let mask = mask.map(|mask| imageops::crop_imm(&mask, left, top, width, height).to_image());
        Some((picture, mask))
    }

    /// The pixels between two corners: left, top, width, height; `None` where that is nothing or all.
    pub(super) fn part(&self, from: Point, to: Point) -> Option<(u32, u32, u32, u32)> {
        let size = self.mask.size();
        let span = |a: f32, b: f32, side: u32| {
            let inside = |place: f32| place.round().clamp(0.0, side as f32) as u32;
            let (first, last) = (inside(a.min(b)), inside(a.max(b)));
            (last > first).then_some((first, last - first))
        };
        let (left, width) = span(from.x, to.x, size.width)?;
        let (top, height) = span(from.y, to.y, size.height)?;
        if (width, height) == (size.width, size.height) {
            return None;
        }
        Some((left, top, width, height))
    }

    /// The picture after a number of quarter turns clockwise, with its mask.
    pub(super) fn turned(&self, quarters: u8) -> NewStart {
        let mask = self.painted();
        let mask = mask.as_ref();
        match quarters % 4 {
            1 => (rotate90(&self.picture), mask.map(rotate90)),
            2 => (rotate180(&self.picture), mask.map(rotate180)),
            3 => (rotate270(&self.picture), mask.map(rotate270)),
            _ => (self.picture.clone(), mask.cloned()),
        }
    }

    /// A mask of what is transparent in the picture.
    pub(super) fn transparent(&self) -> GrayImage {
        GrayImage::from_fn(self.picture.width(), self.picture.height(), |x, y| {
            Luma([255 - self.picture.get_pixel(x, y).0[3]])
        })
    }

    /// The mask, if anything is painted on it.
    pub(super) fn painted(&self) -> Option<GrayImage> {
        (!self.mask.is_blank()).then(|| self.mask.to_image())
    }

    /// All there is to see: the picture with what it is extended by, in pixels of the picture.
    pub(super) fn bounds(&self, params: &Params) -> Rect {
        let size = self.mask.size();
        let extend = Extend::of(params, self.source.fidelity);
        Rect::from_min_max(
            pos2(-(extend.left as f32), -(extend.top as f32)),
            pos2(
                (size.width + extend.right) as f32,
                (size.height + extend.bottom) as f32,
            ),
        )
    }

    /// Brings the preview up to date, where the inputs ask for more than the mask as it is painted.
    pub(super) fn preview(&mut self, ctx: &Context, params: &Params, native_side: u32) {
        if self.mask.is_in_stroke() {
            return;
        }
        let fidelity = self.source.fidelity;
        let edge = Some((params.grow, params.feather));
        let edge = edge.filter(|_| quirks::honours_extras(fidelity));
        let key = PreviewKey {
            version: self.mask.version(),
            edge: edge.unwrap_or_default(),
            crop: Crop::of(params, fidelity, native_side),
            extend: Extend::of(params, fidelity),
        };
        if key.edge == (0, 0) && key.crop.is_none() {
            self.preview = None;
        } else if self.preview.as_ref().is_none_or(|old| old.key != key) {
            self.preview = Some(self.new_preview(ctx, key, native_side));
        }
    }

    /// Makes a preview: from a smaller copy where the picture is large, which tells well enough for the eye.
    fn new_preview(&self, ctx: &Context, key: PreviewKey, native_side: u32) -> Preview {
        let (mask, size) = (self.painted(), self.mask.size());
        if mask.is_none() && key.extend.is_nothing() {
            return Preview {
                key,
                sheets: None,
                window: None,
            };
        }
        let whole_size = key.extend.around(size);
        let longest = whole_size.width.max(whole_size.height);
        let share = (f64::from(PREVIEW_SIDE) / f64::from(longest)).min(1.0);
        let reduce = |pixels: u32| (f64::from(pixels) * share).round() as u32;
        let (left, top) = (reduce(key.extend.left), reduce(key.extend.top));
        let own_size = size.map(|side| reduce(side).max(1));
        let own = match mask {
            Some(mask) => fit::nearest(&mask, own_size),
            None => GrayImage::new(own_size.width, own_size.height),
        };
        // What is added is painted.
        let (right, bottom) = (reduce(key.extend.right), reduce(key.extend.bottom));
        let white = Luma([255]);
        let (width, height) = (own_size.width, own_size.height);
        let mut whole = GrayImage::from_pixel(left + width + right, top + height + bottom, white);
        imageops::replace(&mut whole, &own, i64::from(left), i64::from(top));

        // Grow and feather are pixels of the result.
        let result = if key.crop.is_some() {
            whole_size
        } else {
            quirks::fitted_size(whole_size, native_side)
        };
        let per_pixel = f64::from(whole_size.width) / f64::from(result.width) * share;
        let scaled = |pixels: i64| (pixels as f64 * per_pixel).round() as i32;
        let grown = edges::grown(&whole, scaled(key.edge.0));
        let window = key.crop.map(|crop| {
            let margin = reduce(crop.margin);
            let (x, y, of) = prepare::window_of(&grown, Crop { margin, ..crop });
            let back = |pixels: f64| (pixels / share) as f32;
            let corner = pos2(
                back(f64::from(x) - f64::from(left)),
                back(f64::from(y) - f64::from(top)),
            );
            let of = vec2(back(f64::from(of.width)), back(f64::from(of.height)));
            Rect::from_min_size(corner, of)
        });
        let sheets = (key.edge != (0, 0)).then(|| {
            let weights = edges::weights(&grown, scaled(key.edge.1).unsigned_abs());
            let own = imageops::crop_imm(&weights, left, top, width, height);
            Sheets::of_grey(ctx, &own.to_image())
        });
        Preview {
            key,
            sheets,
            window,
        }
    }
}
