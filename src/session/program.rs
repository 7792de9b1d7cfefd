//! [`Session`]: the parts of the program, and what happens between them.

use std::path::PathBuf;

use crate::engine::plan::memory;
use crate::schema::notes::Problem;
use crate::schema::params::Params;
use crate::session::background::{Background, Wake};
use crate::session::downloads::Downloads;
use crate::session::folders::Folders;
use crate::session::gallery::Gallery;
use crate::session::inputs::InputStore;
use crate::session::jobs::{Job, JobId, JobState};
use crate::session::loras::Shelf;
use crate::session::models::Models;
use crate::session::pictures::PictureLoader;
use crate::session::preview::{LookCache, PreviewCache};
use crate::session::queue::Queue;
use crate::session::settings::{Settings, State};
use crate::session::text;
use crate::session::worker::{Current, MakeGenerator, Order, Worker};
use crate::weights::catalog::Catalog;
use crate::weights::http::Network;
use crate::weights::library::Library;
use crate::weights::model::{ModelCard, ModelSource};
use crate::weights::tokens::{Service, Tokens};

/// What a session runs on.
pub struct Setup {
    /// The model that was asked for when the program was started, and what it says of itself; without one it is the one that
    /// the user chose last.
    pub model: Option<(ModelSource, ModelCard)>,
    /// Builds generators; runs on the worker's thread, at once and again after a panic or for another model.
    pub make: MakeGenerator,
    /// How to reach the sources of models and LoRAs.
    pub network: Network,
    /// The models that can be downloaded.
    pub catalog: Catalog,
}

/// Everything the program is doing.
pub struct Session {
    /// Every picture in the output folder, newest first.
    pub gallery: Gallery,
    /// Reads pictures from disk for the front end.
    pub loader: PictureLoader,
    /// Input pictures and masks that are kept.
    pub inputs: InputStore,
    /// The LoRAs of the form.
    pub loras: Shelf,
    /// The models of this machine, and those that can be downloaded.
    pub models: Models,
    /// Downloads of models.
    pub downloads: Downloads,
    pub(super) settings: Settings,
    pub(super) state: State,
    /// Whether settings or state have changed since they were written.
    is_unsaved: bool,
    pub(super) queue: Queue,
    pub(super) current: Current,
    /// Why the model that was chosen last cannot run.
    pub(super) refusal: Option<String>,
    /// Whether the program was opened for the first time.
    is_first_run: bool,
    /// All memory of this machine in bytes, where the platform tells.
    machine_memory: Option<u64>,
    pub(super) looks: LookCache,
    pub(super) previews: PreviewCache,
    pub(super) notices: Vec<String>,
    pub(super) worker: Worker,
    background: Background,
    folders: Folders,
}

impl Session {
    /// Starts the session. Files of earlier runs that cannot be read become notices, never errors.
    pub fn open(folders: Folders, setup: Setup, wake: Wake) -> Self {
        let (settings, settings_warning) = Settings::read(&folders);
        let (state, state_warning) = State::read(&folders);
        let (queue, waiting, queue_warning) = Queue::open(&folders.state);
        let notices = [settings_warning, state_warning, queue_warning];
        let background = Background::new(wake);
        let mut models = Models::new(setup.catalog, &folders, background.clone());
        models.look(&settings.model_folders);
        let is_first_run = setup.model.is_none() && settings.model.is_none();
        let (source, card) = setup.model.unwrap_or_else(|| {
            // Until the one that was chosen last has been opened, which a sleeping disk may delay.
            if let Some(path) = &settings.model {
                models.open(path.clone());
            }
            // The demo model's card is embedded, and a test reads it.
            let card = ModelSource::Embedded.card().unwrap_or_default();
            (ModelSource::Embedded, card)
        });
        let (worker, news) =
            Worker::start(setup.make, source.clone(), models.places(), &background);
        let library = Library::new(folders.loras.clone(), setup.network.clone());
        let inputs = InputStore::new(folders.inputs.clone());
        let used = waiting.iter().chain([&settings.params]);
        let used = used.flat_map(|params| [params.image.clone(), params.mask.clone()]);
        inputs.sweep(&used.flatten().collect::<Vec<_>>());
        let mut session = Self {
            gallery: Gallery::open(settings.output_folder.clone(), &background),
            settings,
            loader: PictureLoader::start(&background),
            inputs,
            loras: Shelf::new(library, source.clone(), background.clone()),
            models,
            downloads: Downloads::new(folders.models.clone(), setup.network, background.clone()),
            state,
            is_unsaved: false,
            queue,
            current: Current::new(source, card, news),
            refusal: None,
            is_first_run,
            machine_memory: memory::total_bytes(),
            looks: LookCache::default(),
            previews: PreviewCache::default(),
            notices: notices.into_iter().flatten().collect(),
            worker,
            background,
            folders,
        };
        session.restore(waiting);
        session
    }

    /// Puts the jobs of an interrupted run back into the queue, held until the user lets them run.
    fn restore(&mut self, waiting: Vec<Params>) {
        if waiting.is_empty() {
            return;
        }
        self.queue.is_paused = true;
        for params in waiting {
            if let Err(problems) = self.submit(&params) {
                let reasons = text::reasons(&problems);
                self.notices.push(text::not_restored(reasons));
                // A file that cannot be read now may be there next time, for example on another disk.
                let mut fields = problems.iter().map(|problem| problem.field.as_str());
                if fields.all(|field| ["image", "mask"].contains(&field)) {
                    self.queue.stranded.push(params);
                }
            }
        }
        match self.jobs().len() {
            0 => self.set_paused(false),
            1 => self.notices.push(text::restored(1, "job")),
            count => self.notices.push(text::restored(count, "jobs")),
        }
    }

    /// Takes in what the tasks in the background have done. Call it before drawing.
    pub fn pump(&mut self) {
        if let Some((id, state)) = self.queue.pump() {
            self.end(id, state);
        }
        if self.current.pump() {
            self.previews.forget();
        }
        self.loras.pump();
        self.pump_models();
        self.gallery.pump();
        self.loader.pump();
    }

    /// Gives a job its last state and starts the next.
    fn end(&mut self, id: JobId, state: JobState) {
        if let JobState::Finished(finished) = &state {
            for entry in &finished.entries {
                self.gallery.insert(entry.clone());
            }
        }
        if let Some(job) = self.queue.job_mut(id) {
            job.state = state;
        }
        self.current.retiring.clear();
        self.advance();
    }

    /// Starts the next job if the worker is free, and writes the journal. To be called after each change of the queue.
    pub(super) fn advance(&mut self) {
        // A model that is being opened runs them.
        if self.models.opening().is_none()
            && let Some(job) = self.queue.next()
        {
            let (settings, library) = (&self.settings, self.loras.library());
            let places = self.models.places();
            let (order, run) = Order::new(job, settings, &self.inputs, library, places);
            self.worker.run(order);
            job.state = JobState::Running(run);
        }
        self.notices.extend(self.queue.save().err());
    }

    /// Sentences for the user that have come up since the last call.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// Starts work in the background.
    pub fn background(&self) -> &Background {
        &self.background
    }

    /// All memory of this machine in bytes, where the platform tells.
    pub fn machine_memory(&self) -> Option<u64> {
        self.machine_memory
    }
}

/// The queue.
impl Session {
    /// Every job: ended ones first, then the running one, then the waiting ones in order.
    pub fn jobs(&self) -> &[Job] {
        &self.queue.jobs
    }

    /// The job that runs now.
    pub fn running(&self) -> Option<&Job> {
        self.queue.running()
    }

    /// The job called `id`.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs().iter().find(|job| job.id == id)
    }

    /// Whether waiting jobs stay waiting.
    pub fn is_paused(&self) -> bool {
        self.queue.is_paused
    }

    /// Pauses the queue after the running job, or resumes it.
    pub fn set_paused(&mut self, is_paused: bool) {
        self.queue.is_paused = is_paused;
        self.advance();
    }

    /// Puts a job at the end of the queue.
    ///
    /// # Errors
    /// Every problem with the inputs.
    pub fn submit(&mut self, params: &Params) -> Result<JobId, Vec<Problem>> {
        let request = self.resolve(params, random_bits())?;
        let id = self.queue.add(params.clone(), request);
        self.advance();
        Ok(id)
    }

    /// Cancels a waiting job at once, and the running one within a block of the model.
    pub fn cancel(&mut self, id: JobId) {
        self.queue.cancel(id);
        self.advance();
    }

    /// Moves a waiting job one place towards the front (`-1`) or the end (`1`).
    pub fn reorder(&mut self, id: JobId, by: isize) {
        self.queue.reorder(id, by);
        self.advance();
    }

    /// Forgets jobs that have ended. Their pictures stay.
    pub fn clear_ended(&mut self) {
        self.queue.jobs.retain(|job| !job.has_ended());
    }
}

/// Settings and state.
impl Session {
    /// What the user chose.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the program remembers besides the settings.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Changes the settings; [`Self::save`] writes them.
    pub fn change_settings(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.state.forget_loras(&self.settings.params);
        self.is_unsaved = true;
    }

    /// Changes the state; [`Self::save`] writes it.
    pub(super) fn change_state(&mut self, change: impl FnOnce(&mut State)) {
        change(&mut self.state);
        self.is_unsaved = true;
    }

    /// Takes another folder for pictures and lists what is there.
    pub fn set_output_folder(&mut self, folder: PathBuf) {
        self.gallery = Gallery::open(folder.clone(), &self.background);
        self.change_settings(|settings| settings.output_folder = folder);
        self.save();
    }

    /// Disables a LoRA of the form, or enables it again.
    pub fn disable_lora(&mut self, typed: &str, is_off: bool) {
        let typed = typed.trim();
        self.change_state(|state| {
            state.loras_off.retain(|off| off != typed);
            state.loras_off.extend(is_off.then(|| typed.to_owned()));
        });
    }

    /// Enables every LoRA of the form.
    pub fn enable_loras(&mut self) {
        self.change_state(|state| state.loras_off.clear());
    }

    /// Permits the download of a LoRA that comes from a picture's settings.
    pub fn permit_lora(&mut self, typed: &str) {
        self.change_state(|state| state.loras_held.retain(|held| held != typed.trim()));
    }

    /// Notes that the user has seen what models there are.
    pub fn note_models_seen(&mut self) {
        self.change_state(|state| state.knows_models = true);
    }

    /// Whether the program was opened for the first time and no model has been chosen yet.
    pub fn is_new(&self) -> bool {
        self.is_first_run && !self.state.knows_models
    }

    /// Stores a token and uses it from now on; blank text removes the stored one. A failure becomes a notice.
    pub fn store_token(&mut self, service: Service, token: String) {
        let config = &self.folders.config;
        let mut tokens = Tokens::stored(config);
        tokens.set(service, Some(token));
        if let Err(error) = tokens.store(config) {
            self.notices.push(text::tokens_unsaved(&error));
        }
        let tokens = Tokens::known(config);
        self.downloads.set_tokens(tokens.clone());
        self.downloads.retry_closed();
        self.loras.set_tokens(tokens);
    }

    /// Whether settings or state have changed since they were written.
    pub fn is_unsaved(&self) -> bool {
        self.is_unsaved
    }

    /// Writes settings and state; a failure becomes a notice.
    pub fn save(&mut self) {
        self.is_unsaved = false;
        let settings = self.settings.write(&self.folders);
        let state = self.state.write(&self.folders);
        self.notices.extend(settings.err().or(state.err()));
    }
}

impl Drop for Session {
    /// Ends the running job within a block of the model, so that its thread can put its files in order.
    fn drop(&mut self) {
        if let Some(id) = self.running().map(|job| job.id) {
            // Also where it waits for a server.
            self.queue.cancel(id);
        }
        self.worker.close();
        self.background.end();
        self.queue.is_paused = true;
        let ended = self.queue.pump();
        // A job that closing has cut short stays in the journal; one that has its pictures must not run again.
        if let Some((id, state)) = ended.filter(|(_, state)| !matches!(state, JobState::Cancelled))
        {
            self.end(id, state);
        }
        if self.is_unsaved {
            self.save();
        }
    }
}

/// Random bits from the operating system, or those of the clock where it has none: enough for a seed nobody chose.
pub fn random_bits() -> u64 {
    getrandom::u64().unwrap_or_else(|_| jiff::Timestamp::now().as_nanosecond() as u64)
}
