//! The starting picture and its mask in latent space.
//!
//! <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/flux/pipeline_flux_inpaint.py>

use image::{GrayImage, RgbImage};

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::error::Result;
use crate::engine::pipeline::dump::Dump;
use crate::imaging::edges::PAINTED;

/// What the latents of every picture of a job begin with, and are held to outside the mask.
pub(super) struct StartLatents {
    /// The starting picture, `(1, c, h/8, w/8)`, f32, as the transformer knows latents.
    pub(super) image: Array,
    /// 1 where it is repainted, 0 where it is kept, `(1, 1, h/8, w/8)`; without a mask all of it is repainted.
    pub(super) mask: Option<Array>,
    /// The first step that runs.
    pub(super) first_step: usize,
}

impl StartLatents {
    /// The picture under noise of level `sigma`. `noise` and result: `(1, c, h/8, w/8)`.
    pub(super) fn noised(&self, noise: &Array, sigma: f32) -> Result<Array> {
        let sigma = f64::from(sigma);
        noise.scaled(sigma)?.plus(&self.image.scaled(1.0 - sigma)?)
    }

    /// `latents` after a step down to `sigma`, with the picture under that much noise put back outside the mask.
    pub(super) fn restored(&self, latents: Array, noise: &Array, sigma: f32) -> Result<Array> {
        let Some(mask) = &self.mask else {
            return Ok(latents);
        };
        let known = self.noised(noise, sigma)?;
        let kept = known.times(&mask.complement()?)?;
        kept.plus(&latents.times(mask)?)
    }

    /// Keeps the tensors for comparison.
    pub(super) fn dump(&self, dump: &mut Dump) {
        dump.keep("image_latents", &self.image);
        if let Some(mask) = &self.mask {
            dump.keep("mask", mask);
        }
    }
}

/// A picture for the VAE: `(1, 3, h, w)`, −1 to 1, f32.
pub(super) fn to_array(picture: &RgbImage, hardware: &Hardware) -> Result<Array> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let values: Vec<f32> = picture
        .as_raw()
        .iter()
        .map(|&value| f32::from(value) / 255.0 * 2.0 - 1.0)
        .collect();
    let array = Array::new(values, [1, height, width, 3], hardware)?;
    array.permute([0, 3, 1, 2])?.contiguous() // (1, 3, h, w)
}

/// A mask for the latents of a VAE that takes `factor` pixels a side together: `(1, 1, h/factor, w/factor)`, 0 and 1.
///
/// A cell is what its first pixel is, as the reference has it (`prepare_mask_latents`).
pub(super) fn to_cells(mask: &GrayImage, factor: usize, hardware: &Hardware) -> Result<Array> {
    let (width, height) = (
        mask.width() as usize / factor,
        mask.height() as usize / factor,
    );
    let cell = |row: usize, column: usize| {
        let pixel = mask.get_pixel((column * factor) as u32, (row * factor) as u32);
        f32::from(u8::from(pixel.0[0] >= PAINTED))
    };
    let cells: Vec<f32> = (0..height)
        .flat_map(|row| (0..width).map(move |column| (row, column)))
        .map(|(row, column)| cell(row, column))
        .collect();
    Array::new(cells, [1, 1, height, width], hardware)
}
