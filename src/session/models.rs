//! The models of this machine: where they are, what opens them, and which files go with one that is deleted.
//!
//! Folders are looked through on a thread `models`, which is started anew for each look; what is there is used where it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::session::downloads::Purpose;
use crate::session::{Folders, Wake};
use crate::weights::catalog::{Catalog, Published};
use crate::weights::disk::free_bytes;
use crate::weights::error::Error;
use crate::weights::install;
use crate::weights::model::{ModelCard, ModelSource};
use crate::weights::stop::Stop;
use crate::weights::survey::assembly::open_model;
use crate::weights::survey::found::{FoundModel, find_all};
use crate::weights::walk::{DEPTH, gather};

/// What a thread tells.
enum Event {
    /// What the look of this number has found.
    Found(u64, Looked),
    /// What has come of opening a path.
    Opened(PathBuf, Result<Opened, Error>),
    /// Files were put into the system's trash, or why not.
    Trashed(Result<(), String>),
}

/// What a look through the folders has found.
struct Looked {
    models: Vec<FoundModel>,
    /// All files of weights outside the folder of downloads.
    elsewhere: Vec<PathBuf>,
    /// Whether one of the places has a safety checker.
    has_checker: bool,
    /// Bytes that are free where downloads go.
    free: Option<u64>,
}

/// A model that was asked for and can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What was asked for.
    pub path: PathBuf,
    /// Where its files are.
    pub source: ModelSource,
    /// What it says of itself.
    pub card: ModelCard,
}

/// What has come up, for the session.
#[derive(Debug)]
pub(super) enum News {
    /// A model that was asked for can be used.
    Opened(Box<Opened>),
    /// It cannot.
    NotOpened(PathBuf, Error),
    /// Files were put into the system's trash, or why not, in one sentence.
    Trashed(Result<(), String>),
}

/// The models of this machine and of the catalogue.
pub struct Models {
    /// What can be downloaded.
    pub catalog: Catalog,
    /// Where downloads go.
    folder: PathBuf,
    /// Where other programs keep models.
    foreign: Vec<PathBuf>,
    /// Folders that the user has named besides.
    others: Vec<PathBuf>,
    wake: Wake,
    /// The models that were found; `None` before the first look is over.
    found: Option<Arc<[FoundModel]>>,
    elsewhere: Vec<PathBuf>,
    has_checker: bool,
    free: Option<u64>,
    /// What has to be downloaded for each offer.
    lacking: BTreeMap<String, Vec<Published>>,
    /// How many looks there have been, and what ends the last one while it goes on.
    looks: u64,
    looking: Option<Stop>,
    /// The path that is being opened.
    opening: Option<PathBuf>,
    sender: Sender<Event>,
    events: Receiver<Event>,
}

impl Models {
    /// Over a catalogue. Nothing is looked for yet.
    pub(super) fn new(catalog: Catalog, folders: &Folders, wake: Wake) -> Self {
        let (sender, events) = channel();
        Self {
            catalog,
            folder: folders.models.clone(),
            foreign: folders.foreign_models.clone(),
            others: Vec::new(),
            wake,
            found: None,
            elsewhere: Vec::new(),
            has_checker: false,
            free: None,
            lacking: BTreeMap::new(),
            looks: 0,
            looking: None,
            opening: None,
            sender,
            events,
        }
    }

    /// The models that were found; `None` before the first look is over.
    pub fn found(&self) -> Option<Arc<[FoundModel]>> {
        self.found.clone()
    }

    /// Whether folders are being looked through.
    pub fn is_looking(&self) -> bool {
        self.looking.is_some()
    }

    /// The path that is being opened.
    pub fn opening(&self) -> Option<&Path> {
        self.opening.as_deref()
    }

    /// Where downloads go.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether one of the places had a safety checker when they were last looked through.
    pub fn has_checker(&self) -> bool {
        self.has_checker
    }

    /// Bytes that were free on the disk of the downloads when the folders were last looked through.
    pub fn free_bytes(&self) -> Option<u64> {
        self.free
    }

    /// Where models and their parts are looked for, the nearest first.
    pub fn places(&self) -> Vec<PathBuf> {
        let own = [self.folder.clone()].into_iter();
        own.chain(self.others.clone())
            .chain(self.foreign.clone())
            .collect()
    }

    /// Looks through the folders, with `others` besides the usual ones. An earlier look ends.
    pub(super) fn look(&mut self, others: &[PathBuf]) {
        self.others = others.to_vec();
        self.looks += 1;
        let (number, places, folder) = (self.looks, self.places(), self.folder.clone());
        let stop = Stop::default();
        if let Some(earlier) = self.looking.replace(stop.clone()) {
            earlier.raise();
        }
        self.start(move |tell| {
            let others = places.iter().skip(1);
            let elsewhere = others.flat_map(|place| gather(place, DEPTH)).collect();
            let looked = Looked {
                elsewhere,
                has_checker: ModelSource::safety_checker_in(&places).is_some(),
                free: free_bytes(&folder),
                models: find_all(&places, &stop),
            };
            tell(Event::Found(number, looked));
        });
    }

    /// Opens the model at a path; the session hears of it.
    pub(super) fn open(&mut self, path: PathBuf) {
        let places = self.places();
        self.opening = Some(path.clone());
        self.start(move |tell| {
            let opened = opened(&path, &places);
            tell(Event::Opened(path, opened));
        });
    }

    /// Forgets what is being opened: another choice has been made.
    pub(super) fn open_nothing(&mut self) {
        self.opening = None;
    }

    /// What has to be downloaded for an offer; `None` before the first look is over.
    pub fn lacking(&self, offer: &str) -> Option<&[Published]> {
        self.lacking.get(offer).map(Vec::as_slice)
    }

    /// What a download is called, and its files but for those that lie elsewhere on this machine. `None` before the first
    /// look is over, and where there is no such thing.
    pub(super) fn wanted(&self, purpose: &Purpose) -> Option<(String, Vec<Published>)> {
        let found = self.found.as_ref()?;
        let (name, mut files) = match purpose {
            Purpose::Offer(id) => {
                let offer = self.catalog.offer(id)?;
                (offer.name(), self.catalog.files(offer))
            }
            Purpose::Rest(path) => {
                let model = found.iter().find(|model| model.path == *path)?;
                let missing = model.missing.iter();
                let files = missing.flat_map(|part| self.catalog.files_of_part(part.folder));
                (format!("What {} lacks", model.name), files.collect())
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
        install::held_in(&self.elsewhere, file).filter(|_| !is_of_checker)
    }

    /// Where the transformer of an offer lies, downloaded or elsewhere.
    pub(super) fn path_of(&self, offer: &str) -> Option<PathBuf> {
        let files = self.catalog.files(self.catalog.offer(offer)?);
        let transformer = files.first()?;
        let path = self.folder.join(&transformer.place);
        if path.is_file() {
            return Some(path);
        }
        self.held(transformer).cloned()
    }

    /// The files that go with a model when it is deleted: its own, but for those that are in `kept` or that another model
    /// uses. Only what was downloaded or lies in a folder that the user has named: other programs keep accounts of their
    /// own.
    pub fn removable(&self, model: &FoundModel, kept: &[PathBuf]) -> Vec<PathBuf> {
        let is_in = |path: &PathBuf, folders: &[PathBuf]| {
            folders.iter().any(|folder| path.starts_with(folder))
        };
        let others = self.found.iter().flat_map(|found| found.iter());
        let others = others.filter(|other| other.path != model.path);
        let used: Vec<_> = others.flat_map(|other| &other.files).collect();
        let is_free = |file: &&PathBuf| {
            let is_downloaded = file.starts_with(&self.folder);
            let is_own = model.transformer.contains(file) || file.starts_with(&model.path);
            let is_named = is_own && is_in(file, &self.others) && !is_in(file, &self.foreign);
            (is_downloaded || is_named) && !used.contains(file) && !kept.contains(file)
        };
        // Where the transformer stays, the rest does as well.
        if model.transformer.iter().all(|file| is_free(&file)) {
            model.files.iter().filter(is_free).cloned().collect()
        } else {
            Vec::new()
        }
    }

    /// Puts files into the system's trash; the session hears of it.
    pub(super) fn trash(&self, files: Vec<PathBuf>) {
        self.start(move |tell| {
            let done = trash::delete_all(&files);
            tell(Event::Trashed(done.map_err(|error| {
                format!("The files could not be put into the trash: {error}")
            })));
        });
    }

    /// Takes in what the threads have done.
    pub(super) fn pump(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            match event {
                Event::Found(number, looked) if number == self.looks => {
                    self.looking = None;
                    self.elsewhere = looked.elsewhere;
                    self.has_checker = looked.has_checker;
                    self.free = looked.free;
                    self.found = Some(looked.models.into());
                    self.lacking = self.lacking_of_all();
                }
                Event::Found(..) => {}
                Event::Trashed(done) => news.push(News::Trashed(done)),
                Event::Opened(path, opened) => {
                    if self.opening.as_ref() == Some(&path) {
                        self.opening = None;
                        news.push(match opened {
                            Ok(opened) => News::Opened(Box::new(opened)),
                            Err(error) => News::NotOpened(path, error),
                        });
                    }
                }
            }
        }
        news
    }

    /// What has to be downloaded for each offer.
    fn lacking_of_all(&self) -> BTreeMap<String, Vec<Published>> {
        let offers = self.catalog.offers.iter();
        let lacking = offers.map(|offer| {
            let files = self.catalog.files(offer);
            let mut missing = install::missing(&self.folder, &files);
            missing.retain(|file| self.held(file).is_none());
            (offer.id.clone(), missing)
        });
        lacking.collect()
    }

    /// Runs `errand` on a thread of its own. Nobody waits for it when the program ends: it only reads, or hands files to the
    /// system.
    fn start(&self, errand: impl FnOnce(&dyn Fn(Event)) + Send + 'static) {
        let (sender, wake) = (self.sender.clone(), Arc::clone(&self.wake));
        // Without the thread, what was asked for stays as it is.
        let _ = thread::Builder::new()
            .name("models".to_owned())
            .spawn(move || {
                errand(&|event| {
                    // Nobody listens any more only while the program ends.
                    let _ = sender.send(event);
                    wake();
                });
            });
    }
}

/// Opens the model at a path.
fn opened(path: &Path, places: &[PathBuf]) -> Result<Opened, Error> {
    let source = open_model(path, places)?;
    Ok(Opened {
        path: path.to_owned(),
        card: source.card()?,
        source,
    })
}
