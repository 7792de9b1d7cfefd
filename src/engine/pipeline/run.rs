//! A run of a job: the loaded models, and how they make its images.

use std::time::Instant;

use image::RgbImage;

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::stored::Precision;
use crate::engine::error::{Error, Result};
use crate::engine::job::{Picture, Timings};
use crate::engine::layers::slots::Slots;
use crate::engine::layers::weights::Weights;
use crate::engine::models::flux::config::Config;
use crate::engine::models::flux::transformer::Flux;
use crate::engine::models::vae::autoencoder::Vae;
use crate::engine::pipeline::checking::Checking;
use crate::engine::pipeline::dump::Probe;
use crate::engine::pipeline::noise::Draws;
use crate::engine::pipeline::prompt::{Encoded, TextEncoders};
use crate::engine::pipeline::sampling::{self, Shift};
use crate::engine::pipeline::steps::{self, Conditions, StartLatents, check_finite, to_picture};
use crate::engine::plan::load::Encoders;
use crate::engine::plan::ways::Plan;
use crate::engine::progress::{Progress, Stage, Watch, announce};
use crate::engine::tensors::component::Component;
use crate::imaging::prepare::Prepared;
use crate::schema::request::Request;
use crate::schema::size::Size;
use crate::weights::architecture::{Architecture, Schedule};
use crate::weights::inspect::Part;
use crate::weights::model::ModelSource;
/// A request and how it runs.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) request: &'a Request,
    pub(super) prepared: &'a Option<Prepared>,
    pub(super) size: Size,
    pub(super) plan: Plan,
}

/// What came out of a run.
pub(super) struct Made {
    pub(super) pictures: Vec<Picture>,
    pub(super) timings: Timings,
    pub(super) truncated_at: Option<usize>,
}

/// The loaded transformer and the folder that it is from.
pub(super) struct Transformer {
    pub(super) flux: Flux,
    pub(super) folder: &'static str,
    pub(super) precision: Precision,
    /// Where LoRAs act on it.
    pub(super) slots: Slots,
}

impl Transformer {
    /// Opens the transformer in `folder` of a model whose VAE is `vae`, and checks that it is whole. Its blocks are
    /// loaded when a job's plan says so.
    pub(super) fn open(
        source: &ModelSource,
        (folder, precision): (&'static str, Precision),
        vae: &Vae,
        hardware: &Hardware,
        watch: &mut Watch<'_>,
    ) -> Result<Self> {
        let component = Component::open(source, Part::Transformer, folder, hardware)?;
        let config = Config::read(source, folder, &component)?;
        let weights = Weights::of(component);
        let flux = Flux::load(&config, &weights, precision, &mut |block, blocks| {
            announce(watch, loading(block as f32 / blocks as f32))
        })?;
        let (features, channels) = (config.token_features(), vae.config().latent_channels());
        if features != 4 * channels {
            return Err(Error::Checkpoint(format!(
                "the transformer reads {features} features per token, but the VAE makes {channels} channels, which need {}",
                4 * channels
            )));
        }
        Ok(Self {
            flux,
            folder,
            precision,
            slots: weights.slots(),
        })
    }
}

/// Progress while weights are read.
pub(super) fn loading(part: f32) -> Progress {
    Progress::before(Stage::Loading, part)
}

/// The models of a generator.
pub(super) struct Loaded {
    pub(super) text: TextEncoders,
    pub(super) transformer: Transformer,
    pub(super) vae: Vae,
    pub(super) checking: Checking,
    pub(super) shift: Shift,
    pub(super) hardware: Hardware,
    /// Seconds that loading took, until the first run has accounted for them.
    pub(super) loading_secs: f64,
}

impl Loaded {
    /// Frees all memory that can be freed.
    pub(super) fn unload(&mut self) {
        self.text.unload(Encoders::OneLayer);
        self.transformer.flux.evict();
    }

    /// Makes the pictures of a job as its plan says.
    pub(super) fn run(
        &mut self,
        run: &Run<'_>,
        probe: &mut Probe,
        watch: &mut Watch<'_>,
    ) -> Result<Made> {
        let Run {
            request,
            prepared,
            size,
            plan,
        } = *run;
        let started = Instant::now();
        let mut timings = Timings {
            loading: std::mem::take(&mut self.loading_secs),
            ..Timings::default()
        };
        let (pictures, steps) = (request.num_outputs, request.running_steps());
        let at = |stage, picture, step, part| Progress {
            stage,
            picture,
            pictures,
            step,
            steps,
            part,
        };

        let clock = Instant::now();
        let mut draws = Draws::new(request.seed);
        let (encoded, start) = self.encode(run, &mut draws, &mut |stage, part| {
            announce(watch, at(stage, 0, 0, part))
        })?;
        timings.encoding = clock.elapsed().as_secs_f64();

        let clock = Instant::now();
        let flux = &mut self.transformer.flux;
        flux.keep_resident(plan.resident, &mut |block, blocks| {
            let part = block as f32 / blocks as f32;
            announce(watch, at(Stage::Loading, 0, 0, part))
        })?;
        timings.loading += clock.elapsed().as_secs_f64();
        let noise = steps::noise(&self.vae, &self.hardware, pictures, size, &mut draws, probe)?; // (n, c, h, w)
        let conditions = Conditions {
            encoded,
            sigmas: self.sigmas(request, &noise)?,
            start,
        };
        if let Some(dump) = &mut probe.dump {
            conditions.dump(dump, &noise)?;
        }

        let mut finished = Vec::with_capacity(pictures);
        for picture in 0..pictures {
            let clock = Instant::now();
            let noise = noise.narrow(0, picture, 1)?;
            let mut on_block =
                |step, part| announce(watch, at(Stage::Denoising, picture, step, part));
            let flux = &self.transformer.flux;
            let trajectory = steps::denoise(flux, request, &noise, &conditions, &mut on_block)?;
            timings.denoising += clock.elapsed().as_secs_f64();

            let clock = Instant::now();
            let latents = trajectory.last().unwrap_or(&noise).on(&self.hardware)?;
            let decoded = self.vae.decode(&latents, plan.tile, &mut || {
                announce(watch, at(Stage::Decoding, picture, steps, 0.0))
            })?;
            let decoded = decoded.to_f32()?;
            check_finite(&decoded, "decoding")?;
            let decoded = decoded.clamped(-1.0, 1.0)?; // (1, 3, h, w)
            let made = to_picture(&decoded, request, size)?;
            finished.push(match prepared {
                None => made,
                Some(prepared) => prepared.finish(made),
            });
            timings.decoding += clock.elapsed().as_secs_f64();
            if let Some(dump) = &mut probe.dump {
                dump.keep_latents(trajectory);
                dump.keep_picture(&decoded);
            }
        }
        let clock = Instant::now();
        let pictures = self.check(finished, run, &mut |picture| {
            announce(watch, at(Stage::Checking, picture, steps, 0.0))
        })?;
        timings.checking = clock.elapsed().as_secs_f64();
        timings.total = timings.loading + started.elapsed().as_secs_f64();
        Ok(Made {
            pictures,
            timings,
            truncated_at: conditions.encoded.truncated_at,
        })
    }

    /// The prompt as the transformer reads it, and the starting picture as latents.
    fn encode(
        &mut self,
        run: &Run<'_>,
        draws: &mut Draws,
        on_layer: &mut dyn FnMut(Stage, f32) -> Result<()>,
    ) -> Result<(Encoded, Option<StartLatents>)> {
        let Run { request, plan, .. } = *run;
        let (prompt, model) = (&request.prompt, request.model);
        if !plan.together && !self.text.knows(prompt, model) {
            self.transformer.flux.evict();
        }
        let mut on_text = |part| on_layer(Stage::Encoding, part);
        let encoded = self.text.encode(prompt, model, plan.text, &mut on_text)?;
        let mut on_block = || on_layer(Stage::Starting, 0.0);
        let start = run.prepared.as_ref().map(|prepared| {
            let (vae, hardware) = (&self.vae, &self.hardware);
            steps::start(vae, hardware, request, prepared, draws, &mut on_block)
        });
        Ok((encoded, start.transpose()?))
    }

    /// The noise levels of the job.
    fn sigmas(&self, request: &Request, noise: &Array) -> Result<Vec<f32>> {
        let [_, _, h, w] = noise.shape()?;
        let shift = match Architecture::flux1(request.model).schedule() {
            Schedule::Shifted => Some(self.shift),
            Schedule::Even => None,
        };
        Ok(sampling::sigmas(request.steps, h / 2 * (w / 2), shift))
    }

    /// Lets the safety checker look at the pictures of a job.
    fn check(
        &mut self,
        pictures: Vec<RgbImage>,
        run: &Run<'_>,
        on_layer: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<Vec<Picture>> {
        let keeps = run.plan.keeps_checker();
        if !keeps && self.checking.bytes_for(run.request) > 0 {
            self.transformer.flux.evict();
        }
        let judged = self.checking.look_at(pictures, run.request, on_layer)?;
        if !keeps {
            self.checking.unload();
        }
        Ok(judged)
    }
}
