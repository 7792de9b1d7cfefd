//! The steps of a job: the starting picture and its mask as latents, the noise, the way from noise to latents, and pixels.
//!
//! <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/flux/pipeline_flux_inpaint.py>

use image::{GrayImage, RgbImage};

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::error::{Error, Result};
use crate::engine::models::flux::transformer::{Flux, Inputs};
use crate::engine::models::vae::autoencoder::Vae;
use crate::engine::pipeline::dump::{Dump, Probe};
use crate::engine::pipeline::noise::Draws;
use crate::engine::pipeline::prompt::Encoded;
use crate::engine::pipeline::sampling;
use crate::engine::progress::OnLayer;
use crate::imaging::edges::PAINTED;
use crate::imaging::prepare::Prepared;
use crate::schema::quirks;
use crate::schema::request::Request;
use crate::schema::size::Size;

/// What the latents of every picture of a job begin with, and are held to outside the mask.
pub(super) struct StartLatents {
    /// The starting picture, `(1, c, h/8, w/8)`, f32, as the transformer knows latents.
    image: Array,
    /// 1 where it is repainted, 0 where it is kept, `(1, 1, h/8, w/8)`; without a mask all of it is repainted.
    mask: Option<Array>,
    /// The first step that runs.
    first_step: usize,
}

impl StartLatents {
    /// The picture under noise of level `sigma`. `noise` and result: `(1, c, h/8, w/8)`.
    fn noised(&self, noise: &Array, sigma: f32) -> Result<Array> {
        let sigma = f64::from(sigma);
        noise.scaled(sigma)?.plus(&self.image.scaled(1.0 - sigma)?)
    }

    /// `latents` after a step down to `sigma`, with the picture under that much noise put back outside the mask.
    fn restored(&self, latents: Array, noise: &Array, sigma: f32) -> Result<Array> {
        let Some(mask) = &self.mask else {
            return Ok(latents);
        };
        let known = self.noised(noise, sigma)?;
        let kept = known.times(&mask.complement()?)?;
        kept.plus(&latents.times(mask)?)
    }

    /// Keeps the tensors for comparison.
    fn dump(&self, dump: &mut Dump) {
        dump.keep("image_latents", &self.image);
        if let Some(mask) = &self.mask {
            dump.keep("mask", mask);
        }
    }
}

/// A picture for the VAE: `(1, 3, h, w)`, −1 to 1, f32.
fn to_array(picture: &RgbImage, hardware: &Hardware) -> Result<Array> {
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
fn to_cells(mask: &GrayImage, factor: usize, hardware: &Hardware) -> Result<Array> {
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

/// What all pictures of a job have in common.
pub(super) struct Conditions {
    pub(super) encoded: Encoded,
    /// The noise levels of the whole schedule.
    pub(super) sigmas: Vec<f32>,
    pub(super) start: Option<StartLatents>,
}

impl Conditions {
    /// Keeps what a job starts from.
    pub(super) fn dump(&self, dump: &mut Dump, noise: &Array) -> Result<()> {
        dump.keep("noise", noise);
        dump.keep("clip_pooled", &self.encoded.pooled);
        dump.keep("t5_hidden", &self.encoded.hidden);
        let sigmas = noise.like(self.sigmas.clone(), [self.sigmas.len()])?;
        dump.keep("sigmas", &sigmas);
        if let Some(start) = &self.start {
            start.dump(dump);
        }
        Ok(())
    }
}

/// The starting picture and its mask as latents.
pub(super) fn start(
    vae: &Vae,
    hardware: &Hardware,
    request: &Request,
    prepared: &Prepared,
    draws: &mut Draws,
    on_block: &mut OnLayer<'_>,
) -> Result<StartLatents> {
    let picture = to_array(&prepared.picture, hardware)?.on(hardware)?;
    let posterior = vae.encode(&picture, on_block)?;
    let latents = if quirks::samples_posterior(request.fidelity) {
        let shape = posterior.mean.shape()?;
        posterior.sample(&posterior.mean.like(draws.latents(shape), shape)?)?
    } else {
        posterior.mean
    };
    let image = vae.scale(&latents)?.to_f32()?;
    check_finite(&image, "encoding the starting picture")?;
    let factor = vae.config().factor();
    let mask = prepared.mask.as_ref();
    let mask = mask.map(|mask| to_cells(mask, factor, hardware));
    Ok(StartLatents {
        image,
        mask: mask.transpose()?,
        first_step: request.start.as_ref().map_or(0, |start| start.first_step),
    })
}

/// The noise of the whole batch of `count` pictures: `(n, c, h/8, w/8)`, f32.
pub(super) fn noise(
    vae: &Vae,
    hardware: &Hardware,
    count: usize,
    size: Size,
    draws: &mut Draws,
    probe: &Probe,
) -> Result<Array> {
    let config = vae.config();
    let side = |pixels: u32| pixels as usize / config.factor();
    let shape = [
        count,
        config.latent_channels(),
        side(size.height),
        side(size.width),
    ];
    match &probe.noise {
        Some(noise) => noise.for_shape(shape)?.at(hardware),
        None => Array::new(draws.latents(shape), shape, hardware),
    }
}

/// The latents of one picture before the first step that runs and after every step, `(1, c, h/8, w/8)` each, f32.
///
/// `on_block` is called before each block with the step, counted from the first that runs, and the share of it that
/// is done.
pub(super) fn denoise(
    flux: &Flux,
    request: &Request,
    noise: &Array,
    conditions: &Conditions,
    on_block: &mut dyn FnMut(usize, f32) -> Result<()>,
) -> Result<Vec<Array>> {
    let Conditions {
        encoded,
        sigmas,
        start,
    } = conditions;
    let [_, _, h, w] = noise.shape()?;
    let rope = flux.rope(&sampling::positions(encoded.hidden.dim(1)?, h, w))?;
    let guidance = [request.guidance as f32];
    let guidance = flux.config().has_guidance().then_some(&guidance[..]);

    let first_step = start.as_ref().map_or(0, |start| start.first_step);
    let sigmas = sigmas.get(first_step..).unwrap_or_default();
    let mut latents = match (start, sigmas.first()) {
        (Some(start), Some(&sigma)) => start.noised(noise, sigma)?,
        _ => noise.clone(),
    };
    let mut trajectory = vec![latents.clone()];
    for (step, pair) in sigmas.windows(2).enumerate() {
        let &[sigma, sigma_next] = pair else { continue };
        let tokens = sampling::pack(&latents)?; // (1, l, 4c)
        let inputs = Inputs {
            image: &tokens,
            text: &encoded.hidden,
            pooled: &encoded.pooled,
            sigma: &[sigma],
            guidance,
            rounded_to_bf16: quirks::rounds_timesteps_to_bf16(request.fidelity),
        };
        let velocity = flux.forward(&inputs, &rope, &mut |block, blocks| {
            on_block(step, block as f32 / blocks as f32)
        })?;
        let tokens = sampling::euler_step(&tokens, &velocity, sigma, sigma_next)?;
        check_finite(&tokens, "denoising")?;
        latents = sampling::unpack(&tokens, h, w)?;
        if let Some(start) = start {
            latents = start.restored(latents, noise, sigma_next)?;
        }
        trajectory.push(latents.clone());
    }
    Ok(trajectory)
}

/// Stops a job whose numbers have left the finite range.
pub(super) fn check_finite(array: &Array, stage: &'static str) -> Result<()> {
    if array.is_finite()? {
        Ok(())
    } else {
        Err(Error::NotFinite(stage))
    }
}

/// A decoded picture of `size`, `(1, 3, h, w)`, −1 to 1, as 8-bit pixels.
pub(super) fn to_picture(decoded: &Array, request: &Request, size: Size) -> Result<RgbImage> {
    let values = decoded.squeeze(0)?.permute([1, 2, 0])?.to_vec()?; // h · w · 3
    let bytes = values
        .into_iter()
        .map(|value| quirks::to_8_bit(request.fidelity, request.go_fast, value))
        .collect();
    let (width, height) = (size.width, size.height);
    RgbImage::from_raw(width, height, bytes).ok_or_else(|| {
        Error::Checkpoint(format!(
            "the VAE did not make a picture of {width} × {height} px"
        ))
    })
}
