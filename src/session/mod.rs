//! What the program is doing: the queue, the worker, the gallery, the settings. No toolkit, no tensors.
//!
//! [`Session`] is the one object a front end draws. It is owned by the front end's thread; everything slow happens on
//! the threads `engine` ([`worker`]), `gallery` and `pictures` ([`gallery`]), `lora` ([`loras`]), `models` ([`models`]) and
//! `download` ([`downloads`]), which send events and call [`Wake`]. The front end
//! calls [`Session::pump`] before it draws.

mod choosing;
pub mod downloads;
pub mod files;
pub mod gallery;
pub mod inputs;
pub mod jobs;
pub mod journal;
pub mod looks;
pub mod loras;
pub mod models;
pub mod naming;
pub mod record;
pub mod settings;
pub mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::engine::plan::memory;
use crate::engine::plan::ways::Plan;
use crate::schema::circumstances::Circumstances;
use crate::schema::notes::Problem;
use crate::schema::params::Params;
use crate::schema::reference::Reference;
use crate::schema::request::Request;
use crate::session::choosing::Current;
use crate::session::downloads::Downloads;
use crate::session::gallery::{Gallery, PictureLoader};
use crate::session::inputs::InputStore;
use crate::session::jobs::{Job, JobId, JobState};
use crate::session::journal::Journal;
use crate::session::looks::LookCache;
use crate::session::loras::{LoraState, Shelf};
use crate::session::models::Models;
use crate::session::record::Record;
use crate::session::settings::Settings;
use crate::session::worker::{Event, MakeGenerator, Order, Worker};
use crate::weights::catalog::Catalog;
use crate::weights::http::Network;
use crate::weights::hub;
use crate::weights::library::Library;
use crate::weights::model::{ModelCard, ModelSource};
use crate::weights::tokens::{Service, Tokens};

/// Asks the front end to draw again. Called from other threads.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Where the session keeps its own files.
#[derive(Clone, Debug)]
pub struct Folders {
    /// Settings.
    pub config: PathBuf,
    /// The journal of waiting jobs.
    pub state: PathBuf,
    /// Where pictures go until the user chooses another folder.
    pub pictures: PathBuf,
    /// Input pictures and masks that are kept.
    pub inputs: PathBuf,
    /// LoRAs that were downloaded.
    pub loras: PathBuf,
    /// Models that were downloaded.
    pub models: PathBuf,
    /// Where other programs keep models, which are used in place: the cache of Hugging Face's own tools, and the usual
    /// folders of ComfyUI and InvokeAI.
    pub foreign_models: Vec<PathBuf>,
}

/// Where other programs keep their models below the user's folder, if they are not told otherwise.
/// <https://docs.comfy.org/installation/desktop/linux>, <https://invoke-ai.github.io/InvokeAI/configuration/>
const FOREIGN_MODELS: [&str; 3] = [
    "ComfyUI/models",
    "Documents/ComfyUI/models",
    "invokeai/models",
];

impl Folders {
    /// The platform's usual folders for this program and user.
    pub fn of_user() -> Option<Self> {
        let project = directories::ProjectDirs::from("", "", "flux-qfaces")?;
        let pictures = directories::UserDirs::new()
            .and_then(|user| {
                user.picture_dir()
                    .map(|pictures| pictures.join("Flux QFaces"))
            })
            .unwrap_or_else(|| project.data_dir().join("pictures"));
        Some(Self {
            config: project.config_dir().to_owned(),
            state: project
                .state_dir()
                .unwrap_or_else(|| project.data_local_dir())
                .to_owned(),
            pictures,
            inputs: project.data_local_dir().join("inputs"),
            loras: project.cache_dir().join("loras"),
            models: project.data_local_dir().join("models"),
            foreign_models: foreign_models(),
        })
    }

    /// Where models and their parts are looked for, the nearest first.
    pub fn of_models(&self) -> Vec<PathBuf> {
        let own = [self.models.clone()].into_iter();
        own.chain(self.foreign_models.iter().cloned()).collect()
    }
}

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

/// How far the model is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelState {
    /// Being read; jobs wait.
    Loading,
    /// Ready for jobs.
    Ready,
    /// It cannot be used, in one sentence.
    Failed(String),
}

/// Everything the program is doing.
pub struct Session {
    /// What the user chose; call [`Session::save_settings`] after a change.
    pub settings: Settings,
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
    /// Whether waiting jobs stay waiting.
    paused: bool,
    /// The model that runs.
    current: Current,
    /// Why the model that was chosen last cannot run.
    refusal: Option<String>,
    /// Whether the program was opened for the first time, and what models there are is to be shown.
    is_new: bool,
    /// All memory of this machine in bytes, where the platform tells.
    machine_memory: Option<u64>,
    /// In the order they will run; ended jobs stay until they are cleared.
    jobs: Vec<Job>,
    next_id: u64,
    /// Inputs of jobs of earlier runs whose files cannot be read now: they may be there next time.
    stranded: Vec<Params>,
    journal: Journal,
    looks: LookCache,
    notices: Vec<String>,
    worker: Worker,
    events: Receiver<Event>,
    folders: Folders,
}

impl Session {
    /// Starts the session. Files of earlier runs that cannot be read become notices, never errors.
    pub fn open(folders: Folders, setup: Setup, wake: Wake) -> Self {
        let Setup {
            model,
            make,
            network,
            catalog,
        } = setup;
        let mut notices = Vec::new();
        let (settings, warning) = Settings::read(&folders);
        notices.extend(warning);
        let (journal, waiting, warning) = Journal::open(&folders.state);
        notices.extend(warning);
        let mut models = Models::new(catalog, &folders, Arc::clone(&wake));
        let downloads = Downloads::new(folders.models.clone(), network.clone(), Arc::clone(&wake));
        models.look(&settings.model_folders);
        let is_new = model.is_none() && settings.model.is_none();
        let (source, card) = match (model, &settings.model) {
            (Some(model), _) => model,
            (None, chosen) => {
                // Until the one that was chosen last has been opened, which a sleeping disk may delay.
                if let Some(path) = chosen {
                    models.open(path.clone());
                }
                // The demo model's card is embedded, and a test reads it.
                let card = ModelSource::Embedded.card().unwrap_or_default();
                (ModelSource::Embedded, card)
            }
        };
        let (worker, events) =
            Worker::start(make, source.clone(), models.places(), Arc::clone(&wake));
        let library = Library::new(folders.loras.clone(), network);
        let loras = Shelf::new(library, source.clone(), Arc::clone(&wake));
        let loader = PictureLoader::start(wake);
        loader.scan(settings.output_folder.clone());
        let inputs = InputStore::new(folders.inputs.clone());
        let used = waiting.iter().chain([&settings.params]);
        let used = used.flat_map(|params| [params.image.clone(), params.mask.clone()]);
        inputs.sweep(&used.flatten().collect::<Vec<_>>());
        let mut session = Self {
            inputs,
            loras,
            models,
            downloads,
            gallery: Gallery::new(settings.output_folder.clone()),
            settings,
            loader,
            paused: false,
            current: Current::new(source, card),
            refusal: None,
            is_new,
            machine_memory: memory::total_bytes(),
            jobs: Vec::new(),
            next_id: 0,
            stranded: Vec::new(),
            journal,
            looks: LookCache::default(),
            notices,
            worker,
            events,
            folders,
        };
        session.restore(waiting);
        session
    }

    /// Every job: ended ones first, then the running one, then the waiting ones in order.
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// The job that runs now.
    pub fn running(&self) -> Option<&Job> {
        self.jobs
            .iter()
            .find(|job| matches!(job.state, JobState::Running(_)))
    }

    /// The job called `id`.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }

    /// Sentences for the user that have come up since the last call.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// The inputs of a record, ready to be used again: its mask as a file, and its starting picture where it is kept.
    /// Where it is not, there is none, and the second value says so.
    pub fn params_of(&mut self, record: &Record) -> (Params, Option<String>) {
        let mut params = record.params();
        let mut remark = None;
        if let Some(reference) = record.image() {
            params.image = self.inputs.find(reference);
            if params.image.is_none() {
                let sentence =
                    "The starting picture of this picture is not kept here: choose it again";
                remark = Some(sentence.to_owned());
            }
        }
        if let Some(reference) = record.mask_reference().filter(|_| params.image.is_some()) {
            let embedded = record.mask_file();
            let embedded = embedded.and_then(|file| self.inputs.keep(&file, inputs::MASK).ok());
            params.mask = embedded.or_else(|| self.inputs.find(reference));
            if params.mask.is_none() {
                let sentence =
                    "The mask of this picture is not in it and not kept here: paint it again";
                remark = Some(sentence.to_owned());
            }
        } else {
            params.mask = None;
        }
        self.hold_loras(&mut params);
        (params, remark)
    }

    /// Takes care of the LoRAs that a picture's settings name: nothing is downloaded without the user's word, and paths,
    /// which records of this program never hold, are not followed.
    fn hold_loras(&mut self, params: &mut Params) {
        params.retain_loras(|typed| {
            let is_foreign = |reference: Reference| reference.shareable().is_none();
            !Reference::parse(typed).is_ok_and(is_foreign)
        });
        let library = self.loras.library();
        for (_, typed) in params.loras() {
            let is_asked = matches!(
                self.loras.state(typed),
                Some(LoraState::Looking | LoraState::Arriving(_) | LoraState::Ready(_))
            );
            let is_missing = |reference: Reference| library.would_download(&reference);
            if !is_asked && Reference::parse(typed).is_ok_and(is_missing) {
                self.settings.loras_held.push(typed.to_owned());
            }
        }
    }

    /// How a job with these inputs will run; `None` while that is not known, or when it cannot run.
    pub fn plan(&self, params: &Params) -> Option<Plan> {
        let request = self.resolve(params, 0).ok()?;
        let limit = self.settings.memory_limit();
        self.current.outlook.as_ref()?.plan(&request, limit)
    }

    /// All memory of this machine in bytes, where the platform tells.
    pub fn machine_memory(&self) -> Option<u64> {
        self.machine_memory
    }

    /// The memory of this machine in bytes, where that limits jobs.
    pub fn memory(&self) -> Option<u64> {
        self.current.outlook.as_ref()?.total
    }

    /// What stands against running `params` now; empty when nothing does.
    pub fn problems(&self, params: &Params) -> Vec<Problem> {
        self.resolve(params, 0).err().unwrap_or_default()
    }

    /// Puts a job at the end of the queue.
    ///
    /// # Errors
    /// Every problem with the inputs.
    pub fn submit(&mut self, params: &Params) -> Result<JobId, Vec<Problem>> {
        let request = self.resolve(params, random_bits())?;
        let id = JobId(self.next_id);
        self.next_id += 1;
        self.jobs.push(Job {
            id,
            params: params.clone(),
            request,
            state: JobState::Waiting,
        });
        self.after_change();
        Ok(id)
    }

    /// Cancels a waiting job at once, and the running one within a block of the model.
    pub fn cancel(&mut self, id: JobId) {
        let Some(job) = self.jobs.iter_mut().find(|job| job.id == id) else {
            return;
        };
        match &mut job.state {
            JobState::Waiting => job.state = JobState::Cancelled,
            JobState::Running(run) => run.cancel(),
            _ => return,
        }
        self.after_change();
    }

    /// Moves a waiting job one place towards the front (`-1`) or the end (`1`).
    pub fn reorder(&mut self, id: JobId, by: isize) {
        let waiting: Vec<_> = self
            .jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| job.is_waiting())
            .map(|(index, _)| index)
            .collect();
        let Some(place) = waiting.iter().position(|&index| self.jobs[index].id == id) else {
            return;
        };
        if let Some(&other) = place
            .checked_add_signed(by)
            .and_then(|place| waiting.get(place))
        {
            self.jobs.swap(waiting[place], other);
            self.after_change();
        }
    }

    /// Forgets jobs that have ended. Their pictures stay.
    pub fn clear_ended(&mut self) {
        self.jobs.retain(|job| !job.has_ended());
    }

    /// Whether waiting jobs stay waiting.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Holds waiting jobs back, or lets them run.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        self.after_change();
    }

    /// Takes another folder for pictures and lists what is there.
    pub fn set_output_folder(&mut self, folder: PathBuf) {
        self.gallery = Gallery::new(folder.clone());
        self.loader.scan(folder.clone());
        self.settings.output_folder = folder;
        self.save_settings();
    }

    /// Tries to load the model again after it could not be used.
    pub fn reload_model(&mut self) {
        if let ModelState::Failed(_) = self.current.state {
            self.current.state = ModelState::Loading;
            self.worker.reload();
        }
    }

    /// Stores a token and uses it from now on; blank text takes the stored one away. A failure becomes a notice.
    pub fn store_token(&mut self, service: Service, token: String) {
        let mut tokens = Tokens::stored(&self.folders.config);
        tokens.set(service, Some(token));
        if let Err(error) = tokens.store(&self.folders.config) {
            self.notices
                .push(format!("The tokens could not be stored: {error}"));
        }
        let tokens = Tokens::known(&self.folders.config);
        self.downloads.set_tokens(tokens.clone());
        self.downloads.retry_closed();
        self.loras.set_tokens(tokens);
    }

    /// Writes the settings; a failure becomes a notice.
    pub fn save_settings(&mut self) {
        if let Err(warning) = self.settings.write(&self.folders) {
            self.notices.push(warning);
        }
    }

    /// Takes in what the other threads have done. Call it before drawing.
    pub fn pump(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.receive(event);
        }
        self.receive_models();
        self.loader.pump(&mut self.gallery);
        self.loras.pump();
    }

    /// Takes in one event of the worker.
    fn receive(&mut self, event: Event) {
        match event {
            Event::Outlook(choice, outlook) if choice == self.current.choice => {
                self.current.outlook = outlook;
            }
            Event::ModelReady(choice) if choice == self.current.choice => {
                self.current.state = ModelState::Ready;
            }
            Event::ModelFailed(choice, sentence) if choice == self.current.choice => {
                self.current.state = ModelState::Failed(sentence);
            }
            // Of a model that was chosen before.
            Event::Outlook(..) | Event::ModelReady(_) | Event::ModelFailed(..) => {}
            Event::Progress(id, progress) => {
                if let Some(Job {
                    state: JobState::Running(run),
                    ..
                }) = self.jobs.iter_mut().find(|job| job.id == id)
                {
                    run.advance(progress);
                }
            }
            Event::Finished(id, result) => {
                for entry in &result.entries {
                    self.gallery.insert(entry.clone());
                }
                self.end(id, JobState::Finished(result));
            }
            Event::Cancelled(id) => self.end(id, JobState::Cancelled),
            Event::Failed(id, failure) => self.end(id, JobState::Failed(failure)),
        }
    }

    /// Gives a job its last state and starts the next.
    fn end(&mut self, id: JobId, state: JobState) {
        if let Some(job) = self.jobs.iter_mut().find(|job| job.id == id) {
            job.state = state;
        }
        self.current.retire();
        self.after_change();
    }

    /// Starts the next job if the worker is free, and writes the journal.
    fn after_change(&mut self) {
        // A model that is being opened runs them.
        let is_held = self.paused || self.models.opening().is_some();
        if !is_held && self.running().is_none() {
            let places = self.models.places();
            let next = self.jobs.iter_mut().find(|job| job.is_waiting());
            if let Some(job) = next {
                let (order, run) = Order::new(
                    job,
                    &self.settings,
                    &self.inputs,
                    self.loras.library(),
                    places,
                );
                self.worker.run(order);
                job.state = JobState::Running(run);
            }
        }
        // Ended jobs first, so that the list reads from past to future.
        self.jobs
            .sort_by_key(|job| u8::from(!job.has_ended()) + u8::from(job.is_waiting()));
        let unfinished = self
            .jobs
            .iter()
            .filter(|job| !job.has_ended())
            .map(|job| &job.params)
            .chain(&self.stranded);
        if let Err(warning) = self.journal.write(unfinished) {
            self.notices.push(warning);
        }
    }

    /// Puts the jobs of an interrupted run back into the queue, held until the user lets them run.
    fn restore(&mut self, waiting: Vec<Params>) {
        if waiting.is_empty() {
            return;
        }
        self.paused = true;
        let mut restored = 0;
        for params in waiting {
            match self.submit(&params) {
                Ok(_) => restored += 1,
                Err(problems) => {
                    // A file that cannot be read now may be there next time, for example on another disk.
                    let is_of_file =
                        |problem: &Problem| ["image", "mask"].contains(&problem.field.as_str());
                    if problems.iter().all(is_of_file) {
                        self.stranded.push(params);
                    }
                    let reasons: Vec<_> = problems.iter().map(ToString::to_string).collect();
                    let notice = format!(
                        "A job from last time cannot run any more ({})",
                        reasons.join("; ")
                    );
                    self.notices.push(notice);
                }
            }
        }
        let jobs = if restored == 1 { "job" } else { "jobs" };
        if restored > 0 {
            self.notices.push(format!(
                "{restored} {jobs} from last time kept: press Resume to run"
            ));
        } else {
            self.set_paused(false);
        }
    }

    /// The job that `params` describe now.
    fn resolve(&self, params: &Params, random: u64) -> Result<Request, Vec<Problem>> {
        let looks = self.looks.at(params);
        let circumstances = Circumstances {
            fidelity: self.settings.fidelity,
            native_side: self.current.card.native_side,
            is_flux_sized: self.current.card.is_flux_sized(),
            random,
            image: looks.image.as_ref(),
            mask: looks.mask.as_ref(),
        };
        let request = Request::resolve(params, circumstances);
        let held = loras::held(params, &self.settings.loras_held);
        match request {
            Ok(request) if held.is_empty() => Ok(request),
            Ok(_) => Err(held),
            Err(problems) => Err(problems.into_iter().chain(held).collect()),
        }
    }
}

impl Drop for Session {
    /// Ends the running job within a block of the model, so that its thread can put its files in order.
    fn drop(&mut self) {
        if let Some(JobState::Running(run)) = self.running().map(|job| &job.state) {
            // Also where it waits for a server.
            run.cancel();
        }
        self.worker.join();
        self.paused = true;
        while let Ok(event) = self.events.try_recv() {
            // A job that closing has cut short stays in the journal; one that has its pictures must not run again.
            if !matches!(event, Event::Cancelled(_)) {
                self.receive(event);
            }
        }
    }
}

/// The folders of other programs' models that there are.
fn foreign_models() -> Vec<PathBuf> {
    let home = directories::BaseDirs::new().map(|base| base.home_dir().to_owned());
    let below = |path: &str| Some(home.as_ref()?.join(path));
    let usual = FOREIGN_MODELS.into_iter().filter_map(below);
    let folders = hub::folder().into_iter().chain(usual);
    folders.filter(|folder| folder.is_dir()).collect()
}

/// Random bits from the operating system, or those of the clock where it has none: enough for a seed nobody chose.
pub fn random_bits() -> u64 {
    getrandom::u64().unwrap_or_else(|_| jiff::Timestamp::now().as_nanosecond() as u64)
}
