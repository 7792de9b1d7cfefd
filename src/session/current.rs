//! The model in use: what it says of itself, how far the worker is with it, and its files.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use crate::engine::plan::outlook::Outlook;
use crate::engine::plan::ways::Plan;
use crate::schema::request::Request;
use crate::session::worker::{ModelNews, ModelState};
use crate::weights::model::{ModelCard, ModelSource};
use crate::weights::survey::found::FoundModel;

/// The model in use.
pub(super) struct Current {
    pub(super) source: ModelSource,
    pub(super) card: ModelCard,
    pub(super) state: ModelState,
    /// What the plans of jobs are made of, once it is ready.
    outlook: Option<Box<Outlook>>,
    /// What the worker tells of it.
    news: Receiver<ModelNews>,
    /// Its files of weights.
    files: Vec<PathBuf>,
    /// Whether it has a safety checker of its own.
    brings_checker: bool,
    /// The files of the model that the running job still uses, where another has been chosen meanwhile.
    retiring: Vec<PathBuf>,
}

impl Current {
    /// A model that is being built, of which the worker tells `news`.
    pub(super) fn new(source: ModelSource, card: ModelCard, news: Receiver<ModelNews>) -> Self {
        Self {
            state: ModelState::Loading,
            outlook: None,
            news,
            files: source.files(),
            brings_checker: source.has_safety_checker(),
            retiring: Vec::new(),
            source,
            card,
        }
    }

    /// Puts another model in its place. Its files stay in use while a job runs on them.
    pub(super) fn replace(&mut self, next: Self, is_running: bool) {
        let earlier = std::mem::replace(self, next);
        if is_running {
            self.retiring = [earlier.files, earlier.retiring].concat();
        }
    }

    /// Forgets the model before, once no job runs on it any more.
    pub(super) fn retire(&mut self) {
        self.retiring.clear();
    }

    /// Takes in what the worker has told; returns whether there was anything.
    pub(super) fn pump(&mut self) -> bool {
        let mut has_changed = false;
        for news in self.news.try_iter() {
            has_changed = true;
            match news {
                ModelNews::State(state) => self.state = state,
                ModelNews::Outlook(outlook) => self.outlook = outlook,
            }
        }
        has_changed
    }

    /// The demo model, which needs no file.
    pub(super) fn is_demo(&self) -> bool {
        self.source == ModelSource::Embedded
    }

    /// Whether its pictures are checked, and it brings no safety checker of its own.
    pub(super) fn wants_checker(&self) -> bool {
        self.card.needs_safety_check() && !self.is_demo() && !self.brings_checker
    }

    /// The files that it and the running job use.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().chain(&self.retiring)
    }

    /// Whether a model is this one, or the one that the running job uses.
    pub(super) fn is(&self, model: &FoundModel) -> bool {
        let mut files = self.files();
        files.any(|file| model.transformer.contains(file))
    }

    /// How a job will run if the program may hold `limit` bytes; `None` while that is not known.
    pub(super) fn plan(&self, request: &Request, limit: Option<u64>) -> Option<Plan> {
        self.outlook.as_ref()?.plan(request, limit)
    }

    /// The memory of this machine in bytes, where that limits jobs.
    pub(super) fn memory(&self) -> Option<u64> {
        self.outlook.as_ref()?.total
    }
}
