//! Downloads of models: one at a time runs on a thread `download`, the others wait their turn.
//!
//! Each brings its files one after the other and goes on where it was left, also after the program has ended
//! ([`install`]). What it is for is known to whoever asked.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::session::Wake;
use crate::weights::catalog::{Published, total};
use crate::weights::error::Error;
use crate::weights::fetch::Bytes;
use crate::weights::http::Network;
use crate::weights::install::{self, Arrival};
use crate::weights::stop::Stop;
use crate::weights::tokens::{Service, Tokens};

/// Over which time the speed of a download is taken.
const SPEED_WINDOW: Duration = Duration::from_secs(10);

/// After which time without a byte a download counts as stalled.
const STALL: Duration = Duration::from_secs(3);

/// How often a download tells how far it is.
const TELL_INTERVAL: Duration = Duration::from_millis(100);

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
    /// Another one runs.
    Waiting,
    /// The user has paused it, or the program has ended.
    Paused,
    /// Something stands against it.
    Failed {
        /// What, and what to do, in one sentence.
        sentence: String,
        /// The page on which a licence may have to be accepted, where that can help.
        licence_page: Option<String>,
    },
}

/// A download that is not complete.
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
    /// Which of its files comes now.
    pub file: usize,
    /// Whether that file has arrived and its sum is taken.
    pub is_checking: bool,
    /// Why it stands still; `None` while it runs.
    pub halt: Option<Halt>,
    /// When how many bytes were there, the oldest first.
    marks: VecDeque<(Instant, u64)>,
    /// Which run this is: what an earlier one says late counts no more.
    run: u64,
    stop: Stop,
}

impl Download {
    /// Bytes per second over the last moments, once that can be told.
    pub fn speed(&self) -> Option<f64> {
        let ((from, before), (to, after)) = (self.marks.front()?, self.marks.back()?);
        let seconds = to.duration_since(*from).as_secs_f64();
        (seconds > 1.0).then(|| after.saturating_sub(*before) as f64 / seconds)
    }

    /// Whether nothing has come for a while.
    pub fn is_stalled(&self) -> bool {
        let last = self.marks.back();
        !self.is_checking && last.is_some_and(|(at, _)| at.elapsed() > STALL)
    }

    /// How long it will still take at this speed.
    pub fn time_left(&self) -> Option<Duration> {
        let speed = self.speed().filter(|speed| *speed > 0.0)?;
        let left = self.bytes.total?.saturating_sub(self.bytes.done);
        Duration::try_from_secs_f64(left as f64 / speed).ok()
    }

    /// Halts it for a reason. What lies on the disk counts, which may be more than was told.
    fn halt(&mut self, halt: Halt, network: &Network, folder: &Path) {
        self.stop.raise();
        self.halt = Some(halt);
        self.bytes.done = install::arrived(network, folder, &self.files);
        self.is_checking = false;
        self.marks.clear();
    }

    /// Takes in how far it is.
    fn advance(&mut self, arrival: Arrival) {
        self.bytes = arrival.bytes;
        self.file = arrival.file;
        self.is_checking = arrival.is_complete;
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

/// What a thread tells of a run.
enum Event {
    Arrived(u64, Arrival),
    Ended(u64, Result<(), Error>),
}

/// All downloads that were asked for and are not complete.
pub struct Downloads {
    /// Where files go.
    folder: PathBuf,
    network: Network,
    wake: Wake,
    all: Vec<Download>,
    /// How many runs there have been.
    runs: u64,
    sender: Sender<Event>,
    events: Receiver<Event>,
    threads: Vec<(Stop, JoinHandle<()>)>,
}

impl Downloads {
    /// No downloads, into `folder`.
    pub(super) fn new(folder: PathBuf, network: Network, wake: Wake) -> Self {
        let (sender, events) = channel();
        Self {
            folder,
            network,
            wake,
            all: Vec::new(),
            runs: 0,
            sender,
            events,
            threads: Vec::new(),
        }
    }

    /// Those that are not complete, in the order in which they were asked for.
    pub fn all(&self) -> &[Download] {
        &self.all
    }

    /// The one for a purpose.
    pub fn find(&self, purpose: &Purpose) -> Option<&Download> {
        self.all
            .iter()
            .find(|download| download.purpose == *purpose)
    }

    /// Takes other tokens for what is downloaded from now on.
    pub(super) fn set_tokens(&mut self, tokens: Tokens) {
        self.network.tokens = tokens;
    }

    /// Whether there is a token for Hugging Face.
    pub fn has_token(&self) -> bool {
        self.network.tokens.get(Service::HuggingFace).is_some()
    }

    /// Adds a download; it begins at once, or when its turn comes. One for the same purpose goes on instead.
    pub(super) fn begin(&mut self, purpose: Purpose, name: String, files: Vec<Published>) {
        if self.find(&purpose).is_none() {
            self.add(purpose, name, files, Halt::Waiting);
            self.run_next();
        } else {
            self.resume(&purpose);
        }
    }

    /// Adds a download of an earlier run of the program, which stands still until the user goes on with it.
    pub(super) fn recall(&mut self, purpose: Purpose, name: String, files: Vec<Published>) {
        if self.find(&purpose).is_none() {
            self.add(purpose, name, files, Halt::Paused);
        }
    }

    fn add(&mut self, purpose: Purpose, name: String, files: Vec<Published>, halt: Halt) {
        let bytes = Bytes {
            done: install::arrived(&self.network, &self.folder, &files),
            total: Some(total(&files)),
        };
        self.all.push(Download {
            purpose,
            name,
            files,
            bytes,
            file: 0,
            is_checking: false,
            halt: Some(halt),
            marks: VecDeque::new(),
            run: 0,
            stop: Stop::default(),
        });
    }

    /// Halts a download. What has arrived stays.
    pub fn pause(&mut self, purpose: &Purpose) {
        let mut all = self.all.iter_mut();
        if let Some(download) = all.find(|download| download.purpose == *purpose) {
            download.halt(Halt::Paused, &self.network, &self.folder);
        }
        self.run_next();
    }

    /// Goes on with a download, at once or when its turn comes.
    pub fn resume(&mut self, purpose: &Purpose) {
        self.let_wait(|download| download.purpose == *purpose && download.halt.is_some());
    }

    /// Goes on with downloads that were refused for want of a token.
    pub(super) fn retry_closed(&mut self) {
        self.let_wait(|download| {
            let halt = &download.halt;
            matches!(halt, Some(Halt::Failed { licence_page, .. }) if licence_page.is_some())
        });
    }

    /// Lets some downloads wait for their turn, which may be at once.
    fn let_wait(&mut self, is_meant: impl Fn(&Download) -> bool) {
        let meant = self.all.iter_mut().filter(|download| is_meant(download));
        for download in meant {
            download.halt = Some(Halt::Waiting);
        }
        self.run_next();
    }

    /// Gives a download up, and throws away what has arrived of the file that is not complete.
    pub(super) fn give_up(&mut self, purpose: &Purpose) {
        let found = self.all.iter().position(|other| other.purpose == *purpose);
        let Some(index) = found else {
            return;
        };
        let download = self.all.remove(index);
        download.stop.raise();
        let (network, folder) = (self.network.clone(), self.folder.clone());
        // The thread that has downloaded may hold its file for a moment more.
        let all = std::mem::take(&mut self.threads).into_iter();
        let (ending, going) = all.partition(|(stop, _)| stop.is_raised());
        self.threads = going;
        let ending: Vec<(Stop, JoinHandle<()>)> = ending;
        self.start(Stop::default(), move |_, _| {
            for (_, thread) in ending {
                // Nothing is left to be told.
                let _ = thread.join();
            }
            install::forget(&network, &folder, &download.files);
        });
        self.run_next();
    }

    /// Lets the next one run that waits, if none runs.
    fn run_next(&mut self) {
        if self.all.iter().any(|download| download.halt.is_none()) {
            return;
        }
        self.runs += 1;
        let run = self.runs;
        let mut waiting = self.all.iter_mut();
        let Some(next) = waiting.find(|download| download.halt == Some(Halt::Waiting)) else {
            return;
        };
        let stop = Stop::default();
        next.stop = stop.clone();
        next.run = run;
        next.halt = None;
        let files = next.files.clone();
        let (network, folder) = (self.network.clone(), self.folder.clone());
        self.start(stop, move |stop, tell| {
            let mut told: Option<(Instant, Arrival)> = None;
            let mut on_arrival = |arrival: Arrival| {
                let is_news = told.is_none_or(|(at, last)| {
                    at.elapsed() >= TELL_INTERVAL
                        || (last.file, last.is_complete) != (arrival.file, arrival.is_complete)
                });
                if is_news {
                    told = Some((Instant::now(), arrival));
                    tell(Event::Arrived(run, arrival));
                }
                ControlFlow::Continue(())
            };
            let ended = install::install(&network, &folder, &files, stop, &mut on_arrival);
            tell(Event::Ended(run, ended));
        });
    }

    /// Takes in what the threads have done; returns what has become complete.
    pub(super) fn pump(&mut self) -> Vec<Purpose> {
        let mut complete = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            let (Event::Arrived(run, _) | Event::Ended(run, _)) = &event;
            let found = self.all.iter_mut();
            let Some(download) = found
                .filter(|download| download.halt.is_none())
                .find(|download| download.run == *run)
            else {
                continue;
            };
            match event {
                Event::Arrived(_, arrival) => download.advance(arrival),
                Event::Ended(_, Ok(())) => {
                    complete.push(download.purpose.clone());
                    let purpose = download.purpose.clone();
                    self.all.retain(|download| download.purpose != purpose);
                    self.run_next();
                }
                Event::Ended(_, Err(error)) => {
                    let halt = match error {
                        Error::Cancelled => Halt::Paused,
                        error => failed(download, &error),
                    };
                    download.halt(halt, &self.network, &self.folder);
                    self.run_next();
                }
            }
        }
        self.threads.retain(|(_, thread)| !thread.is_finished());
        complete
    }

    /// Runs `errand` on a thread of its own. One that cannot be started leaves its download where it is.
    fn start(&mut self, stop: Stop, errand: impl FnOnce(&Stop, &dyn Fn(Event)) + Send + 'static) {
        let (sender, wake) = (self.sender.clone(), Arc::clone(&self.wake));
        let raised = stop.clone();
        let thread = thread::Builder::new().name("download".to_owned());
        let spawned = thread.spawn(move || {
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

/// What a failure means for a download.
fn failed(download: &Download, error: &Error) -> Halt {
    let file = download.files.get(download.file);
    let gated = file.filter(|file| file.is_gated && matches!(error, Error::Refused(_)));
    Halt::Failed {
        sentence: error.to_string(),
        licence_page: gated.map(install::page),
    }
}

impl Drop for Downloads {
    /// Ends what runs and waits for its thread, so that what has arrived is noted.
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
