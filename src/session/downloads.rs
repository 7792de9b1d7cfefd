//! Downloads of models: one at a time runs as the task `download`, the others wait their turn.
//!
//! Each brings its files one after the other and goes on where it was left, also after the program has ended
//! ([`install`]). What it is for is known to whoever asked.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::session::background::{Background, Reporter, Task};
use crate::session::text;
use crate::weights::catalog::{Published, total};
use crate::weights::error::Error;
use crate::weights::fetch::Bytes;
use crate::weights::http::Network;
use crate::weights::install::{self, Arrival};
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

/// What the download of the safety checker is called in the state file.
const CHECKER: &str = "safety checker";

impl Purpose {
    /// Its name in the state file; the rest of a model has none.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Offer(id) => Some(id),
            Self::Safety => Some(CHECKER),
            Self::Rest(_) => None,
        }
    }

    /// What a name in the state file means.
    pub(super) fn named(name: &str) -> Self {
        if name == CHECKER {
            Self::Safety
        } else {
            Self::Offer(name.to_owned())
        }
    }
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
    /// What brings it; of one that was halted, until it has ended.
    task: Option<Fetching>,
}

/// What a download is called, and its files.
pub(super) type Wanted = (String, Vec<Published>);

/// The task of a download.
type Fetching = Task<Result<(), Error>, Arrival>;

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
        self.task.iter().for_each(Task::cancel);
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

/// All downloads that were asked for and are not complete.
pub struct Downloads {
    /// Where files go.
    folder: PathBuf,
    network: Network,
    background: Background,
    all: Vec<Download>,
}

impl Downloads {
    /// No downloads, into `folder`.
    pub(super) fn new(folder: PathBuf, network: Network, background: Background) -> Self {
        Self {
            folder,
            network,
            background,
            all: Vec::new(),
        }
    }

    /// Those that are not complete, in the order in which they were asked for.
    pub fn all(&self) -> &[Download] {
        &self.all
    }

    /// The names of those that the next run can resume.
    pub(super) fn unfinished(&self) -> Vec<String> {
        let all = self.all.iter();
        let names = all.filter_map(|download| download.purpose.name());
        names.map(str::to_owned).collect()
    }

    /// The one for a purpose.
    pub fn find(&self, purpose: &Purpose) -> Option<&Download> {
        let mut all = self.all.iter();
        all.find(|download| download.purpose == *purpose)
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
    pub(super) fn begin(&mut self, purpose: Purpose, wanted: Wanted) {
        self.resume(&purpose);
        self.add(purpose, wanted, Halt::Waiting);
        self.run_next();
    }

    /// Adds a download that stands still, unless there is one for the same purpose.
    pub(super) fn add(&mut self, purpose: Purpose, (name, files): Wanted, halt: Halt) {
        if self.find(&purpose).is_some() {
            return;
        }
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
            task: None,
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
        for download in self.all.iter_mut().filter(|download| is_meant(download)) {
            download.halt = Some(Halt::Waiting);
        }
        self.run_next();
    }

    /// Gives a download up, and throws away what has arrived of the file that is not complete.
    pub(super) fn give_up(&mut self, purpose: &Purpose) {
        let found = self.all.iter().position(|other| other.purpose == *purpose);
        let Some(index) = found else { return };
        let Download { files, task, .. } = self.all.remove(index);
        task.iter().for_each(Task::cancel);
        let (network, folder) = (self.network.clone(), self.folder.clone());
        let forget = move |_: &Reporter<()>| {
            // It may hold its file for a moment more, and nothing is left to be told.
            let _ = task.map(Task::wait);
            install::forget(&network, &folder, &files);
        };
        drop(self.background.start_awaited("forget download", forget));
        self.run_next();
    }

    /// Lets the next one run that waits, if none runs.
    fn run_next(&mut self) {
        if self.all.iter().any(|download| download.halt.is_none()) {
            return;
        }
        let mut waiting = self.all.iter_mut();
        let Some(next) = waiting.find(|download| download.halt == Some(Halt::Waiting)) else {
            return;
        };
        next.halt = None;
        let (network, folder) = (self.network.clone(), self.folder.clone());
        let (files, earlier) = (next.files.clone(), next.task.take());
        let work = move |reporter: &Reporter<Arrival>| {
            // The one that was halted may hold its file for a moment more.
            let _ = earlier.map(Task::wait);
            fetch(&network, &folder, &files, reporter)
        };
        let host = self.network.hugging_face.host_str().unwrap_or_default();
        log::info!("downloading {} files from {host}", next.files.len());
        // What has arrived is noted before the program ends.
        next.task = Some(self.background.start_awaited("download", work));
    }

    /// Takes in what the task has done; returns what has become complete.
    pub(super) fn pump(&mut self) -> Option<Purpose> {
        let running = |download: &Download| download.halt.is_none();
        let index = self.all.iter().position(running)?;
        let download = self.all.get_mut(index)?;
        let news: Vec<_> = download.task.iter().flat_map(Task::news).collect();
        for arrival in news {
            download.advance(arrival);
        }
        let ended = Task::take(&mut download.task)?;
        let refused = |reason| Error::Refused(text::download_failed(reason));
        let complete = match ended.map_err(refused).flatten() {
            Ok(()) => {
                log::info!("a download is complete");
                Some(self.all.remove(index).purpose)
            }
            Err(error) => {
                let halt = failed(download, &error);
                download.halt(halt, &self.network, &self.folder);
                None
            }
        };
        self.run_next();
        complete
    }
}

/// Brings what is missing of `files`, and reports that now and then.
fn fetch(
    network: &Network,
    folder: &Path,
    files: &[Published],
    reporter: &Reporter<Arrival>,
) -> Result<(), Error> {
    let mut told: Option<(Instant, Arrival)> = None;
    let mut on_arrival = |arrival: Arrival| {
        let is_news = told.is_none_or(|(at, last)| {
            at.elapsed() >= TELL_INTERVAL
                || (last.file, last.is_complete) != (arrival.file, arrival.is_complete)
        });
        if is_news {
            told = Some((Instant::now(), arrival));
            reporter.report(arrival);
        }
        ControlFlow::Continue(())
    };
    install::install(network, folder, files, reporter.stop(), &mut on_arrival)
}

/// What a failure means for a download.
fn failed(download: &Download, error: &Error) -> Halt {
    if let Error::Cancelled = error {
        return Halt::Paused;
    }
    let file = download.files.get(download.file);
    let gated = file.filter(|file| file.is_gated && matches!(error, Error::Refused(_)));
    Halt::Failed {
        sentence: error.to_string(),
        licence_page: gated.map(install::page),
    }
}
