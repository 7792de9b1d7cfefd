//! The story of one job: read the starting picture, encode the prompt, draw the noise, denoise step by step, decode.
//!
//! <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/flux/pipeline_flux.py>

mod second_try;
mod steps;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use candle_core::DType;
use image::RgbImage;

use crate::engine::checking::{self, Checking, Picture};
use crate::engine::checkpoint::{Component, Precision, read_config};
use crate::engine::device::Hardware;
use crate::engine::dump::Probe;
use crate::engine::flux::vae::{self, Vae};
use crate::engine::lora::adapters::{Adapted, Adapters, Applied};
use crate::engine::lora::layouts;
use crate::engine::lora::targets::Targets;
use crate::engine::noise::Draws;
use crate::engine::pipeline::steps::{Conditions, check_finite, to_picture};
use crate::engine::plan::{self, Budget, Load, Outlook, Plan, Sizes};
use crate::engine::planner::Planner;
use crate::engine::prompt::{Keeping, TextEncoders};
use crate::engine::sampling::Shift;
use crate::engine::transformer::{SchedulerConfig, Transformer, loading};
use crate::engine::{Error, Generator, Outcome, Progress, Stage, Timings, Watch, announce, memory};
use crate::imaging::prepare::Prepared;
use crate::schema::Note;
use crate::schema::request::{Model, Request};
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
    ) -> Result<Self, Error> {
        let started = Instant::now();
        let base_bytes = memory::current_bytes().unwrap_or(0);
        announce(watch, loading(0.0))?;
        let card = source
            .card()
            .map_err(|error| Error::Checkpoint(error.to_string()))?;
        let scheduler: SchedulerConfig =
            read_config(source, "scheduler/scheduler_config.json", || {
                Ok(SchedulerConfig::default())
            })?;
        let mut on_layer = || announce(watch, loading(0.0));
        let text = TextEncoders::open(source, &hardware, Keeping::OneLayer, &mut on_layer)?;
        let vae = Component::open(source, Part::Vae, Part::Vae.folder(), &hardware)?;
        let vae = Vae::load(&vae::Config::read(source, &vae)?, &vae.weights())?;
        let folder = Transformer::folder_for(source, model)?;
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
    /// The one at hand stays until the other is complete, so that a cancel or a damaged file changes nothing.
    fn exchange_transformer(
        &mut self,
        request: &Request,
        watch: &mut Watch<'_>,
    ) -> Result<(), Error> {
        let folder = Transformer::folder_for(&self.source, request.model)?;
        let wanted = (folder, Precision::of(request));
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
    ) -> Result<Vec<Applied>, Error> {
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

    /// How a job will run in the memory that there is.
    ///
    /// # Errors
    /// When a file of the model is missing or damaged.
    pub fn plan(&mut self, request: &Request, size: Size) -> Result<Plan, Error> {
        let (sizes, load, budget) = self.circumstances(request, size)?;
        Ok(plan::plan(&sizes, &load, &budget))
    }

    /// What a plan is made of.
    fn circumstances(
        &mut self,
        request: &Request,
        size: Size,
    ) -> Result<(Sizes, Load, Budget), Error> {
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
            .sizes_of(request.model, Precision::of(request))?;
        Ok((sizes, load, self.planner.budget(self.adapters.bytes())))
    }

    /// How many files of LoRAs have been read: those that are at hand are not read again.
    pub fn lora_files_read(&self) -> usize {
        self.adapters.files_read()
    }

    /// Runs one job, with noise from outside or tensors for comparison if `probe` wants them.
    ///
    /// # Errors
    /// As [`Generator::generate`]; also when the noise has another shape than the job's.
    pub fn generate_probed(
        &mut self,
        request: &Request,
        loras: &[LoraFile],
        probe: &mut Probe,
        watch: &mut Watch<'_>,
    ) -> Result<Outcome, Error> {
        memory::forget_peak();
        let prepared = prepared(request)?;
        let mut on_layer = || announce(watch, loading(0.0));
        self.checking.prepare(request, &mut on_layer)?;
        self.exchange_transformer(request, watch)?;
        let loras = self.adapt(request, loras, watch)?;
        let size = prepared.as_ref().map_or(request.size, Prepared::size);
        let (sizes, load, budget) = self.circumstances(request, size)?;
        let first = plan::plan(&sizes, &load, &budget);
        let lower = |plan: &Plan| plan::lower(plan, &sizes, &load, &budget);
        let (made, plan) = second_try::run(first, lower, &mut |plan, is_second| {
            if is_second {
                self.let_go();
                probe.restart();
            }
            let job = Job {
                request,
                prepared: &prepared,
                size,
                plan,
            };
            self.run(&job, probe, watch)
        })?;
        let Made {
            pictures,
            timings,
            truncated_at,
        } = made;
        self.planner.learn(&sizes, &load, &timings);
        let mut notes = self.notes(request, truncated_at, probe.noise.is_some());
        notes.extend(self.checking.note(request));
        notes.extend(checking::notes(&pictures));
        notes.extend(plan.notes(plan != first));
        notes.extend(loras.iter().filter_map(incomplete));
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

    /// Lets go of all that can be read anew.
    fn let_go(&mut self) {
        self.text.release(Keeping::OneLayer);
        // Nothing is read where nothing is held.
        let _ = self.transformer.flux.hold(0, &mut |_, _| Ok(()));
    }

    /// Makes the pictures of a job as its plan says.
    fn run(
        &mut self,
        job: &Job<'_>,
        probe: &mut Probe,
        watch: &mut Watch<'_>,
    ) -> Result<Made, Error> {
        let Job {
            request,
            prepared,
            size,
            plan,
        } = *job;
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
        if !plan.together && !self.text.knows(&request.prompt, request.model) {
            self.transformer.flux.hold(0, &mut |_, _| Ok(()))?;
        }
        let encoded = self
            .text
            .encode(&request.prompt, request.model, plan.text, &mut |part| {
                announce(watch, at(Stage::Encoding, 0, 0, part))
            })?;
        let mut draws = Draws::new(request.seed);
        let start = match prepared {
            None => None,
            Some(prepared) => {
                let mut on_block = || announce(watch, at(Stage::Starting, 0, 0, 0.0));
                Some(self.start(request, prepared, &mut draws, &mut on_block)?)
            }
        };
        timings.encoding = clock.elapsed().as_secs_f64();

        let clock = Instant::now();
        self.transformer
            .flux
            .hold(plan.at_hand, &mut |block, blocks| {
                let part = block as f32 / blocks as f32;
                announce(watch, at(Stage::Loading, 0, 0, part))
            })?;
        timings.loading += clock.elapsed().as_secs_f64();
        let noise = self.noise(request.num_outputs, size, &mut draws, probe)?; // (n, c, h, w)
        let sigmas = self.sigmas(request, &noise)?;
        let conditions = Conditions {
            encoded,
            sigmas,
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
            let trajectory = self.denoise(request, &noise, &conditions, &mut on_block)?;
            timings.denoising += clock.elapsed().as_secs_f64();

            let clock = Instant::now();
            let latents = trajectory
                .last()
                .unwrap_or(&noise)
                .to_dtype(self.hardware.dtype)?;
            let decoded = self.vae.decode(&latents, plan.tile, &mut || {
                announce(watch, at(Stage::Decoding, picture, steps, 0.0))
            })?;
            let decoded = decoded.to_dtype(DType::F32)?;
            check_finite(&decoded, "decoding")?;
            let decoded = decoded.clamp(-1f32, 1f32)?; // (1, 3, h, w)
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
        let pictures = self.check(finished, job, &mut |picture| {
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

    /// Lets the safety checker look at the pictures of a job.
    fn check(
        &mut self,
        pictures: Vec<RgbImage>,
        job: &Job<'_>,
        on_layer: &mut dyn FnMut(usize) -> Result<(), Error>,
    ) -> Result<Vec<Picture>, Error> {
        let keeps = job.plan.keeps_checker();
        if !keeps && self.checking.bytes_for(job.request) > 0 {
            self.transformer.flux.hold(0, &mut |_, _| Ok(()))?;
        }
        let judged = self.checking.look_at(pictures, job.request, on_layer)?;
        if !keeps {
            self.checking.release();
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
        if let Some(tokens) = truncated_at {
            notes.push(Note::on(
                "prompt",
                format!("The prompt is longer than {tokens} tokens: its end was not read"),
            ));
        }
        notes
    }
}

/// A job and how it runs.
#[derive(Clone, Copy)]
struct Job<'a> {
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
    fn limit_memory(&mut self, bytes: Option<u64>) {
        self.planner.limit_memory(bytes);
    }

    fn look_for_safety_checker(&mut self, places: &[PathBuf]) {
        self.checking.look_in(places);
    }

    fn outlook(&mut self) -> Option<Outlook> {
        let tokens = |model| (model, self.text.t5_length(model));
        let text_tokens = Model::ALL.map(tokens).to_vec();
        self.planner.outlook(text_tokens, self.checking.bytes())
    }

    fn generate(
        &mut self,
        request: &Request,
        loras: &[LoraFile],
        watch: &mut Watch<'_>,
    ) -> Result<Outcome, Error> {
        self.generate_probed(request, loras, &mut Probe::default(), watch)
    }
}

/// The note on a LoRA of which a part does not act.
fn incomplete(lora: &Applied) -> Option<Note> {
    let Applied { name, report, .. } = lora;
    let message = format!("Of the LoRA {name}, {} act", report.sentence());
    (!report.is_complete()).then(|| Note::general(message))
}

/// Reads the files that a job starts from.
fn prepared(request: &Request) -> Result<Option<Prepared>, Error> {
    let start = request.start.as_ref();
    start
        .map(|start| Prepared::read(start, request).map_err(Error::Input))
        .transpose()
}
