//! Decoding a picture tile by tile, for when memory is short.
//!
//! Tiles overlap by a quarter, and the overlaps are blended, exactly as the reference does it. Norms see one tile at a time, so
//! the picture differs slightly from one that is decoded at once.
//! <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/models/autoencoders/autoencoder_kl.py> (`tiled_decode`)

use crate::engine::compute::array::Array;
use crate::engine::error::Result;

/// How the tiles lie, in latents and pixels.
pub(super) struct Tiles {
    /// Latents along the side of a tile.
    pub(super) side: usize,
    /// Pixels of a latent along a side.
    pub(super) factor: usize,
}

impl Tiles {
    /// The picture for latents, `(b, c, h, w)` → `(b, 3, h · factor, w · factor)`, of which `decode` decodes tiles.
    pub(super) fn decode(
        &self,
        latents: &Array,
        decode: &mut dyn FnMut(&Array) -> Result<Array>,
    ) -> Result<Array> {
        let [_, _, h, w] = latents.shape()?;
        let blended = self.side / 4 * self.factor;
        let kept = self.side * self.factor - blended;
        // Latents from one tile to the next.
        let step = (self.side - self.side / 4).max(1);
        let mut rows = Vec::new();
        let mut above: Vec<Array> = Vec::new();
        for y in (0..h).step_by(step) {
            let (mut row, mut pieces) = (Vec::<Array>::new(), Vec::new());
            for (column, x) in (0..w).step_by(step).enumerate() {
                let tile = latents
                    .narrow(2, y, self.side.min(h - y))?
                    .narrow(3, x, self.side.min(w - x))?
                    .contiguous()?;
                let mut tile = decode(&tile)?;
                if let Some(above) = above.get(column) {
                    tile = blend(above, &tile, 2, blended)?;
                }
                if let Some(left) = row.last() {
                    tile = blend(left, &tile, 3, blended)?;
                }
                let [_, _, height, width] = tile.shape()?;
                let piece = tile.narrow(2, 0, kept.min(height))?;
                pieces.push(piece.narrow(3, 0, kept.min(width))?);
                row.push(tile);
            }
            rows.push(Array::cat(&pieces, 3)?);
            above = row;
        }
        Array::cat(&rows, 2)
    }
}

/// `tile` with its first `extent` places along a dimension blended over from the last ones of the tile before it.
fn blend(before: &Array, tile: &Array, dimension: usize, extent: usize) -> Result<Array> {
    let (length, next) = (before.dim(dimension)?, tile.dim(dimension)?);
    let extent = extent.min(length).min(next);
    if extent == 0 {
        return Ok(tile.clone());
    }
    let weights = (0..extent).map(|i| i as f32 / extent as f32).collect();
    let rows = if dimension == 2 { extent } else { 1 };
    let weights = tile.like(weights, [rows, extent / rows])?;
    let old = before.narrow(dimension, length - extent, extent)?;
    let old = old.times(&weights.complement()?)?;
    let new = tile.narrow(dimension, 0, extent)?.times(&weights)?;
    let rest = tile.narrow(dimension, extent, next - extent)?;
    Array::cat(&[old.plus(&new)?, rest], dimension)
}
