//! The model in use: what it says of itself, how far the worker is with it, and its files.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use crate::engine::plan::outlook::Outlook;
use crate::session::worker::{ModelNews, ModelState};
use crate::weights::model::{ModelCard, ModelSource};

/// The model in use.
pub(super) struct Current {
    pub(super) source: ModelSource,
    pub(super) card: ModelCard,
    pub(super) state: ModelState,
    /// What the plans of jobs are made of, once it is ready.
    pub(super) outlook: Option<Box<Outlook>>,
    /// What the worker tells of it.
    news: Receiver<ModelNews>,
    /// Its files of weights.
    files: Vec<PathBuf>,
    /// Whether it has a safety checker of its own.
    pub(super) brings_checker: bool,
    /// The files of the model that the running job still uses, where another has been chosen meanwhile.
    pub(super) retiring: Vec<PathBuf>,
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

    /// The files that it and the running job use.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().chain(&self.retiring)
    }
}
