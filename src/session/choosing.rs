//! Which model runs, and how another takes its place.
//!
//! A choice takes over once its files have been looked at: the form draws its sizes at once, waiting jobs are seen anew, and
//! the worker exchanges its generator when the running job has ended.

use std::path::{Path, PathBuf};

use crate::engine::plan::outlook::Outlook;
use crate::schema::request::Request;
use crate::session::downloads::Purpose;
use crate::session::jobs::{Job, JobState};
use crate::session::models::News;
use crate::session::worker::Choice;
use crate::session::{ModelState, Session};
use crate::weights::error::Error;
use crate::weights::model::{ModelCard, ModelSource};
use crate::weights::survey::found::FoundModel;

/// What the download of the safety checker is called among the offers in the settings.
const CHECKER: &str = "safety checker";

/// The model that runs.
pub(super) struct Current {
    pub(super) source: ModelSource,
    pub(super) card: ModelCard,
    pub(super) state: ModelState,
    /// What the plans of jobs are made of, once it is ready.
    pub(super) outlook: Option<Box<Outlook>>,
    /// Which choice it is.
    pub(super) choice: Choice,
    /// Its files of weights.
    files: Vec<PathBuf>,
    /// Whether it has a safety checker of its own.
    brings_checker: bool,
    /// The files of the model with which the running job goes on, where another has been chosen meanwhile.
    retiring: Vec<PathBuf>,
}

impl Current {
    /// A model that is being built.
    pub(super) fn new(source: ModelSource, card: ModelCard) -> Self {
        Self {
            state: ModelState::Loading,
            outlook: None,
            choice: 0,
            files: source.files(),
            brings_checker: source.has_safety_checker(),
            retiring: Vec::new(),
            source,
            card,
        }
    }

    /// Forgets the model before, once no job goes on with it.
    pub(super) fn retire(&mut self) {
        self.retiring.clear();
    }
}

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

    /// Why the model that was chosen last cannot run, in one sentence, until another is chosen.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Lets that sentence go.
    pub fn dismiss_refusal(&mut self) {
        self.refusal = None;
    }

    /// Whether the program was opened for the first time and no model has been chosen yet.
    pub fn is_new(&self) -> bool {
        self.is_new && !self.settings.knows_models
    }

    /// Whether jobs of the model that runs want a safety checker, and none is here.
    pub fn lacks_safety_checker(&self) -> bool {
        let Self {
            current, models, ..
        } = self;
        let wants = current.card.needs_safety_check() && !self.runs_demo();
        wants && !current.brings_checker && models.found().is_some() && !models.has_checker()
    }

    /// Whether a model is the one that runs, or that the running job goes on with.
    pub fn is_in_use(&self, model: &FoundModel) -> bool {
        let is_used = |file: &PathBuf| {
            self.current.files.contains(file) || self.current.retiring.contains(file)
        };
        model.transformer.iter().any(is_used)
    }

    /// Turns to another model: the one at a path, or the demo model. It takes over once it has been looked at; jobs that have
    /// not begun wait for it.
    pub fn choose_model(&mut self, path: Option<PathBuf>) {
        self.settings.knows_models = true;
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
        self.settings.model = path;
        self.save_settings();
        if self.current.source == source && !matches!(self.current.state, ModelState::Failed(_)) {
            self.after_change();
            return;
        }
        if let Some(architecture) = source.assembled() {
            // A file holds one of the two, and the form says which.
            let name = architecture.model().name();
            name.clone_into(&mut self.settings.params.model);
        }
        let mut next = Current::new(source.clone(), card);
        next.choice = self.current.choice + 1;
        if self.running().is_some() {
            next.retiring.append(&mut self.current.files);
            next.retiring.append(&mut self.current.retiring);
        }
        self.current = next;
        self.loras.set_source(source.clone());
        self.worker.use_model(self.current.choice, source);
        self.resolve_waiting();
    }

    /// Sees anew what waiting jobs come to: another model may draw other sizes.
    fn resolve_waiting(&mut self) {
        let waiting = self.jobs.iter().enumerate();
        let waiting: Vec<_> = waiting
            .filter(|(_, job)| job.is_waiting())
            .map(|(index, job)| (index, self.resolve(&job.params, job.request.seed)))
            .collect();
        for (index, resolved) in waiting {
            let job = &mut self.jobs[index];
            match resolved {
                // A seed that nobody chose stays what it was.
                Ok(request) => {
                    let seed = job.request.seed;
                    job.request = Request { seed, ..request };
                }
                Err(problems) => {
                    let reasons: Vec<_> = problems.iter().map(ToString::to_string).collect();
                    job.state = JobState::Failed(reasons.join("; ").into());
                }
            }
        }
        self.after_change();
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
            self.settings.model_folders.push(folder);
            self.save_settings();
        }
        self.look_for_models();
    }

    /// Leaves a folder out again.
    pub fn remove_model_folder(&mut self, folder: &Path) {
        self.settings.model_folders.retain(|other| other != folder);
        self.save_settings();
        self.look_for_models();
    }

    /// The files that go with a model when it is deleted: none of what runs, and none that a download has brought for another.
    pub fn removable(&self, model: &FoundModel) -> Vec<PathBuf> {
        let mut kept = [self.current.files.as_slice(), &self.current.retiring].concat();
        let folder = self.models.folder();
        let downloads = self.downloads.all().iter();
        let wanted = downloads.flat_map(|download| &download.files);
        kept.extend(wanted.map(|file| folder.join(&file.place)));
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
        if let Some((name, files)) = self.models.wanted(&purpose) {
            self.downloads.begin(purpose, name, files);
            self.remember_downloads();
        }
    }

    /// Gives a download up.
    pub fn give_up_download(&mut self, purpose: &Purpose) {
        self.downloads.give_up(purpose);
        self.remember_downloads();
    }

    /// Writes down which downloads are not complete, so that the next run can go on with them.
    fn remember_downloads(&mut self) {
        let offers = self
            .downloads
            .all()
            .iter()
            .filter_map(|download| match &download.purpose {
                Purpose::Offer(id) => Some(id.clone()),
                Purpose::Safety => Some(CHECKER.to_owned()),
                Purpose::Rest(_) => None,
            });
        self.settings.downloads = offers.collect();
        self.save_settings();
    }

    /// Shows the downloads of earlier runs, once it is known what they lack.
    fn recall_downloads(&mut self) {
        for offer in self.settings.downloads.clone() {
            let is_checker = offer == CHECKER;
            let is_lacking = if is_checker {
                !self.models.has_checker()
            } else {
                let lacking = self.models.lacking(&offer);
                lacking.is_some_and(|files| !files.is_empty())
            };
            let purpose = if is_checker {
                Purpose::Safety
            } else {
                Purpose::Offer(offer)
            };
            if is_lacking && let Some((name, files)) = self.models.wanted(&purpose) {
                self.downloads.recall(purpose, name, files);
            }
        }
    }

    /// Takes in what has become of models and downloads.
    pub(super) fn receive_models(&mut self) {
        let was_looking = self.models.is_looking();
        for news in self.models.pump() {
            match news {
                News::Opened(opened) => {
                    self.list(&opened.path);
                    self.use_model(Some(opened.path), opened.source, opened.card);
                }
                News::NotOpened(path, error) => {
                    self.refusal = Some(not_opened(&error, self.runs_demo()));
                    // The page shows what it lacks, and offers to fetch that.
                    if let Error::Incomplete { .. } = &error {
                        self.list(&path);
                    }
                    self.after_change();
                }
                News::Trashed(done) => {
                    self.notices.extend(done.err());
                    self.look_for_models();
                }
            }
        }
        if was_looking && !self.models.is_looking() {
            self.recall_downloads();
        }
        let complete = self.downloads.pump();
        if !complete.is_empty() {
            self.remember_downloads();
            self.look_for_models();
        }
        for purpose in complete {
            self.take_complete(&purpose);
        }
    }

    /// Takes a model that has been downloaded, where nobody works with another.
    fn take_complete(&mut self, purpose: &Purpose) {
        let path = match purpose {
            Purpose::Offer(id) => self.models.path_of(id),
            Purpose::Rest(path) => Some(path.clone()),
            Purpose::Safety => None,
        };
        let Some(path) = path else {
            return;
        };
        let is_idle = self.jobs.iter().all(Job::has_ended);
        if is_idle && self.runs_demo() {
            self.choose_model(Some(path));
        } else {
            let name = path.file_name().unwrap_or(path.as_os_str());
            self.notices.push(format!(
                "{} is here now: the page Models lets you use it",
                name.to_string_lossy()
            ));
        }
    }
}

/// What is said of a model that was chosen and cannot run.
fn not_opened(error: &Error, runs_demo: bool) -> String {
    if runs_demo {
        format!("The demo model runs, for the one that was chosen cannot: {error}")
    } else {
        format!("The model that was chosen cannot run: {error}")
    }
}
