//! The story of one job: read the starting picture, encode the prompt, draw the noise, denoise step by step, decode.
//!
//! <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/flux/pipeline_flux.py>

use std::collections::HashMap;
use std::time::Instant;

use candle_core::{DType, Tensor};
use image::RgbImage;

use crate::engine::checkpoint::{Component, Precision, read_config};
use crate::engine::device::Hardware;
use crate::engine::dump::{Dump, Probe};
use crate::engine::flux;
use crate::engine::flux::vae::{self, Vae};
use crate::engine::lora::adapters::{Adapted, Adapters, Applied};
use crate::engine::lora::layouts;
use crate::engine::lora::targets::Targets;
use crate::engine::noise::Draws;
use crate::engine::plan::{self, Budget, Load, Outlook, Plan, Sizes};
use crate::engine::planner::Planner;
use crate::engine::prompt::{Encoded, Keeping, TextEncoders};
use crate::engine::sampling::{self, Shift};
use crate::engine::start::{self, StartLatents};
use crate::engine::transformer::{SchedulerConfig, Transformer, loading};
use crate::engine::{Error, Generator, Outcome, Progress, Stage, Timings, Watch, announce, memory};
use crate::imaging::prepare::Prepared;
use crate::schema::request::{Model, Request};
use crate::schema::size::Size;
use crate::schema::{Note, quirks};
use crate::weights::LoraFile;
use crate::weights::inspect::Part;
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
        self.exchange_transformer(request, watch)?;
        let loras = self.adapt(request, loras, watch)?;
        let size = prepared.as_ref().map_or(request.size, Prepared::size);
        let (sizes, load, budget) = self.circumstances(request, size)?;
        let first = plan::plan(&sizes, &load, &budget);
        let mut job = Job {
            request,
            prepared: &prepared,
            size,
            plan: first,
        };
        let made = match self.run(&job, probe, watch) {
            Err(error) if is_out_of_memory(&error) => {
                let Some(lower) = plan::lower(&first, &sizes, &load, &budget) else {
                    return Err(Error::OutOfMemory);
                };
                self.let_go();
                job.plan = lower;
                probe.restart();
                self.run(&job, probe, watch)
            }
            made => made,
        };
        let Made {
            pictures,
            timings,
            truncated_at,
        } = made.map_err(|error| {
            if is_out_of_memory(&error) {
                Error::OutOfMemory
            } else {
                error
            }
        })?;
        self.planner.learn(&sizes, &load, &timings);
        let mut notes = self.notes(request, truncated_at, probe.noise.is_some());
        let plan = job.plan;
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
        timings.total = timings.loading + started.elapsed().as_secs_f64();
        Ok(Made {
            pictures: finished,
            timings,
            truncated_at: conditions.encoded.truncated_at,
        })
    }

    /// The starting picture and its mask as latents.
    fn start(
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
    fn noise(
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
    fn sigmas(&self, request: &Request, noise: &Tensor) -> Result<Vec<f32>, Error> {
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
    fn denoise(
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
    pictures: Vec<RgbImage>,
    timings: Timings,
    truncated_at: Option<usize>,
}

/// Whether a device has no memory left. The drivers say so in words.
fn is_out_of_memory(error: &Error) -> bool {
    let Error::Compute(error) = error else {
        return false;
    };
    let text = error.to_string().to_lowercase();
    ["out of memory", "out_of_memory", "memory allocation"]
        .iter()
        .any(|words| text.contains(words))
}

impl Generator for FluxGenerator {
    fn limit_memory(&mut self, bytes: Option<u64>) {
        self.planner.limit_memory(bytes);
    }

    fn outlook(&mut self) -> Option<Outlook> {
        let tokens = |model| (model, self.text.t5_length(model));
        let text_tokens = vec![tokens(Model::Dev), tokens(Model::Schnell)];
        self.planner.outlook(text_tokens)
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

/// What all pictures of a job have in common.
struct Conditions {
    encoded: Encoded,
    /// The noise levels of the whole schedule.
    sigmas: Vec<f32>,
    start: Option<StartLatents>,
}

impl Conditions {
    /// Keeps what a job starts from.
    fn dump(&self, dump: &mut Dump, noise: &Tensor) -> Result<(), Error> {
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

/// Reads the files that a job starts from.
fn prepared(request: &Request) -> Result<Option<Prepared>, Error> {
    let start = request.start.as_ref();
    start
        .map(|start| Prepared::read(start, request).map_err(Error::Input))
        .transpose()
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

/// A decoded picture of `size`, `(1, 3, h, w)`, −1 to 1, as 8-bit pixels.
fn to_picture(decoded: &Tensor, request: &Request, size: Size) -> Result<RgbImage, Error> {
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
