//! The steps of a job: the starting picture as latents, the noise and its levels, the way from noise to latents, and pixels.

use candle_core::{DType, Tensor};
use image::RgbImage;

use crate::engine::dump::{Dump, Probe};
use crate::engine::flux::vae;
use crate::engine::noise::Draws;
use crate::engine::pipeline::FluxGenerator;
use crate::engine::prompt::Encoded;
use crate::engine::start::{self, StartLatents};
use crate::engine::{Error, flux, sampling};
use crate::imaging::prepare::Prepared;
use crate::schema::choices::Model;
use crate::schema::quirks;
use crate::schema::request::Request;
use crate::schema::size::Size;

/// What all pictures of a job have in common.
pub(super) struct Conditions {
    pub(super) encoded: Encoded,
    /// The noise levels of the whole schedule.
    pub(super) sigmas: Vec<f32>,
    pub(super) start: Option<StartLatents>,
}

impl Conditions {
    /// Keeps what a job starts from.
    pub(super) fn dump(&self, dump: &mut Dump, noise: &Tensor) -> Result<(), Error> {
        dump.keep("noise", noise);
        dump.keep("clip_pooled", &self.encoded.pooled);
        dump.keep("t5_hidden", &self.encoded.hidden);
        dump.keep(
            "sigmas",
            &Tensor::new(self.sigmas.as_slice(), noise.device())?,
        );
        if let Some(start) = &self.start {
            start.dump(dump);
        }
        Ok(())
    }
}

impl FluxGenerator {
    /// The starting picture and its mask as latents.
    pub(super) fn start(
        &self,
        request: &Request,
        prepared: &Prepared,
        draws: &mut Draws,
        on_block: &mut vae::OnBlock<'_>,
    ) -> Result<StartLatents, Error> {
        let (device, dtype) = (&self.hardware.device, self.hardware.dtype);
        let picture = start::to_tensor(&prepared.picture, device)?.to_dtype(dtype)?;
        let posterior = self.vae.encode(&picture, on_block)?;
        let latents = match quirks::posterior(request.fidelity) {
            quirks::Posterior::Mean => posterior.mean,
            quirks::Posterior::Sample => {
                let shape = posterior.mean.dims4()?;
                let normals = Tensor::from_vec(draws.latents(shape), shape, device)?;
                posterior.sample(&normals.to_dtype(dtype)?)?
            }
        };
        let image = self.vae.scale(&latents)?.to_dtype(DType::F32)?;
        check_finite(&image, "encoding the starting picture")?;
        let factor = self.vae.config().factor();
        let mask = prepared.mask.as_ref();
        Ok(StartLatents {
            image,
            mask: mask
                .map(|mask| start::to_cells(mask, factor, device))
                .transpose()?,
            first_step: request.start.as_ref().map_or(0, |start| start.first_step),
        })
    }

    /// The noise of the whole batch of `count` pictures: `(n, c, h/8, w/8)`, f32.
    pub(super) fn noise(
        &self,
        count: usize,
        size: Size,
        draws: &mut Draws,
        probe: &Probe,
    ) -> Result<Tensor, Error> {
        let config = self.vae.config();
        let side = |pixels: u32| pixels as usize / config.factor();
        let shape = (
            count,
            config.latent_channels(),
            side(size.height),
            side(size.width),
        );
        let device = &self.hardware.device;
        match &probe.noise {
            Some(noise) => Ok(noise.for_shape(shape)?.to_device(device)?),
            None => Ok(Tensor::from_vec(draws.latents(shape), shape, device)?),
        }
    }

    /// The noise levels of the job.
    pub(super) fn sigmas(&self, request: &Request, noise: &Tensor) -> Result<Vec<f32>, Error> {
        let (_, _, h, w) = noise.dims4()?;
        let shift = match request.model {
            Model::Dev => Some(self.shift),
            Model::Schnell => None,
        };
        Ok(sampling::sigmas(request.steps, h / 2 * (w / 2), shift))
    }

    /// The latents of one picture before the first step that runs and after every step, `(1, c, h/8, w/8)` each, f32.
    ///
    /// `on_block` is called before each block with the step, counted from the first that runs, and the share of it that
    /// is done.
    pub(super) fn denoise(
        &self,
        request: &Request,
        noise: &Tensor,
        conditions: &Conditions,
        on_block: &mut dyn FnMut(usize, f32) -> Result<(), Error>,
    ) -> Result<Vec<Tensor>, Error> {
        let Conditions {
            encoded,
            sigmas,
            start,
        } = conditions;
        let (_, _, h, w) = noise.dims4()?;
        let device = &self.hardware.device;
        let rope = self.transformer.flux.rope(
            &sampling::text_ids(encoded.hidden.dim(1)?, device)?,
            &sampling::image_ids(h, w, device)?,
        )?;
        let guidance = self
            .transformer
            .flux
            .config()
            .has_guidance()
            .then_some([request.guidance as f32]);

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
            let inputs = flux::Inputs {
                image: &tokens,
                text: &encoded.hidden,
                pooled: &encoded.pooled,
                sigma: &[sigma],
                guidance: guidance.as_ref().map(<[f32; 1]>::as_slice),
                rounded_to_bf16: quirks::rounds_timesteps_to_bf16(request.fidelity),
            };
            let velocity =
                self.transformer
                    .flux
                    .forward(&inputs, &rope, &mut |block, blocks| {
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
}

/// Stops a job whose numbers have left the finite range.
pub(super) fn check_finite(tensor: &Tensor, stage: &'static str) -> Result<(), Error> {
    let sum = tensor.abs()?.sum_all()?.to_scalar::<f32>()?;
    if sum.is_finite() {
        Ok(())
    } else {
        Err(Error::NotFinite(stage))
    }
}

/// A decoded picture of `size`, `(1, 3, h, w)`, −1 to 1, as 8-bit pixels.
pub(super) fn to_picture(
    decoded: &Tensor,
    request: &Request,
    size: Size,
) -> Result<RgbImage, Error> {
    let values = decoded
        .squeeze(0)?
        .permute((1, 2, 0))?
        .flatten_all()?
        .to_vec1::<f32>()?; // h · w · 3
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
