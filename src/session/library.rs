//! The library of models: which one is in use, how another takes its place, and what downloads bring.
//!
//! A choice takes over once its files have been looked at: the form draws its sizes at once, waiting jobs are resolved again,
//! and the worker exchanges its generator when the running job has ended.

use std::path::{Path, PathBuf};

use crate::imaging::read;
use crate::schema::request::Request;
use crate::session::downloads::{Halt, Purpose};
use crate::session::jobs::{Job, JobState};
use crate::session::program::Session;
use crate::session::text;
use crate::session::worker::{Current, ModelState};
use crate::weights::error::Error;
use crate::weights::model::{ModelCard, ModelSource};
use crate::weights::survey::found::FoundModel;

impl Session {
    /// The model that runs.
    pub fn card(&self) -> &ModelCard {
        &self.current.card
    }

    /// Where its files are.
    pub fn source(&self) -> &ModelSource {
        &self.current.source
    }

    /// How far it is.
    pub fn model(&self) -> &ModelState {
        &self.current.state
    }

    /// Whether the demo model runs.
    pub fn runs_demo(&self) -> bool {
        self.current.source == ModelSource::Embedded
    }

    /// The memory of this machine in bytes, where that limits jobs.
    pub fn memory(&self) -> Option<u64> {
        self.current.outlook.as_ref()?.total
    }

    /// Why the model that was chosen last cannot run, in one sentence, until another is chosen.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Lets that sentence go.
    pub fn dismiss_refusal(&mut self) {
        self.refusal = None;
    }

    /// Whether jobs of the model that runs want a safety checker, and none is here.
    pub fn lacks_safety_checker(&self) -> bool {
        let (model, models) = (&self.current, &self.models);
        let is_checked = model.card.needs_safety_check() && !self.runs_demo();
        let is_lacking = models.found().is_some() && !models.has_checker();
        is_checked && !model.brings_checker && is_lacking
    }

    /// Whether a model is in use, by the running job at least.
    pub fn is_in_use(&self, model: &FoundModel) -> bool {
        let mut files = self.current.files();
        files.any(|file| model.transformer.contains(file))
    }

    /// Turns to another model: the one at a path, or the demo model. It takes over once it has been looked at; jobs that have
    /// not begun wait for it.
    pub fn choose_model(&mut self, path: Option<PathBuf>) {
        self.note_models_seen();
        self.refusal = None;
        if let Some(path) = path {
            self.models.open(path);
            return;
        }
        self.models.open_nothing();
        let source = ModelSource::Embedded;
        match source.card() {
            Ok(card) => self.use_model(None, source, card),
            Err(error) => self.notices.push(error.to_string()),
        }
    }

    /// Takes another model for all jobs that have not begun.
    fn use_model(&mut self, path: Option<PathBuf>, source: ModelSource, card: ModelCard) {
        let is_loaded = !matches!(self.current.state, ModelState::Failed(_));
        let is_same = self.current.source == source && is_loaded;
        self.change_settings(|settings| {
            settings.model = path;
            if let Some(architecture) = source.assembled().filter(|_| !is_same) {
                // A file holds one of the two, and the form says which.
                let name = architecture.model().name();
                name.clone_into(&mut settings.params.model);
            }
        });
        self.save();
        if !is_same {
            log::info!("another model was chosen");
            let news = self.worker.use_model(source.clone());
            let next = Current::new(source.clone(), card, news);
            self.current.replace(next, self.queue.running().is_some());
            self.previews.forget();
            self.loras.set_source(source);
            self.resolve_waiting();
        }
        self.advance();
    }

    /// Resolves the waiting jobs again: another model may draw other sizes.
    fn resolve_waiting(&mut self) {
        let waiting = self.jobs().iter().filter(|job| job.is_waiting());
        let resolved = waiting.map(|job| (job.id, self.resolve(&job.params, job.request.seed)));
        for (id, resolved) in resolved.collect::<Vec<_>>() {
            let Some(job) = self.queue.job_mut(id) else {
                continue;
            };
            match resolved {
                // A seed that nobody chose stays what it was.
                Ok(request) => {
                    let seed = job.request.seed;
                    job.request = Request { seed, ..request };
                }
                Err(problems) => job.state = JobState::Failed(text::reasons(&problems).into()),
            }
        }
    }

    /// Loads the model again after it could not be used.
    pub fn reload_model(&mut self) {
        if let ModelState::Failed(_) = self.current.state {
            self.current.state = ModelState::Loading;
            self.worker.reload();
        }
    }

    /// Looks for models again, with the folders of the settings.
    pub fn look_for_models(&mut self) {
        let folders = self.settings.model_folders.clone();
        self.models.look(&folders);
    }

    /// Sees to it that the page lists a model that the user has named, wherever it lies.
    fn list(&mut self, path: &Path) {
        let places = self.models.places();
        if !places.iter().any(|place| path.starts_with(place)) {
            self.add_model_folder(path.to_owned());
        }
    }

    /// Looks for models in a folder besides the others, and remembers it. A file may be one, too.
    pub fn add_model_folder(&mut self, folder: PathBuf) {
        if !self.settings.model_folders.contains(&folder) {
            self.change_settings(|settings| settings.model_folders.push(folder));
            self.save();
        }
        self.look_for_models();
    }

    /// Leaves a folder out again.
    pub fn remove_model_folder(&mut self, folder: &Path) {
        self.change_settings(|settings| settings.model_folders.retain(|other| other != folder));
        self.save();
        self.look_for_models();
    }

    /// The files that go with a model when it is deleted: none of what runs, and none that a download has brought for another.
    pub fn removable(&self, model: &FoundModel) -> Vec<PathBuf> {
        let folder = self.models.folder();
        let downloads = self.downloads.all().iter();
        let wanted = downloads.flat_map(|download| &download.files);
        let wanted = wanted.map(|file| folder.join(&file.place));
        let kept: Vec<_> = self.current.files().cloned().chain(wanted).collect();
        self.models.removable(model, &kept)
    }

    /// Puts a model's files into the system's trash, unless it is the one in use.
    pub fn trash_model(&mut self, model: &FoundModel) {
        if !self.is_in_use(model) {
            let files = self.removable(model);
            self.models.trash(files);
        }
    }

    /// Begins a download, or goes on with it.
    pub fn fetch_model(&mut self, purpose: Purpose) {
        if let Some(wanted) = self.models.wanted(&purpose) {
            self.downloads.begin(purpose, wanted);
            self.remember_downloads();
        }
    }

    /// Gives a download up.
    pub fn give_up_download(&mut self, purpose: &Purpose) {
        self.downloads.give_up(purpose);
        self.remember_downloads();
    }

    /// Writes down which downloads are not complete, so that the next run can resume them.
    fn remember_downloads(&mut self) {
        let unfinished = self.downloads.unfinished();
        self.change_state(|state| state.downloads = unfinished);
        self.save();
    }

    /// Shows the downloads of earlier runs, once it is known what they lack.
    fn recall_downloads(&mut self) {
        for name in self.state.downloads.clone() {
            let purpose = Purpose::named(&name);
            let is_lacking = match &purpose {
                Purpose::Safety => !self.models.has_checker(),
                _ => (self.models.lacking(&name)).is_some_and(|files| !files.is_empty()),
            };
            if is_lacking && let Some(wanted) = self.models.wanted(&purpose) {
                self.downloads.add(purpose, wanted, Halt::Paused);
            }
        }
    }

    /// Takes in what has become of models and downloads.
    pub(super) fn pump_models(&mut self) {
        let has_looked = self.models.pump();
        for trashed in self.models.take_trashed() {
            self.notices.extend(trashed.err());
            self.look_for_models();
        }
        match self.models.take_opened() {
            Some((path, Ok((source, card)))) => {
                self.list(&path);
                self.use_model(Some(path), source, card);
            }
            Some((path, Err(error))) => self.refuse(&path, &error),
            None => {}
        }
        if has_looked && !self.models.is_looking() {
            self.recall_downloads();
        }
        if let Some(complete) = self.downloads.pump() {
            self.remember_downloads();
            self.look_for_models();
            self.take_complete(&complete);
        }
    }

    /// Stays with the model in use, for the one that was chosen cannot run.
    fn refuse(&mut self, path: &Path, error: &Error) {
        self.refusal = Some(if self.runs_demo() {
            text::demo_instead(error)
        } else {
            text::model_refused(error)
        });
        // The page shows what it lacks, and offers to fetch that.
        if let Error::Incomplete { .. } = error {
            self.list(path);
        }
        self.advance();
    }

    /// Takes a model that has been downloaded, where nobody works with another.
    fn take_complete(&mut self, purpose: &Purpose) {
        let Some(path) = self.models.path_of(purpose) else {
            return;
        };
        if self.runs_demo() && self.jobs().iter().all(Job::has_ended) {
            self.choose_model(Some(path));
        } else {
            self.notices.push(text::model_arrived(read::name(&path)));
        }
    }
}
