//! The models: which are on this machine, which can be downloaded, and the download that goes on.
//!
//! Folders are looked through on a thread `models`, which is started anew for each look; what is there is used where it is.
//! One download at a time runs on a thread `download`: it brings the files of an offer one after the other, and goes on
//! where it was left, also after the program has ended.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::session::{Folders, Wake};
use crate::weights::catalog::{Catalog, Published};
use crate::weights::fetch::Bytes;
use crate::weights::http::Network;
use crate::weights::install::{self, Arrival};
use crate::weights::model::{ModelCard, ModelSource};
use crate::weights::stop::Stop;
use crate::weights::survey::found::{FoundModel, find_all};
use crate::weights::survey::places;
use crate::weights::tokens::{Service, Tokens};
use crate::weights::{Error, survey};

/// How deep folders are looked into for files that need no download.
const DEPTH: usize = 6;

/// Over which time the speed of a download is taken.
const SPEED_WINDOW: Duration = Duration::from_secs(10);

/// What a download is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The offer of this name.
    Offer(String),
    /// What the model at this path lacks.
    Rest(PathBuf),
    /// The safety checker.
    Safety,
}

/// Why a download stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The user has paused it, or the program ended.
    Paused,
    /// Something stands against it, in one sentence.
    Failed {
        /// What, and what to do.
        sentence: String,
        /// The page on which a licence may have to be accepted, where that can help.
        licence_page: Option<String>,
    },
}

/// A download that was asked for and is not complete.
#[derive(Debug)]
pub struct Download {
    /// What it is for.
    pub purpose: Purpose,
    /// What it is called.
    pub name: String,
    /// Its files, in order.
    pub files: Vec<Published>,
    /// How far it is.
    pub bytes: Bytes,
    /// The name of the file that comes now.
    pub file: String,
    /// Why it stands still; `None` while it goes on.
    pub halt: Option<Halt>,
    /// When how many bytes were there, the oldest first.
    marks: VecDeque<(Instant, u64)>,
    stop: Stop,
}

impl Download {
    /// Bytes per second over the last moments, once that can be told.
    pub fn speed(&self) -> Option<f64> {
        let ((from, before), (to, after)) = (self.marks.front()?, self.marks.back()?);
        let seconds = to.duration_since(*from).as_secs_f64();
        (seconds > 1.0).then(|| after.saturating_sub(*before) as f64 / seconds)
    }

    /// How long it will still take at this speed.
    pub fn time_left(&self) -> Option<Duration> {
        let speed = self.speed().filter(|speed| *speed > 0.0)?;
        let left = self.bytes.total?.saturating_sub(self.bytes.done);
        Duration::try_from_secs_f64(left as f64 / speed).ok()
    }

    /// Takes in how far it is.
    fn advance(&mut self, arrival: Arrival) {
        self.bytes = arrival.bytes;
        if let Some(file) = self.files.get(arrival.file) {
            self.file.clone_from(&file.path);
        }
        let now = Instant::now();
        self.marks.push_back((now, arrival.bytes.done));
        while self.marks.len() > 2
            && let Some((then, _)) = self.marks.front()
            && now.duration_since(*then) > SPEED_WINDOW
        {
            self.marks.pop_front();
        }
    }
}

/// What the threads tell. Each look and each download has a number: what an earlier one says late counts no more.
enum Event {
    Found(u64, Looked),
    /// Files were put into the system's trash, or why not.
    Trashed(Result<(), String>),
    Opened(PathBuf, Result<Opened, String>),
    Arrived(u64, Arrival),
    Ended(u64, Result<(), Error>),
}

/// What a look through the folders has found.
struct Looked {
    models: Vec<FoundModel>,
    /// All files of weights outside the folder of downloads.
    elsewhere: Vec<PathBuf>,
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

/// What has come up since the last look, for the session.
#[derive(Debug)]
pub(super) enum News {
    /// A model that was asked for can be used.
    Opened(Box<Opened>),
    /// It cannot, in one sentence.
    NotOpened(String),
    /// A download is complete.
    Complete(Purpose),
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
    network: Network,
    wake: Wake,
    /// The models that were found; `None` before the first look is over.
    found: Option<Vec<FoundModel>>,
    /// All files of weights outside the folder of downloads.
    elsewhere: Vec<PathBuf>,
    /// What has to be downloaded for each offer.
    lacking: BTreeMap<String, Vec<Published>>,
    is_looking: bool,
    /// The path that is being opened.
    opening: Option<PathBuf>,
    download: Option<Download>,
    /// How many looks and downloads there have been.
    count: u64,
    look: u64,
    run: u64,
    sender: Sender<Event>,
    events: Receiver<Event>,
    threads: Vec<(Stop, JoinHandle<()>)>,
}

impl Models {
    /// Over a catalogue. Nothing is looked for yet.
    pub(super) fn new(catalog: Catalog, folders: &Folders, network: Network, wake: Wake) -> Self {
        let (sender, events) = channel();
        Self {
            catalog,
            folder: folders.models.clone(),
            foreign: folders.foreign_models.clone(),
            others: Vec::new(),
            network,
            wake,
            found: None,
            elsewhere: Vec::new(),
            lacking: BTreeMap::new(),
            is_looking: false,
            opening: None,
            download: None,
            count: 0,
            look: 0,
            run: 0,
            sender,
            events,
            threads: Vec::new(),
        }
    }

    /// The models that were found; `None` before the first look is over.
    pub fn found(&self) -> Option<&[FoundModel]> {
        self.found.as_deref()
    }

    /// Whether folders are being looked through.
    pub fn is_looking(&self) -> bool {
        self.is_looking
    }

    /// The path that is being opened.
    pub fn opening(&self) -> Option<&Path> {
        self.opening.as_deref()
    }

    /// The download that was asked for, until it is complete.
    pub fn download(&self) -> Option<&Download> {
        self.download.as_ref()
    }

    /// Where downloads go.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where models and their parts are looked for, the nearest first.
    pub fn places(&self) -> Vec<PathBuf> {
        let own = [self.folder.clone()].into_iter();
        own.chain(self.others.clone())
            .chain(self.foreign.clone())
            .collect()
    }

    /// Takes other tokens for what is downloaded from now on.
    pub(super) fn set_tokens(&mut self, tokens: Tokens) {
        self.network.tokens = tokens;
    }

    /// Whether there is a token for Hugging Face.
    pub fn has_token(&self) -> bool {
        self.network.tokens.get(Service::HuggingFace).is_some()
    }

    /// Looks through the folders, with `others` besides the usual ones.
    pub fn look(&mut self, others: &[PathBuf]) {
        self.others = others.to_vec();
        let places = self.places();
        let number = self.number();
        self.look = number;
        self.is_looking = true;
        self.start("models", Stop::default(), move |stop, tell| {
            let others = places.iter().skip(1);
            let elsewhere = others.flat_map(|place| places::gather(place, DEPTH));
            tell(Event::Found(
                number,
                Looked {
                    elsewhere: elsewhere.collect(),
                    models: find_all(&places, stop),
                },
            ));
        });
    }

    /// Opens the model at a path; the session hears of it.
    pub(super) fn open(&mut self, path: PathBuf) {
        let places = self.places();
        self.opening = Some(path.clone());
        self.start("models", Stop::default(), move |_, tell| {
            let opened = opened(&path, &places).map_err(|error| error.to_string());
            tell(Event::Opened(path, opened));
        });
    }

    /// What has to be downloaded for an offer; `None` before the first look is over.
    pub fn lacking(&self, offer: &str) -> Option<&[Published]> {
        self.lacking.get(offer).map(Vec::as_slice)
    }

    /// Those of some files that are on this machine neither in their places nor elsewhere.
    fn to_fetch(&self, files: &[Published]) -> Vec<Published> {
        let mut files = install::missing(&self.folder, files);
        files.retain(|file| !install::held_in(&self.elsewhere, file));
        files
    }

    /// Files that go with a model when it is deleted: those of its transformer, and those among the downloads that no other
    /// model uses. None outside the downloads and the folders that the user has named: other programs keep accounts of their own.
    pub fn removable(&self, model: &FoundModel) -> Vec<PathBuf> {
        let mut own = [&self.folder].into_iter().chain(&self.others);
        if !own.any(|folder| model.path.starts_with(folder)) {
            return Vec::new();
        }
        if model.path.is_dir() {
            return vec![model.path.clone()];
        }
        let others = self.found.iter().flatten();
        let others = others.filter(|other| other.path != model.path);
        let used: Vec<_> = others.flat_map(|other| &other.files).collect();
        let is_free = |file: &&PathBuf| {
            model.transformer.contains(file)
                || file.starts_with(&self.folder) && !used.contains(file)
        };
        model.files.iter().filter(is_free).cloned().collect()
    }

    /// Puts files into the system's trash; the session hears of it.
    pub(super) fn trash(&mut self, files: Vec<PathBuf>) {
        self.start("models", Stop::default(), move |_, tell| {
            let done = trash::delete_all(&files);
            tell(Event::Trashed(done.map_err(|error| {
                format!("The files could not be put into the trash: {error}")
            })));
        });
    }

    /// Begins a download, or goes on with it. Another one that stands still is forgotten; what has arrived of it stays.
    pub fn fetch(&mut self, purpose: Purpose) {
        if self
            .download
            .as_ref()
            .is_some_and(|download| download.halt.is_none())
        {
            return;
        }
        let Some((name, files)) = self.wanted(&purpose) else {
            return;
        };
        let number = self.number();
        self.run = number;
        let stop = Stop::default();
        let arrived = install::arrived(&self.network, &self.folder, &files);
        self.download = Some(Download {
            purpose,
            name,
            bytes: Bytes {
                done: arrived,
                total: Some(files.iter().map(|file| file.bytes).sum()),
            },
            file: files
                .first()
                .map(|file| file.path.clone())
                .unwrap_or_default(),
            files: files.clone(),
            halt: None,
            marks: VecDeque::new(),
            stop: stop.clone(),
        });
        let (network, folder) = (self.network.clone(), self.folder.clone());
        self.start("download", stop, move |stop, tell| {
            let mut on_arrival = |arrival| {
                tell(Event::Arrived(number, arrival));
                ControlFlow::Continue(())
            };
            let ended = install::install(&network, &folder, &files, stop, &mut on_arrival);
            tell(Event::Ended(number, ended));
        });
    }

    /// Shows a download of an earlier run as one that stands still.
    pub(super) fn recall(&mut self, offer: &str) {
        let purpose = Purpose::Offer(offer.to_owned());
        let Some((name, files)) = self.wanted(&purpose) else {
            return;
        };
        let arrived = install::arrived(&self.network, &self.folder, &files);
        self.download = Some(Download {
            purpose,
            name,
            bytes: Bytes {
                done: arrived,
                total: Some(files.iter().map(|file| file.bytes).sum()),
            },
            file: String::new(),
            files,
            halt: Some(Halt::Paused),
            marks: VecDeque::new(),
            stop: Stop::default(),
        });
    }

    /// What a download is called, and its files.
    fn wanted(&self, purpose: &Purpose) -> Option<(String, Vec<Published>)> {
        let (name, files) = match purpose {
            Purpose::Offer(id) => {
                let offer = self.catalog.offer(id)?;
                (offer.name(), self.catalog.files(offer))
            }
            Purpose::Rest(path) => {
                let found = self.found.as_ref()?;
                let model = found.iter().find(|model| model.path == *path)?;
                let missing = model.missing.iter();
                let files = missing.flat_map(|part| self.catalog.files_of_part(part.folder));
                (format!("What {} lacks", model.name), files.collect())
            }
            Purpose::Safety => ("Safety checker".to_owned(), self.catalog.safety_files()),
        };
        Some((name, self.to_fetch(&files)))
    }

    /// Where the transformer of an offer lies once it is downloaded.
    pub(super) fn path_of(&self, offer: &str) -> Option<PathBuf> {
        let files = self.catalog.files(self.catalog.offer(offer)?);
        let path = self.folder.join(&files.first()?.place);
        path.is_file().then_some(path)
    }

    /// Halts the download. What has arrived stays.
    pub fn pause(&mut self) {
        if let Some(download) = &mut self.download {
            download.stop.raise();
            download.halt = Some(Halt::Paused);
            download.marks.clear();
        }
    }

    /// Goes on with the download.
    pub fn resume(&mut self) {
        if let Some(purpose) = self
            .download
            .as_ref()
            .map(|download| download.purpose.clone())
        {
            self.fetch(purpose);
        }
    }

    /// Gives the download up, and throws away what has arrived of files that are not complete.
    pub fn give_up(&mut self) {
        let Some(download) = self.download.take() else {
            return;
        };
        download.stop.raise();
        self.run = self.number();
        let (network, folder, files) = (self.network.clone(), self.folder.clone(), download.files);
        // The thread that downloads may hold its file for a moment more.
        let earlier: Vec<_> = self.threads.drain(..).collect();
        let (busy, others): (Vec<_>, Vec<_>) =
            earlier.into_iter().partition(|(stop, _)| stop.is_raised());
        self.threads = others;
        self.start("download", Stop::default(), move |_, _| {
            for (_, thread) in busy {
                // Nothing is left to be told.
                let _ = thread.join();
            }
            install::forget(&network, &folder, &files);
        });
    }

    /// Takes in what the threads have done.
    pub(super) fn pump(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            match event {
                Event::Found(number, found) if number == self.look => {
                    self.is_looking = false;
                    self.elsewhere = found.elsewhere;
                    self.found = Some(found.models);
                    self.lacking = self.lacking_of_all();
                }
                Event::Trashed(done) => news.push(News::Trashed(done)),
                Event::Opened(path, opened) => {
                    if self.opening.as_ref() == Some(&path) {
                        self.opening = None;
                        news.push(match opened {
                            Ok(opened) => News::Opened(Box::new(opened)),
                            Err(sentence) => News::NotOpened(sentence),
                        });
                    }
                }
                Event::Arrived(number, arrival) if number == self.run => {
                    if let Some(download) = &mut self.download {
                        download.advance(arrival);
                    }
                }
                Event::Ended(number, ended) if number == self.run => news.extend(self.end(ended)),
                Event::Found(..) | Event::Arrived(..) | Event::Ended(..) => {}
            }
        }
        self.threads.retain(|(_, thread)| !thread.is_finished());
        news
    }

    /// What has to be downloaded for each offer.
    fn lacking_of_all(&self) -> BTreeMap<String, Vec<Published>> {
        let offers = self.catalog.offers.iter();
        let lacking = offers.map(|offer| {
            let files = self.catalog.files(offer);
            (offer.id.clone(), self.to_fetch(&files))
        });
        lacking.collect()
    }

    /// Takes in how a download has ended.
    fn end(&mut self, ended: Result<(), Error>) -> Option<News> {
        let download = self.download.as_mut()?;
        match ended {
            Ok(()) => {
                let download = self.download.take()?;
                return Some(News::Complete(download.purpose));
            }
            Err(Error::Cancelled) => download.halt = Some(Halt::Paused),
            Err(error) => {
                let is_gated = |file: &&Published| file.is_gated && file.path == download.file;
                let gated = download.files.iter().find(is_gated);
                let is_refused = matches!(error, Error::Refused(_));
                download.halt = Some(Halt::Failed {
                    sentence: error.to_string(),
                    licence_page: gated.filter(|_| is_refused).map(install::page),
                });
            }
        }
        download.marks.clear();
        None
    }

    fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Runs `errand` on a thread of its own. One that cannot be started is one that never ends.
    fn start(
        &mut self,
        name: &str,
        stop: Stop,
        errand: impl FnOnce(&Stop, &dyn Fn(Event)) + Send + 'static,
    ) {
        let (sender, wake) = (self.sender.clone(), Arc::clone(&self.wake));
        let raised = stop.clone();
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
            errand(&raised, &|event| {
                // Nobody listens any more only while the program ends.
                let _ = sender.send(event);
                wake();
            });
        });
        if let Ok(thread) = spawned {
            self.threads.push((stop, thread));
        }
    }
}

impl Drop for Models {
    /// Ends the download and waits for its thread, so that what has arrived is noted.
    fn drop(&mut self) {
        for (stop, _) in &self.threads {
            stop.raise();
        }
        for (_, thread) in self.threads.drain(..) {
            // Nothing is left to be told.
            let _ = thread.join();
        }
    }
}

/// Opens the model at a path.
///
/// # Errors
/// When there is no model, or it lacks files.
pub(super) fn opened(path: &Path, places: &[PathBuf]) -> Result<Opened, Error> {
    let source = survey::open_model(path, places)?;
    Ok(Opened {
        path: path.to_owned(),
        card: source.card()?,
        source,
    })
}
