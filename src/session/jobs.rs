//! Jobs and their states.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use crate::engine::error::Error;
use crate::engine::job::Timings;
use crate::engine::progress::{Progress, Stage};
use crate::schema::notes::Note;
use crate::schema::params::Params;
use crate::schema::request::Request;
use crate::session::gallery::Entry;
use crate::weights::stop::Stop;

/// Names a job for as long as the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub(super) u64);

/// One press of Generate.
#[derive(Debug)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// What was typed.
    pub params: Params,
    /// What will run.
    pub request: Request,
    /// How far it is.
    pub state: JobState,
}

/// How far a job is.
#[derive(Debug)]
pub enum JobState {
    /// In the queue.
    Waiting,
    /// With the worker.
    Running(Run),
    /// Its pictures are saved.
    Finished(Finished),
    /// Ended by the user; nothing was saved.
    Cancelled,
    /// Ended by an error.
    Failed(Failure),
}

/// Why a job ended without pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong, and what to do, in one sentence.
    pub sentence: String,
    /// Whether it is that pictures would have to be checked, and no safety checker is here.
    pub lacks_checker: bool,
}

impl From<String> for Failure {
    fn from(sentence: String) -> Self {
        Self {
            sentence,
            lacks_checker: false,
        }
    }
}

impl From<Error> for JobState {
    fn from(error: Error) -> Self {
        match error {
            Error::Cancelled => Self::Cancelled,
            error => Self::Failed(Failure {
                sentence: error.to_string(),
                lacks_checker: matches!(error, Error::NoSafetyChecker),
            }),
        }
    }
}

impl Job {
    /// Whether it is in the queue.
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, JobState::Waiting)
    }

    /// Whether nothing more will happen to it.
    pub fn has_ended(&self) -> bool {
        !matches!(self.state, JobState::Waiting | JobState::Running(_))
    }
}

/// A finished job.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its pictures, in order.
    pub entries: Vec<Entry>,
    /// What was decided for the user.
    pub notes: Vec<Note>,
    /// Where the time went.
    pub timings_secs: Timings,
}

/// What the worker tells of a running job.
#[derive(Debug)]
pub(super) enum News {
    /// How far it is.
    Progress(Progress),
    /// Its last state.
    Ended(JobState),
}

/// A job that is with the worker.
#[derive(Debug)]
pub struct Run {
    /// The engine's last word.
    progress: Option<Progress>,
    /// When denoising began, and how much of the whole was done then.
    denoising_since: Option<(Instant, f32)>,
    pub(super) stop: Stop,
    news: Receiver<News>,
}

impl Run {
    /// A run that `stop` ends, and of which the worker tells `news`.
    pub(super) fn new(stop: Stop, news: Receiver<News>) -> Self {
        Self {
            progress: None,
            denoising_since: None,
            stop,
            news,
        }
    }

    /// The engine's last word; `None` before its first.
    pub fn progress(&self) -> Option<Progress> {
        self.progress
    }

    /// Whether the user has asked for its end.
    pub fn is_cancelling(&self) -> bool {
        self.stop.is_raised()
    }

    /// How long it will still take, once enough is done to tell.
    pub fn time_left(&self) -> Option<Duration> {
        let (since, before) = self.denoising_since?;
        let done = self.progress?.fraction();
        let gained = done - before;
        (gained > 0.02).then(|| since.elapsed().mul_f32((1.0 - done).max(0.0) / gained))
    }

    /// Takes in what the worker has told; returns the last state of the job once it has ended.
    pub(super) fn pump(&mut self) -> Option<JobState> {
        loop {
            match self.news.try_recv() {
                Ok(News::Progress(progress)) => self.advance(progress),
                Ok(News::Ended(state)) => return Some(state),
                Err(TryRecvError::Empty) => return None,
                // The worker is gone, and has said why.
                Err(TryRecvError::Disconnected) => return Some(JobState::Cancelled),
            }
        }
    }

    /// Takes in the engine's word.
    fn advance(&mut self, progress: Progress) {
        if progress.stage == Stage::Denoising && self.denoising_since.is_none() {
            self.denoising_since = Some((Instant::now(), progress.fraction()));
        }
        self.progress = Some(progress);
    }
}
