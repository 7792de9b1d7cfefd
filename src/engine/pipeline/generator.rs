//! The story of one job: read the starting picture, encode the prompt, draw the noise, denoise step by step, decode.
//!
//! <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/flux/pipeline_flux.py>

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use image::RgbImage;

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::stored::Precision;
use crate::engine::error::{Error, Result};
use crate::engine::job::{Generator, Job, Outcome, Picture, Timings};
use crate::engine::layers::weights::Weights;
use crate::engine::lora::adapters::{Adapted, Adapters, Applied};
use crate::engine::lora::layouts;
use crate::engine::lora::targets::Targets;
use crate::engine::models::vae::autoencoder::Vae;
use crate::engine::models::vae::config::Config as VaeConfig;
use crate::engine::pipeline::checking;
use crate::engine::pipeline::checking::Checking;
use crate::engine::pipeline::dump::Probe;
use crate::engine::pipeline::noise::Draws;
use crate::engine::pipeline::prompt::{Encoded, TextEncoders};
use crate::engine::pipeline::sampling;
use crate::engine::pipeline::sampling::{SchedulerConfig, Shift};
use crate::engine::pipeline::second_try;
use crate::engine::pipeline::start::StartLatents;
use crate::engine::pipeline::steps;
use crate::engine::pipeline::steps::{Conditions, check_finite, to_picture};
use crate::engine::pipeline::transformer::{Transformer, loading};
use crate::engine::plan::load::{Budget, Encoders, Load};
use crate::engine::plan::memory;
use crate::engine::plan::outlook::{Outlook, precision_of};
use crate::engine::plan::planner::Planner;
use crate::engine::plan::sizes::Sizes;
use crate::engine::plan::ways;
use crate::engine::plan::ways::Plan;
use crate::engine::progress::{Progress, Stage, Watch, announce};
use crate::engine::tensors::component::Component;
use crate::engine::tensors::config::read_config;
use crate::engine::text;
use crate::imaging::prepare::Prepared;
use crate::schema::choices::Model;
use crate::schema::notes::Note;
use crate::schema::request::Request;
use crate::schema::size::Size;
use crate::weights::inspect::Part;
use crate::weights::lora::LoraFile;
use crate::weights::model::ModelSource;

/// The FLUX pipeline with one loaded model.
pub struct FluxGenerator {
    text: TextEncoders,
    transformer: Transformer,
    vae: Vae,
    source: ModelSource,
    shift: Shift,
    hardware: Hardware,
    adapters: Adapters,
    planner: Planner,
    checking: Checking,
    /// The layers that LoRAs can change, by the folder of the transformer; read when the first LoRA comes.
    targets: HashMap<&'static str, Targets>,
    name: String,
    /// Seconds that loading took, until the first job has accounted for them.
    loading_secs: f64,
}

impl FluxGenerator {
    /// Opens a model with the transformer for `model`, and checks that it is whole. Where the model holds one for dev and
    /// one for schnell, a job for the other one exchanges them.
    ///
    /// # Errors
    /// When a file is missing, damaged or inconsistent; [`Error::Cancelled`] when `watch` breaks.
    pub fn load(
        source: &ModelSource,
        model: Model,
        hardware: Hardware,
        watch: &mut Watch<'_>,
    ) -> Result<Self> {
        let started = Instant::now();
        let base_bytes = memory::current_bytes().unwrap_or(0);
        announce(watch, loading(0.0))?;
        let card = source.card()?;
        let scheduler: SchedulerConfig =
            read_config(source, "scheduler/scheduler_config.json", || {
                Ok(SchedulerConfig::default())
            })?;
        let mut on_layer = || announce(watch, loading(0.0));
        let text = TextEncoders::open(source, &hardware, Encoders::OneLayer, &mut on_layer)?;
        let vae = Component::open(source, Part::Vae, Part::Vae.folder(), &hardware)?;
        let vae = Vae::load(&VaeConfig::read(source, &vae)?, &Weights::of(vae))?;
        let folder = source.transformer_for(model)?;
        let wanted = (folder, Precision::Stored);
        let transformer = Transformer::open(source, wanted, &vae, &hardware, watch)?;
        Ok(Self {
            text,
            transformer,
            vae,
            source: source.clone(),
            shift: scheduler.into(),
            planner: Planner::new(source, &hardware, base_bytes),
            checking: Checking::new(source, &card),
            hardware,
            adapters: Adapters::default(),
            targets: HashMap::new(),
            name: card.name,
            loading_secs: started.elapsed().as_secs_f64(),
        })
    }

    /// Exchanges the transformer where a job needs the other one of the model, or the same in another precision.
    ///
    /// The loaded one stays until the other is complete, so that a cancel or a damaged file changes nothing.
    fn exchange_transformer(&mut self, request: &Request, watch: &mut Watch<'_>) -> Result<()> {
        let folder = self.source.transformer_for(request.model)?;
        let wanted = (folder, precision_of(request));
        if wanted != (self.transformer.folder, self.transformer.precision) {
            let started = Instant::now();
            self.transformer =
                Transformer::open(&self.source, wanted, &self.vae, &self.hardware, watch)?;
            // The text encoders keep what acts on them until the next job says what is to act.
            self.adapters.forget_acting();
            self.text.forget();
            self.loading_secs += started.elapsed().as_secs_f64();
        }
        Ok(())
    }

    /// Lets the LoRAs of a job act, and no others.
    fn adapt(
        &mut self,
        request: &Request,
        files: &[LoraFile],
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Applied>> {
        let started = Instant::now();
        let folder = self.transformer.folder;
        let loras: Vec<_> = request.loras.iter().zip(files).collect();
        if !loras.is_empty() && !self.targets.contains_key(folder) {
            let targets = Targets::of(&self.source, request.model)?;
            self.targets.insert(folder, targets);
        }
        let no_targets = Targets::default();
        let targets = self.targets.get(folder).unwrap_or(&no_targets);
        let [clip, t5] = self.text.slots();
        let model = Adapted {
            folder,
            targets,
            slots: &[
                (layouts::Part::Transformer, self.transformer.slots.clone()),
                (layouts::Part::Clip, clip),
                (layouts::Part::T5, t5),
            ],
            hardware: &self.hardware,
        };
        let (applied, text_changed) = self
            .adapters
            .act(&loras, &model, &mut || announce(watch, loading(1.0)))?;
        if text_changed {
            self.text.forget();
        }
        self.loading_secs += started.elapsed().as_secs_f64();
        Ok(applied)
    }

    /// How a request will run if the process may use `limit` bytes.
    ///
    /// # Errors
    /// When a file of the model is missing or damaged.
    pub fn plan(&mut self, request: &Request, size: Size, limit: Option<u64>) -> Result<Plan> {
        let (sizes, load, budget) = self.circumstances(request, size, limit)?;
        Ok(ways::plan(&sizes, &load, &budget))
    }

    /// What a plan is made of.
    fn circumstances(
        &mut self,
        request: &Request,
        size: Size,
        limit: Option<u64>,
    ) -> Result<(Sizes, Load, Budget)> {
        let load = Load {
            size,
            text_tokens: self.text.t5_length(request.model),
            steps: request.running_steps(),
            pictures: request.num_outputs,
            knows_prompt: self.text.knows(&request.prompt, request.model),
            checker: self.checking.bytes_for(request),
        };
        let sizes = self
            .planner
            .sizes_of(request.model, precision_of(request))?;
        let budget = self.planner.budget(self.adapters.bytes(), limit);
        Ok((sizes, load, budget))
    }

    /// How many files of LoRAs have been read: those in memory are not read again.
    pub fn lora_files_read(&self) -> usize {
        self.adapters.files_read()
    }

    /// Runs one job, with noise from outside or tensors for comparison if `probe` wants them.
    ///
    /// # Errors
    /// As [`Generator::generate`]; also when the noise has another shape than the job's.
    pub fn generate_probed(
        &mut self,
        job: &Job<'_>,
        probe: &mut Probe,
        watch: &mut Watch<'_>,
    ) -> Result<Outcome> {
        let request = job.request;
        memory::forget_peak();
        let prepared = prepared(request)?;
        let mut on_layer = || announce(watch, loading(0.0));
        self.checking.look_in(job.safety_checkers);
        self.checking.prepare(request, &mut on_layer)?;
        self.exchange_transformer(request, watch)?;
        let loras = self.adapt(request, job.loras, watch)?;
        let size = prepared.as_ref().map_or(request.size, Prepared::size);
        let (sizes, load, budget) = self.circumstances(request, size, job.memory_limit)?;
        let first = ways::plan(&sizes, &load, &budget);
        let lower = |plan: &Plan| ways::lower(plan, &sizes, &load, &budget);
        let (made, plan) = second_try::run(first, lower, &mut |plan, is_second| {
            if is_second {
                self.text.unload(Encoders::OneLayer);
                self.transformer.flux.evict();
                probe.restart();
            }
            let run = Run {
                request,
                prepared: &prepared,
                size,
                plan,
            };
            self.run(&run, probe, watch)
        })?;
        let Made {
            pictures,
            timings,
            truncated_at,
        } = made;
        self.planner.learn(&sizes, &load, timings.denoising);
        let mut notes = self.notes(request, truncated_at, probe.noise.is_some());
        notes.extend(self.checking.note(request));
        notes.extend(checking::notes(&pictures));
        notes.extend((plan != first).then(text::second_try));
        notes.extend(plan.tile.map(|_| text::tiles()));
        let incomplete = loras.iter().filter(|lora| !lora.report.is_complete());
        notes.extend(incomplete.map(text::incomplete));
        notes.extend(prepared.into_iter().flat_map(|prepared| prepared.notes));
        Ok(Outcome {
            pictures,
            steps: request.running_steps(),
            notes,
            loras,
            timings_secs: timings,
            peak_memory_bytes: memory::peak_bytes(),
            plan: Some(plan),
            model: self.name.clone(),
        })
    }

    /// Makes the pictures of a job as its plan says.
    fn run(&mut self, run: &Run<'_>, probe: &mut Probe, watch: &mut Watch<'_>) -> Result<Made> {
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
        let shift = match request.model {
            Model::Dev => Some(self.shift),
            Model::Schnell => None,
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

    /// The request's notes and what turned out while running.
    fn notes(
        &self,
        request: &Request,
        truncated_at: Option<usize>,
        foreign_noise: bool,
    ) -> Vec<Note> {
        let mut notes = request.notes.clone();
        let has_guidance = self.transformer.flux.config().has_guidance();
        notes.extend(foreign_noise.then(text::noise_from_file));
        match (request.model, has_guidance) {
            (Model::Schnell, true) => notes.push(text::dev_as_schnell(request.guidance)),
            (Model::Dev, false) => notes.push(text::without_guidance()),
            _ => {}
        }
        notes.extend(truncated_at.map(text::truncated));
        notes
    }
}

/// A request and how it runs.
#[derive(Clone, Copy)]
struct Run<'a> {
    request: &'a Request,
    prepared: &'a Option<Prepared>,
    size: Size,
    plan: Plan,
}

/// What came out of a run.
struct Made {
    pictures: Vec<Picture>,
    timings: Timings,
    truncated_at: Option<usize>,
}

impl Generator for FluxGenerator {
    fn outlook(&mut self, safety_checkers: &[PathBuf]) -> Option<Outlook> {
        self.checking.look_in(safety_checkers);
        let tokens = |model| (model, self.text.t5_length(model));
        let text_tokens = Model::ALL.map(tokens).to_vec();
        self.planner.outlook(text_tokens, self.checking.bytes())
    }

    fn generate(&mut self, job: &Job<'_>, watch: &mut Watch<'_>) -> Result<Outcome> {
        self.generate_probed(job, &mut Probe::default(), watch)
    }
}

/// Reads the files that a job starts from.
fn prepared(request: &Request) -> Result<Option<Prepared>> {
    let start = request.start.as_ref();
    start
        .map(|start| Prepared::read(start, request).map_err(Error::Input))
        .transpose()
}
