//! The queue: which jobs there are and in which order they run. Those that have not ended are in a journal on disk, so that
//! a killed program loses none.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::schema::params::Params;
use crate::schema::request::Request;
use crate::session::jobs::{Job, JobId, JobState};
use crate::session::{stored, text};

/// The jobs of this run of the program.
pub(super) struct Queue {
    /// Ended ones first, then the running one, then the waiting ones in the order in which they will run.
    pub(super) jobs: Vec<Job>,
    next_id: u64,
    /// Whether waiting jobs stay waiting.
    pub(super) is_paused: bool,
    /// Inputs of jobs of earlier runs whose files cannot be read now: they may be there next time.
    pub(super) stranded: Vec<Params>,
    journal: Journal,
}

impl Queue {
    /// An empty queue, with the inputs of the jobs that an earlier run left in `folder`, and a warning if there were any
    /// that cannot be read.
    pub(super) fn open(folder: &Path) -> (Self, Vec<Params>, Option<String>) {
        let (journal, left, warning) = Journal::open(folder);
        let queue = Self {
            jobs: Vec::new(),
            next_id: 0,
            is_paused: false,
            stranded: Vec::new(),
            journal,
        };
        (queue, left, warning)
    }

    pub(super) fn running(&self) -> Option<&Job> {
        let mut jobs = self.jobs.iter();
        jobs.find(|job| matches!(job.state, JobState::Running(_)))
    }

    pub(super) fn job_mut(&mut self, id: JobId) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.id == id)
    }

    /// Adds a waiting job at the end.
    pub(super) fn add(&mut self, params: Params, request: Request) -> JobId {
        let id = JobId(self.next_id);
        self.next_id += 1;
        self.jobs.push(Job {
            id,
            params,
            request,
            state: JobState::Waiting,
        });
        id
    }

    pub(super) fn cancel(&mut self, id: JobId) {
        if let Some(job) = self.job_mut(id) {
            match &job.state {
                JobState::Waiting => job.state = JobState::Cancelled,
                JobState::Running(run) => run.stop.raise(),
                _ => {}
            }
        }
    }

    pub(super) fn reorder(&mut self, id: JobId, by: isize) {
        let numbered = self.jobs.iter().enumerate();
        let waiting = numbered.filter(|(_, job)| job.is_waiting());
        let waiting: Vec<_> = waiting.map(|(index, job)| (index, job.id)).collect();
        let place = waiting.iter().position(|(_, other)| *other == id);
        let other = place.and_then(|place| waiting.get(place.checked_add_signed(by)?));
        if let (Some(place), Some((other, _))) = (place, other) {
            self.jobs.swap(waiting[place].0, *other);
        }
    }

    /// The job to run next; `None` while one runs, and while the queue is paused.
    pub(super) fn next(&mut self) -> Option<&mut Job> {
        if self.is_paused || self.running().is_some() {
            return None;
        }
        self.jobs.iter_mut().find(|job| job.is_waiting())
    }

    /// Takes in what the worker has told of the running job; returns the last state once it has ended.
    pub(super) fn pump(&mut self) -> Option<(JobId, JobState)> {
        self.jobs.iter_mut().find_map(|job| match &mut job.state {
            JobState::Running(run) => Some((job.id, run.pump()?)),
            _ => None,
        })
    }

    /// Puts the jobs in order and writes the journal, or says in one sentence why it cannot.
    pub(super) fn save(&mut self) -> Result<(), String> {
        // Ended jobs first, so that the list reads from past to future.
        self.jobs
            .sort_by_key(|job| (!job.has_ended(), job.is_waiting()));
        let unfinished = self.jobs.iter().filter(|job| !job.has_ended());
        let unfinished = unfinished.map(|job| &job.params);
        self.journal.write(unfinished.chain(&self.stranded))
    }
}

/// The journal's file.
struct Journal {
    path: PathBuf,
    /// What the file holds, so that it is written only when that changes.
    written: Vec<Map<String, Value>>,
    /// Held while the journal is open. Without it another window keeps the journal, and this one writes nothing.
    lock: Option<File>,
}

impl Journal {
    /// Opens the journal in `folder`, with the jobs that an earlier run left and a warning if there were any it cannot read.
    fn open(folder: &Path) -> (Self, Vec<Params>, Option<String>) {
        let path = folder.join("queue.json");
        let lock = lock(folder);
        let read = lock
            .as_ref()
            .map(|_| stored::read(&path, text::queue_unreadable));
        let (written, warning) = read.unwrap_or_default();
        let journal = Self {
            path,
            written: written.unwrap_or_default(),
            lock,
        };
        let params = journal.written.iter().map(stored::params).collect();
        (journal, params, warning)
    }

    /// Writes the jobs that have not ended; without any, removes the file.
    fn write<'a>(&mut self, unfinished: impl Iterator<Item = &'a Params>) -> Result<(), String> {
        let jobs: Vec<_> = unfinished.map(Params::to_json).collect();
        if jobs == self.written || self.lock.is_none() {
            return Ok(());
        }
        if jobs.is_empty() {
            let removed = fs::remove_file(&self.path);
            if let Some(error) = removed.err().filter(|e| e.kind() != ErrorKind::NotFound) {
                return Err(text::queue_unsaved(error));
            }
        } else {
            stored::write(&self.path, &jobs, text::queue_unsaved)?;
        }
        self.written = jobs;
        Ok(())
    }
}

/// Takes the lock that tells this window from others of the same user; `None` when another has it.
fn lock(folder: &Path) -> Option<File> {
    fs::create_dir_all(folder).ok()?;
    let file = File::create(folder.join("queue.lock")).ok()?;
    file.try_lock().ok()?;
    Some(file)
}
