//! The story of one job: read the starting picture, encode the prompt, draw the noise, denoise step by step, decode.
//!
//! <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/flux/pipeline_flux.py>

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::stored::Precision;
use crate::engine::error::{Error, Result};
use crate::engine::job::{Generator, Job, Outcome};
use crate::engine::layers::weights::Weights;
use crate::engine::lora::adapters::{Adapted, Adapters, Applied};
use crate::engine::lora::layouts;
use crate::engine::lora::targets::Targets;
use crate::engine::models::vae::autoencoder::Vae;
use crate::engine::models::vae::config::Config as VaeConfig;
use crate::engine::pipeline::checking;
use crate::engine::pipeline::checking::Checking;
use crate::engine::pipeline::dump::Probe;
use crate::engine::pipeline::prompt::TextEncoders;
use crate::engine::pipeline::run::{Loaded, Made, Run, Transformer, loading};
use crate::engine::pipeline::sampling::SchedulerConfig;
use crate::engine::pipeline::second_try;
use crate::engine::plan::load::{Budget, Encoders, Load};
use crate::engine::plan::memory;
use crate::engine::plan::outlook::{Outlook, Planner, precision_of};
use crate::engine::plan::sizes::Sizes;
use crate::engine::plan::ways;
use crate::engine::plan::ways::Plan;
use crate::engine::progress::{Watch, announce};
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
    loaded: Loaded,
    source: ModelSource,
    adapters: Adapters,
    planner: Planner,
    /// The layers that LoRAs can change, by the folder of the transformer; read when the first LoRA comes.
    targets: HashMap<&'static str, Targets>,
    name: String,
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
            planner: Planner::new(source, &hardware, base_bytes),
            loaded: Loaded {
                text,
                transformer,
                vae,
                checking: Checking::new(source, &card),
                shift: scheduler.into(),
                hardware,
                loading_secs: started.elapsed().as_secs_f64(),
            },
            source: source.clone(),
            adapters: Adapters::default(),
            targets: HashMap::new(),
            name: card.name,
        })
    }

    /// Exchanges the transformer where a job needs the other one of the model, or the same in another precision.
    ///
    /// The loaded one stays until the other is complete, so that a cancel or a damaged file changes nothing.
    fn exchange_transformer(&mut self, request: &Request, watch: &mut Watch<'_>) -> Result<()> {
        let folder = self.source.transformer_for(request.model)?;
        let wanted = (folder, precision_of(request));
        let loaded = &mut self.loaded;
        if wanted != (loaded.transformer.folder, loaded.transformer.precision) {
            let started = Instant::now();
            let (vae, hardware) = (&loaded.vae, &loaded.hardware);
            loaded.transformer = Transformer::open(&self.source, wanted, vae, hardware, watch)?;
            // The text encoders keep what acts on them until the next job says what is to act.
            self.adapters.forget_acting();
            loaded.text.forget();
            loaded.loading_secs += started.elapsed().as_secs_f64();
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
        let loaded = &mut self.loaded;
        let folder = loaded.transformer.folder;
        let loras: Vec<_> = request.loras.iter().zip(files).collect();
        if !loras.is_empty() && !self.targets.contains_key(folder) {
            let targets = Targets::of(&self.source, request.model)?;
            self.targets.insert(folder, targets);
        }
        let no_targets = Targets::default();
        let targets = self.targets.get(folder).unwrap_or(&no_targets);
        let [clip, t5] = loaded.text.slots();
        let model = Adapted {
            folder,
            targets,
            slots: &[
                (layouts::Part::Transformer, loaded.transformer.slots.clone()),
                (layouts::Part::Clip, clip),
                (layouts::Part::T5, t5),
            ],
            hardware: &loaded.hardware,
        };
        let (applied, text_changed) = self
            .adapters
            .act(&loras, &model, &mut || announce(watch, loading(1.0)))?;
        if text_changed {
            loaded.text.forget();
        }
        loaded.loading_secs += started.elapsed().as_secs_f64();
        Ok(applied)
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
            text_tokens: self.loaded.text.t5_length(request.model),
            steps: request.running_steps(),
            pictures: request.num_outputs,
            knows_prompt: self.loaded.text.knows(&request.prompt, request.model),
            checker: self.loaded.checking.bytes_for(request),
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
        self.loaded.checking.look_in(job.safety_checkers);
        self.loaded.checking.prepare(request, &mut on_layer)?;
        self.exchange_transformer(request, watch)?;
        let loras = self.adapt(request, job.loras, watch)?;
        let size = prepared.as_ref().map_or(request.size, Prepared::size);
        let (sizes, load, budget) = self.circumstances(request, size, job.memory_limit)?;
        let first = ways::plan(&sizes, &load, &budget);
        let lower = |plan: &Plan| ways::lower(plan, &sizes, &load, &budget);
        let (made, plan) = second_try::run(first, lower, &mut |plan, is_second| {
            if is_second {
                self.loaded.unload();
                probe.restart();
            }
            let run = Run {
                request,
                prepared: &prepared,
                size,
                plan,
            };
            self.loaded.run(&run, probe, watch)
        })?;
        let Made {
            pictures,
            timings,
            truncated_at,
        } = made;
        self.planner.learn(&sizes, &load, timings.denoising);
        let mut notes = self.notes(request, truncated_at, probe.noise.is_some());
        notes.extend(self.loaded.checking.note(request));
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

    /// The request's notes and what turned out while running.
    fn notes(
        &self,
        request: &Request,
        truncated_at: Option<usize>,
        foreign_noise: bool,
    ) -> Vec<Note> {
        let mut notes = request.notes.clone();
        let has_guidance = self.loaded.transformer.flux.config().has_guidance();
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

impl Generator for FluxGenerator {
    fn outlook(&mut self, safety_checkers: &[PathBuf]) -> Option<Outlook> {
        self.loaded.checking.look_in(safety_checkers);
        let tokens = |model| (model, self.loaded.text.t5_length(model));
        let text_tokens = Model::ALL.map(tokens).to_vec();
        self.planner
            .outlook(text_tokens, self.loaded.checking.bytes())
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
