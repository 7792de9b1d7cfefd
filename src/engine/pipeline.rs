//! The story of one job: encode the prompt, draw the noise, denoise step by step, decode.
//!
//! <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/flux/pipeline_flux.py>

use std::time::Instant;

use candle_core::{DType, Tensor};
use image::RgbImage;
use serde::Deserialize;

use crate::engine::checkpoint::{Component, Source, diffusers, read_json};
use crate::engine::device::Hardware;
use crate::engine::dump::{Dump, Probe};
use crate::engine::flux::vae::{self, Vae};
use crate::engine::flux::{self, Flux};
use crate::engine::prompt::{Encoded, TextEncoders};
use crate::engine::sampling::{self, Shift};
use crate::engine::{
    Error, Generator, Outcome, Progress, Stage, Timings, Watch, announce, memory, noise,
};
use crate::schema::request::{Model, Request};
use crate::schema::{Note, quirks};
use crate::weights::ModelSource;

/// The folder of a model's transformer.
const TRANSFORMER: &str = "transformer";

/// The folder of a second transformer, which runs in place of the first when a job asks for schnell. The layout of
/// diffusers has none; with it, one model folder holds dev and schnell over the same text encoders and VAE.
const SCHNELL_TRANSFORMER: &str = "transformer_schnell";

/// The FLUX pipeline with one loaded model.
pub struct FluxGenerator {
    text: TextEncoders,
    transformer: Transformer,
    vae: Vae,
    source: ModelSource,
    shift: Shift,
    hardware: Hardware,
    name: String,
    /// Seconds that loading took, until the first job has accounted for them.
    loading_secs: f64,
}

/// The part of `scheduler/scheduler_config.json` that matters here; FLUX.1-dev's values where something is absent.
#[derive(Deserialize)]
struct SchedulerConfig {
    base_shift: Option<f64>,
    max_shift: Option<f64>,
    base_image_seq_len: Option<f64>,
    max_image_seq_len: Option<f64>,
}

impl From<SchedulerConfig> for Shift {
    fn from(config: SchedulerConfig) -> Self {
        let usual = Self::default();
        Self {
            base_shift: config.base_shift.unwrap_or(usual.base_shift),
            max_shift: config.max_shift.unwrap_or(usual.max_shift),
            base_tokens: config.base_image_seq_len.unwrap_or(usual.base_tokens),
            max_tokens: config.max_image_seq_len.unwrap_or(usual.max_tokens),
        }
    }
}

/// The loaded transformer and the folder that it is from.
struct Transformer {
    flux: Flux,
    folder: &'static str,
}

impl Transformer {
    /// Loads the transformer in `folder` of a model whose VAE is `vae`.
    fn load(
        source: &ModelSource,
        folder: &'static str,
        vae: &Vae,
        hardware: &Hardware,
        watch: &mut Watch<'_>,
    ) -> Result<Self, Error> {
        let config: flux::Config = read_json(source, &format!("{folder}/config.json"))?;
        let weights = Component::open(source, folder, diffusers::transformer, hardware)?.weights();
        let flux = Flux::load(&config, &weights, &mut |block, blocks| {
            announce(watch, loading(block as f32 / blocks as f32))
        })?;
        let (features, channels) = (config.token_features(), vae.config().latent_channels());
        if features != 4 * channels {
            return Err(Error::Checkpoint(format!(
                "the transformer reads {features} features per token, but the VAE makes {channels} channels, which need {}",
                4 * channels
            )));
        }
        Ok(Self { flux, folder })
    }

    /// The folder of the transformer that runs `model`.
    fn folder_for(source: &ModelSource, model: Model) -> Result<&'static str, Error> {
        if model == Model::Dev {
            return Ok(TRANSFORMER);
        }
        let second = source
            .find(&format!("{SCHNELL_TRANSFORMER}/config.json"))
            .map_err(|error| Error::Checkpoint(error.to_string()))?;
        Ok(second.map_or(TRANSFORMER, |_| SCHNELL_TRANSFORMER))
    }
}

/// Progress while weights are read.
fn loading(part: f32) -> Progress {
    Progress {
        stage: Stage::Loading,
        picture: 0,
        pictures: 1,
        step: 0,
        steps: 1,
        part,
    }
}

impl FluxGenerator {
    /// Loads a model in the layout of diffusers, with the transformer for `model`. Where the folder holds one for dev
    /// and one for schnell, a job for the other one exchanges them.
    ///
    /// # Errors
    /// When a file is missing, damaged or inconsistent; [`Error::Cancelled`] when `watch` breaks.
    pub fn load(
        source: &ModelSource,
        model: Model,
        hardware: Hardware,
        watch: &mut Watch<'_>,
    ) -> Result<Self, Error> {
        let started = Instant::now();
        announce(watch, loading(0.0))?;
        let card = source
            .card()
            .map_err(|error| Error::Checkpoint(error.to_string()))?;
        let scheduler: SchedulerConfig = read_json(source, "scheduler/scheduler_config.json")?;
        let vae_config: vae::Config = read_json(source, "vae/config.json")?;
        let text = TextEncoders::load(source, &hardware, &mut || announce(watch, loading(0.0)))?;
        let vae = Vae::load(
            &vae_config,
            &Component::open(source, "vae", Source::same, &hardware)?.weights(),
        )?;
        let folder = Transformer::folder_for(source, model)?;
        let transformer = Transformer::load(source, folder, &vae, &hardware, watch)?;
        Ok(Self {
            text,
            transformer,
            vae,
            source: source.clone(),
            shift: scheduler.into(),
            hardware,
            name: card.name,
            loading_secs: started.elapsed().as_secs_f64(),
        })
    }

    /// Exchanges the transformer where a job for `model` needs the other one of the folder.
    ///
    /// The one at hand stays until the other is complete, so that a cancel or a damaged file changes nothing.
    fn exchange_transformer(&mut self, model: Model, watch: &mut Watch<'_>) -> Result<(), Error> {
        let folder = Transformer::folder_for(&self.source, model)?;
        if folder != self.transformer.folder {
            let started = Instant::now();
            self.transformer =
                Transformer::load(&self.source, folder, &self.vae, &self.hardware, watch)?;
            self.loading_secs += started.elapsed().as_secs_f64();
        }
        Ok(())
    }

    /// Runs one job, with noise from outside or tensors for comparison if `probe` wants them.
    ///
    /// # Errors
    /// As [`Generator::generate`]; also when the noise has another shape than the job's.
    pub fn generate_probed(
        &mut self,
        request: &Request,
        probe: &mut Probe,
        watch: &mut Watch<'_>,
    ) -> Result<Outcome, Error> {
        self.exchange_transformer(request.model, watch)?;
        let started = Instant::now();
        let mut timings = Timings {
            loading: std::mem::take(&mut self.loading_secs),
            ..Timings::default()
        };
        let pictures = request.num_outputs;
        let at = |stage, picture, step, part| Progress {
            stage,
            picture,
            pictures,
            step,
            steps: request.steps,
            part,
        };

        let clock = Instant::now();
        let encoded = self
            .text
            .encode(&request.prompt, request.model, &mut |part| {
                announce(watch, at(Stage::Encoding, 0, 0, part))
            })?;
        timings.encoding = clock.elapsed().as_secs_f64();

        let noise = self.noise(request, probe)?; // (n, c, h, w)
        let sigmas = self.sigmas(request, &noise)?;
        if let Some(dump) = &mut probe.dump {
            keep_conditions(dump, &noise, &encoded, &sigmas)?;
        }

        let mut finished = Vec::with_capacity(pictures);
        for picture in 0..pictures {
            let clock = Instant::now();
            let noise = noise.narrow(0, picture, 1)?;
            let mut on_block =
                |step, part| announce(watch, at(Stage::Denoising, picture, step, part));
            let trajectory = self.denoise(request, &noise, &encoded, &sigmas, &mut on_block)?;
            timings.denoising += clock.elapsed().as_secs_f64();

            let clock = Instant::now();
            let latents = trajectory
                .last()
                .unwrap_or(&noise)
                .to_dtype(self.hardware.dtype)?;
            let decoded = self.vae.decode(&latents, &mut || {
                announce(watch, at(Stage::Decoding, picture, request.steps, 0.0))
            })?;
            let decoded = decoded.to_dtype(DType::F32)?;
            check_finite(&decoded, "decoding")?;
            let decoded = decoded.clamp(-1f32, 1f32)?; // (1, 3, h, w)
            finished.push(to_picture(&decoded, request)?);
            timings.decoding += clock.elapsed().as_secs_f64();
            if let Some(dump) = &mut probe.dump {
                dump.keep_latents(trajectory);
                dump.keep_picture(&decoded);
            }
        }
        timings.total = timings.loading + started.elapsed().as_secs_f64();
        Ok(Outcome {
            pictures: finished,
            steps: request.steps,
            notes: self.notes(request, &encoded, probe.noise.is_some()),
            timings_secs: timings,
            peak_memory_bytes: memory::peak_bytes(),
            model: self.name.clone(),
        })
    }

    /// The noise of the whole batch: `(n, c, h/8, w/8)`, f32.
    fn noise(&self, request: &Request, probe: &Probe) -> Result<Tensor, Error> {
        let config = self.vae.config();
        let side = |pixels: u32| pixels as usize / config.factor();
        let shape = (
            request.num_outputs,
            config.latent_channels(),
            side(request.size.height),
            side(request.size.width),
        );
        let device = &self.hardware.device;
        match &probe.noise {
            Some(noise) => Ok(noise.for_shape(shape)?.to_device(device)?),
            None => Ok(Tensor::from_vec(
                noise::latents(request.seed, shape),
                shape,
                device,
            )?),
        }
    }

    /// The noise levels of the job.
    fn sigmas(&self, request: &Request, noise: &Tensor) -> Result<Vec<f32>, Error> {
        let (_, _, h, w) = noise.dims4()?;
        let shift = match request.model {
            Model::Dev => Some(self.shift),
            Model::Schnell => None,
        };
        Ok(sampling::sigmas(request.steps, h / 2 * (w / 2), shift))
    }

    /// The latents of one picture before the first step and after every step, `(1, c, h/8, w/8)` each, f32.
    ///
    /// `on_block` is called before each block with the step and the share of it that is done.
    fn denoise(
        &self,
        request: &Request,
        noise: &Tensor,
        encoded: &Encoded,
        sigmas: &[f32],
        on_block: &mut dyn FnMut(usize, f32) -> Result<(), Error>,
    ) -> Result<Vec<Tensor>, Error> {
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

        let mut trajectory = vec![noise.clone()];
        let mut latents = sampling::pack(noise)?; // (1, l, 4c)
        for (step, pair) in sigmas.windows(2).enumerate() {
            let &[sigma, sigma_next] = pair else { continue };
            let inputs = flux::Inputs {
                image: &latents,
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
            latents = sampling::euler_step(&latents, &velocity, sigma, sigma_next)?;
            check_finite(&latents, "denoising")?;
            trajectory.push(sampling::unpack(&latents, h, w)?);
        }
        Ok(trajectory)
    }

    /// The request's notes and what turned out while running.
    fn notes(&self, request: &Request, encoded: &Encoded, foreign_noise: bool) -> Vec<Note> {
        let mut notes = request.notes.clone();
        if foreign_noise {
            notes.push(Note::on(
                "seed",
                "The noise came from a file: the seed was not used",
            ));
        }
        match (request.model, self.transformer.flux.config().has_guidance()) {
            (Model::Schnell, true) => notes.push(Note::on(
                "model",
                format!("These weights are a dev model: they ran on schnell's schedule with a guidance of {}", request.guidance),
            )),
            (Model::Dev, false) => notes.push(Note::on(
                "model",
                "These weights have no guidance: they ran on dev's schedule, and guidance_scale was not used",
            )),
            _ => {}
        }
        if let Some(tokens) = encoded.truncated_at {
            notes.push(Note::on(
                "prompt",
                format!("The prompt is longer than {tokens} tokens: its end was not read"),
            ));
        }
        notes.push(if request.safety_checked {
            Note::general("The pictures were not checked: this version has no safety checker")
        } else {
            Note::on(
                "disable_safety_checker",
                "The pictures were not checked, as asked",
            )
        });
        notes
    }
}

impl Generator for FluxGenerator {
    fn generate(&mut self, request: &Request, watch: &mut Watch<'_>) -> Result<Outcome, Error> {
        self.generate_probed(request, &mut Probe::default(), watch)
    }
}

/// Keeps what a job starts from.
fn keep_conditions(
    dump: &mut Dump,
    noise: &Tensor,
    encoded: &Encoded,
    sigmas: &[f32],
) -> Result<(), Error> {
    dump.keep("noise", noise);
    dump.keep("clip_pooled", &encoded.pooled);
    dump.keep("t5_hidden", &encoded.hidden);
    dump.keep("sigmas", &Tensor::new(sigmas, noise.device())?);
    Ok(())
}

/// Stops a job whose numbers have left the finite range.
fn check_finite(tensor: &Tensor, stage: &'static str) -> Result<(), Error> {
    let sum = tensor.abs()?.sum_all()?.to_scalar::<f32>()?;
    if sum.is_finite() {
        Ok(())
    } else {
        Err(Error::NotFinite(stage))
    }
}

/// A decoded picture, `(1, 3, h, w)`, −1 to 1, as 8-bit pixels.
fn to_picture(decoded: &Tensor, request: &Request) -> Result<RgbImage, Error> {
    let values = decoded
        .squeeze(0)?
        .permute((1, 2, 0))?
        .flatten_all()?
        .to_vec1::<f32>()?; // h · w · 3
    // The 8-bit engine, which rounds differently as Replicate, does not exist yet.
    let bytes = values
        .into_iter()
        .map(|value| quirks::to_8_bit(request.fidelity, false, value))
        .collect();
    let (width, height) = (request.size.width, request.size.height);
    RgbImage::from_raw(width, height, bytes).ok_or_else(|| {
        Error::Checkpoint(format!(
            "the VAE did not make a picture of {width} × {height} px"
        ))
    })
}
