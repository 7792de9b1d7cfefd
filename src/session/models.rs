//! The models of this machine: where they are, what opens them, and which files go with one that is deleted.
//!
//! Folders are looked through in the background; what is there is used where it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::files::free_bytes;
use crate::session::background::{Background, Reporter, Task};
use crate::session::downloads::{Purpose, Wanted};
use crate::session::folders::Folders;
use crate::session::text;
use crate::weights::catalog::{Catalog, Published};
use crate::weights::error::Error;
use crate::weights::install;
use crate::weights::model::{ModelCard, ModelSource};
use crate::weights::survey::assembly::open_model;
use crate::weights::survey::found::{FoundModel, find_all};
use crate::weights::walk::{DEPTH, gather};

/// What a look through the folders has found.
#[derive(Default)]
struct Looked {
    models: Arc<[FoundModel]>,
    /// All files of weights outside the folder of downloads.
    elsewhere: Vec<PathBuf>,
    /// Whether one of the places has a safety checker.
    has_checker: bool,
    /// Bytes that are free where downloads go.
    free: Option<u64>,
}

/// A model that was asked for and what it says of itself, or why it cannot be used.
type Opened = Result<(ModelSource, ModelCard), Error>;

/// The models of this machine and of the catalogue.
pub struct Models {
    /// What can be downloaded.
    pub catalog: Catalog,
    folders: Folders,
    /// Folders that the user has named besides.
    others: Vec<PathBuf>,
    background: Background,
    /// What was found; `None` before the first look is over.
    looked: Option<Looked>,
    /// What has to be downloaded for each offer.
    lacking: BTreeMap<String, Vec<Published>>,
    /// The look through the folders that goes on.
    looking: Option<Task<Looked>>,
    /// The path that is being opened.
    opening: Option<(PathBuf, Task<Opened>)>,
    /// What is being put into the system's trash.
    trashing: Vec<Task<Result<(), String>>>,
}

impl Models {
    /// Over a catalogue. Nothing is looked for yet.
    pub(super) fn new(catalog: Catalog, folders: &Folders, background: Background) -> Self {
        Self {
            catalog,
            folders: folders.clone(),
            others: Vec::new(),
            background,
            looked: None,
            lacking: BTreeMap::new(),
            looking: None,
            opening: None,
            trashing: Vec::new(),
        }
    }

    /// The models that were found; `None` before the first look is over.
    pub fn found(&self) -> Option<Arc<[FoundModel]>> {
        Some(Arc::clone(&self.looked.as_ref()?.models))
    }

    /// Whether folders are being looked through.
    pub fn is_looking(&self) -> bool {
        self.looking.is_some()
    }

    /// The path that is being opened.
    pub fn opening(&self) -> Option<&Path> {
        self.opening.as_ref().map(|(path, _)| path.as_path())
    }

    /// Where downloads go.
    pub fn folder(&self) -> &Path {
        &self.folders.models
    }

    /// Whether one of the places had a safety checker when they were last looked through.
    pub fn has_checker(&self) -> bool {
        let looked = self.looked.as_ref();
        looked.is_some_and(|looked| looked.has_checker)
    }

    /// Bytes that were free on the disk of the downloads when the folders were last looked through.
    pub fn free_bytes(&self) -> Option<u64> {
        self.looked.as_ref()?.free
    }

    /// Where models and their parts are looked for, the nearest first.
    pub fn places(&self) -> Vec<PathBuf> {
        self.folders.of_models(&self.others)
    }

    /// Looks through the folders, with `others` besides the usual ones. An earlier look ends.
    pub(super) fn look(&mut self, others: &[PathBuf]) {
        self.others = others.to_vec();
        let (places, folder) = (self.places(), self.folders.models.clone());
        let look = move |reporter: &Reporter<()>| {
            let others = places.iter().skip(1);
            Looked {
                elsewhere: others.flat_map(|place| gather(place, DEPTH)).collect(),
                has_checker: ModelSource::safety_checker_in(&places).is_some(),
                free: free_bytes(&folder),
                models: find_all(&places, reporter.stop()).into(),
            }
        };
        self.looking = Some(self.background.start("models", look));
    }

    /// Opens the model at a path; the session hears of it. The latest call counts.
    pub(super) fn open(&mut self, path: PathBuf) {
        let (asked, places) = (path.clone(), self.places());
        let open = move |_: &Reporter<()>| {
            let source = open_model(&asked, &places)?;
            let card = source.card()?;
            Ok((source, card))
        };
        self.opening = Some((path, self.background.start("open model", open)));
    }

    /// Forgets what is being opened: another choice has been made.
    pub(super) fn open_nothing(&mut self) {
        self.opening = None;
    }

    /// What has to be downloaded for an offer; `None` before the first look is over.
    pub fn lacking(&self, offer: &str) -> Option<&[Published]> {
        self.lacking.get(offer).map(Vec::as_slice)
    }

    /// What a download is to bring: what does not lie elsewhere on this machine. `None` before the first look is over, and
    /// where there is no such thing.
    pub(super) fn wanted(&self, purpose: &Purpose) -> Option<Wanted> {
        let found = &self.looked.as_ref()?.models;
        let (name, mut files) = match purpose {
            Purpose::Offer(id) => {
                let offer = self.catalog.offer(id)?;
                (offer.name(), self.catalog.files(offer))
            }
            Purpose::Rest(path) => {
                let model = found.iter().find(|model| model.path == *path)?;
                let missing = model.missing.iter();
                let files = missing.flat_map(|part| self.catalog.files_of_part(part.folder));
                (text::model_lacks(&model.name), files.collect())
            }
            Purpose::Safety => ("Safety checker".to_owned(), self.catalog.safety_files()),
        };
        files.retain(|file| self.held(file).is_none());
        Some((name, files))
    }

    /// Where a file of the catalogue lies outside the folder of downloads. Of the safety checker it does not count: its
    /// files are told apart by their folders.
    fn held(&self, file: &Published) -> Option<&PathBuf> {
        let is_of_checker = file.place.starts_with("safety_");
        let elsewhere = &self.looked.as_ref()?.elsewhere;
        install::held_in(elsewhere, file).filter(|_| !is_of_checker)
    }

    /// Where the model of a complete download lies, in the folder of downloads or elsewhere; the safety checker is none.
    pub(super) fn path_of(&self, purpose: &Purpose) -> Option<PathBuf> {
        let offer = match purpose {
            Purpose::Offer(id) => self.catalog.offer(id)?,
            Purpose::Rest(path) => return Some(path.clone()),
            Purpose::Safety => return None,
        };
        let files = self.catalog.files(offer);
        let transformer = files.first()?;
        let path = self.folder().join(&transformer.place);
        let own = path.is_file().then_some(path);
        own.or_else(|| self.held(transformer).cloned())
    }

    /// The files that go with a model when it is deleted: its own, but for those that are in `kept` or that another model
    /// uses. Only what was downloaded or lies in a folder that the user has named: other programs keep accounts of their
    /// own.
    pub fn removable(&self, model: &FoundModel, kept: &[PathBuf]) -> Vec<PathBuf> {
        let is_in = |path: &PathBuf, places: &[PathBuf]| places.iter().any(|p| path.starts_with(p));
        let found = self.looked.iter().flat_map(|looked| looked.models.iter());
        let others = found.filter(|other| other.path != model.path);
        let used: Vec<_> = others.flat_map(|other| &other.files).collect();
        let is_free = |file: &&PathBuf| {
            let is_downloaded = file.starts_with(self.folder());
            let is_own = model.transformer.contains(file) || file.starts_with(&model.path);
            let is_foreign = is_in(file, &self.folders.foreign_models);
            let is_named = is_own && is_in(file, &self.others) && !is_foreign;
            (is_downloaded || is_named) && !used.contains(file) && !kept.contains(file)
        };
        // Where the transformer stays, the rest does as well.
        let goes = model.transformer.iter().all(|file| is_free(&file));
        let files = model.files.iter().filter(|file| goes && is_free(file));
        files.cloned().collect()
    }

    /// Puts files into the system's trash; the session hears of it.
    pub(super) fn trash(&mut self, files: Vec<PathBuf>) {
        let trash = move |_: &Reporter<()>| trash::delete_all(&files).map_err(text::not_trashed);
        self.trashing.push(self.background.start("trash", trash));
    }

    /// Takes in what a look through the folders has found; returns whether one has ended.
    pub(super) fn pump(&mut self) -> bool {
        let looked = Task::take(&mut self.looking);
        let has_ended = looked.is_some();
        if let Some(looked) = looked {
            self.looked = Some(looked.unwrap_or_default());
            self.lacking = self.lacking_of_all();
        }
        has_ended
    }

    /// What has come of files that were put into the trash: a sentence where that failed.
    pub(super) fn take_trashed(&mut self) -> Vec<Result<(), String>> {
        let ended = Task::take_ended(&mut self.trashing).into_iter();
        let failed = |reason| Err(text::trash_failed(reason));
        ended.map(|done| done.unwrap_or_else(failed)).collect()
    }

    /// What has come of the path that was opened.
    pub(super) fn take_opened(&mut self) -> Option<(PathBuf, Opened)> {
        let (path, task) = self.opening.take_if(|(_, task)| task.has_ended())?;
        let opened = task.wait();
        let refused = |reason| Error::Refused(text::opening_failed(reason));
        Some((path, opened.map_err(refused).flatten()))
    }

    /// What has to be downloaded for each offer.
    fn lacking_of_all(&self) -> BTreeMap<String, Vec<Published>> {
        let offers = self.catalog.offers.iter();
        let lacking = offers.map(|offer| {
            let files = self.catalog.files(offer);
            let mut missing = install::missing(self.folder(), &files);
            missing.retain(|file| self.held(file).is_none());
            (offer.id.clone(), missing)
        });
        lacking.collect()
    }
}
