//! Pictures on the graphics card: asked for when they are drawn, kept while they are, bounded in number.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use egui::{ColorImage, Context, Rect, TextureFilter, TextureHandle, TextureOptions, Vec2, pos2};
use image::RgbaImage;
use image::imageops::{self, FilterType};

use crate::session::pictures::{PictureLoader as Loader, Pixels, THUMBNAIL_SIDE};

/// How many thumbnails are kept.
const THUMBNAILS: usize = 192;

/// How many pictures are kept in full size.
const FULL_SIZE: usize = 3;

/// The longest side at which a picture is put on the graphics card, in pixels.
const LARGEST: u32 = 8192;

/// A picture smaller than this, in pixels, is enlarged before it is shown, because graphics cards blur what they enlarge.
const SMALL_SIDE: u32 = 512;

/// How pictures are drawn, also where they are drawn smaller than they are.
pub(crate) const SMOOTH: TextureOptions = TextureOptions {
    mipmap_mode: Some(TextureFilter::Linear),
    ..TextureOptions::LINEAR
};

/// The whole of a texture.
pub(crate) const WHOLE: Rect = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));

/// What can be drawn of a picture.
#[derive(Clone, Default)]
pub(crate) enum Shown {
    /// Still being read.
    #[default]
    Pending,
    /// Here, with its size in pixels as it is in the file, or as it was scaled down to.
    Ready(TextureHandle, [u32; 2]),
    /// Cannot be read, in one sentence.
    Failed(String),
}

/// One picture and the frame in which it was last drawn.
#[derive(Default)]
struct Slot {
    shown: Shown,
    last_drawn: u64,
}

/// Textures by file and longest side.
#[derive(Default)]
pub(crate) struct Pictures {
    slots: HashMap<(PathBuf, u32), Slot>,
    frame: u64,
}

impl Pictures {
    /// Counts a frame and forgets what has not been drawn for longest.
    pub(crate) fn begin_frame(&mut self) {
        self.frame += 1;
        for (is_small, limit) in [(true, THUMBNAILS), (false, FULL_SIZE)] {
            let slots = self.slots.iter();
            let mut drawn: Vec<_> = slots
                .filter(|((_, side), _)| (*side == THUMBNAIL_SIDE) == is_small)
                .map(|(key, slot)| (std::cmp::Reverse(slot.last_drawn), key.clone()))
                .collect();
            if drawn.len() > limit {
                drawn.sort();
                for (_, key) in drawn.drain(limit..) {
                    self.slots.remove(&key);
                }
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.slots.clear();
    }

    /// A small version of the picture at `path`.
    pub(crate) fn thumbnail(&mut self, ctx: &Context, loader: &Loader, path: &Path) -> Shown {
        self.load(ctx, loader, path, THUMBNAIL_SIDE)
    }

    /// The picture at `path` in full size, or in the largest that the graphics card takes.
    pub(crate) fn full(&mut self, ctx: &Context, loader: &Loader, path: &Path) -> Shown {
        let most = ctx.input(|input| input.max_texture_side);
        self.load(ctx, loader, path, (most as u32).min(LARGEST))
    }

    fn load(&mut self, ctx: &Context, loader: &Loader, path: &Path, side: u32) -> Shown {
        let slot = self.slots.entry((path.to_owned(), side)).or_default();
        slot.last_drawn = self.frame;
        if matches!(slot.shown, Shown::Pending) {
            slot.shown = shown(ctx, path, side, loader.load(path, Some(side)));
        }
        slot.shown.clone()
    }
}

/// What can be drawn of a picture that was read with this longest side.
fn shown(ctx: &Context, path: &Path, longest_side: u32, pixels: Pixels) -> Shown {
    match pixels {
        Pixels::Pending => Shown::Pending,
        Pixels::Failed(sentence) => Shown::Failed(sentence),
        Pixels::Ready(pixels) => {
            let size = [pixels.width(), pixels.height()];
            let is_small = longest_side == THUMBNAIL_SIDE;
            let pixels = if is_small { pixels } else { enlarged(pixels) };
            Shown::Ready(texture(ctx, path, &pixels), size)
        }
    }
}

/// Enlarges a small picture smoothly by a whole factor.
fn enlarged(pixels: RgbaImage) -> RgbaImage {
    let factor = (2 * SMALL_SIDE).div_ceil(pixels.width().max(pixels.height()).max(1));
    if factor <= 2 {
        return pixels;
    }
    let (width, height) = (pixels.width() * factor, pixels.height() * factor);
    imageops::resize(&pixels, width, height, FilterType::CatmullRom)
}

/// Hands pixels to the graphics card.
fn texture(ctx: &Context, path: &Path, pixels: &RgbaImage) -> TextureHandle {
    let size = [pixels.width() as usize, pixels.height() as usize];
    let image = ColorImage::from_rgba_unmultiplied(size, pixels.as_raw());
    ctx.load_texture(path.to_string_lossy(), image, SMOOTH)
}

/// The part of a texture that fills a square without distortion.
pub(crate) fn middle_square(texture: &TextureHandle) -> Rect {
    let size = texture.size_vec2();
    Rect::from_center_size(pos2(0.5, 0.5), Vec2::splat(size.min_elem()) / size)
}
