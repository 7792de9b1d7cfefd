//! Pictures of any size on the graphics card, in sheets that a card can hold, of which parts can be replaced.

use egui::{Color32, ColorImage, Context, Painter, Rect, TextureHandle, TextureOptions, vec2};
use image::{GrayImage, RgbaImage, imageops};

use crate::imaging::mask::Mask;
use crate::imaging::mask::tiles::TILE;
use crate::schema::size::Size;
use crate::ui::pictures::{SMOOTH, WHOLE};

/// Side of a sheet, in texels; every card takes as much.
const SIDE: u32 = 2048;

/// More texels than this are not put on the card: larger pictures are shown at a half or a quarter of their size.
const MOST_TEXELS: u64 = 40_000_000;

/// What a mask or a picture looks like on the card.
pub(super) struct Sheets {
    /// Size of all of them, in texels.
    texels: Size,
    /// Pixels a texel stands for, along each side: a power of two.
    reduction: u32,
    /// Row by row.
    textures: Vec<TextureHandle>,
}

impl Sheets {
    pub(super) fn of_picture(ctx: &Context, picture: &RgbaImage) -> Self {
        let size = crate::imaging::fit::size_of(picture);
        let reduction = reduction(size);
        let reduced;
        let shown = if reduction == 1 {
            picture
        } else {
            let side = |side: u32| side.div_ceil(reduction);
            reduced = imageops::thumbnail(picture, side(size.width), side(size.height));
            &reduced
        };
        Self::new(ctx, size, SMOOTH, |x, y| {
            let [r, g, b, a] = shown.get_pixel(x, y).0;
            Color32::from_rgba_unmultiplied(r, g, b, a)
        })
    }

    /// A mask: white where it is painted, transparent elsewhere.
    pub(super) fn of_mask(ctx: &Context, mask: &mut Mask) -> Self {
        // What has changed so far is in it.
        mask.take_changed_tiles();
        Self::of_grey(ctx, &mask.to_image())
    }

    /// A grey picture in the same manner.
    pub(super) fn of_grey(ctx: &Context, picture: &GrayImage) -> Self {
        let size = crate::imaging::fit::size_of(picture);
        let reduction = reduction(size);
        Self::new(ctx, size, TextureOptions::LINEAR, |x, y| {
            Color32::from_white_alpha(picture.get_pixel(x * reduction, y * reduction).0[0])
        })
    }

    fn new<F>(ctx: &Context, size: Size, options: TextureOptions, texel: F) -> Self
    where
        F: Fn(u32, u32) -> Color32,
    {
        let reduction = reduction(size);
        let texels = size.map(|side| side.div_ceil(reduction));
        let starts = |side: u32| (0..side).step_by(SIDE as usize);
        let corners =
            starts(texels.height).flat_map(|top| starts(texels.width).map(move |left| (left, top)));
        let sheet = |(left, top): (u32, u32)| {
            let width = SIDE.min(texels.width - left);
            let height = SIDE.min(texels.height - top);
            let mut pixels = Vec::with_capacity((width * height) as usize);
            for y in top..top + height {
                pixels.extend((left..left + width).map(|x| texel(x, y)));
            }
            let image = ColorImage::new([width as usize, height as usize], pixels);
            ctx.load_texture("canvas", image, options)
        };
        Self {
            texels,
            reduction,
            textures: corners.map(sheet).collect(),
        }
    }

    /// Puts the tiles of `mask` that have changed on the card.
    pub(super) fn update(&mut self, mask: &mut Mask) {
        let mut pixels = Vec::new();
        for (column, row) in mask.take_changed_tiles() {
            pixels.resize((TILE * TILE) as usize, 0);
            mask.copy_tile(column, row, &mut pixels);
            self.put(column as u32 * TILE, row as u32 * TILE, &pixels);
        }
    }

    /// Puts the pixels of a tile, whose corner is at `left`, `top`, on the card.
    fn put(&mut self, left: u32, top: u32, pixels: &[u8]) {
        let (reduction, texels) = (self.reduction, self.texels);
        let (left, top) = (left / reduction, top / reduction);
        let width = (TILE / reduction).min(texels.width.saturating_sub(left));
        let height = (TILE / reduction).min(texels.height.saturating_sub(top));
        let mut colours = Vec::with_capacity((width * height) as usize);
        for y in 0..height {
            let line = &pixels[(y * reduction * TILE) as usize..][..TILE as usize];
            let line = line.iter().step_by(reduction as usize).take(width as usize);
            colours.extend(line.map(|value| Color32::from_white_alpha(*value)));
        }
        let columns = texels.width.div_ceil(SIDE);
        let sheet = top / SIDE * columns + left / SIDE;
        if let Some(sheet) = self.textures.get_mut(sheet as usize) {
            let image = ColorImage::new([width as usize, height as usize], colours);
            let corner = [(left % SIDE) as usize, (top % SIDE) as usize];
            sheet.set_partial(corner, image, TextureOptions::LINEAR);
        }
    }

    /// Paints all of it into `rect`, in the colour `tint`.
    pub(super) fn paint(&self, painter: &Painter, rect: Rect, tint: Color32) {
        let texels = self.texels;
        let scale = rect.size() / vec2(texels.width as f32, texels.height as f32);
        let columns = texels.width.div_ceil(SIDE).max(1) as usize;
        for (index, sheet) in self.textures.iter().enumerate() {
            let corner = vec2((index % columns) as f32, (index / columns) as f32) * SIDE as f32;
            let part = Rect::from_min_size(rect.min + corner * scale, sheet.size_vec2() * scale);
            if painter.clip_rect().intersects(part) {
                painter.image(sheet.id(), part, WHOLE, tint);
            }
        }
    }
}

/// How many pixels a texel stands for, along each side.
fn reduction(size: Size) -> u32 {
    let fits = |reduction: &u32| {
        let side = |side: u32| u64::from(side.div_ceil(*reduction));
        side(size.width) * side(size.height) <= MOST_TEXELS
    };
    [1, 2, 4].into_iter().find(fits).unwrap_or(8)
}
