//! The queue: which jobs there are, in which order they run, and the journal that restores them.

use std::path::Path;

use crate::schema::notes::Problem;
use crate::schema::params::Params;
use crate::schema::request::Request;
use crate::session::jobs::{Job, JobId, JobState};
use crate::session::journal::Journal;
use crate::session::text;

/// The jobs of this run of the program.
pub(super) struct Queue {
    /// Ended ones first, then the running one, then the waiting ones in the order in which they will run.
    jobs: Vec<Job>,
    next_id: u64,
    is_paused: bool,
    /// Inputs of jobs of earlier runs whose files cannot be read now: they may be there next time.
    stranded: Vec<Params>,
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

    /// Every job: ended ones first, then the running one, then the waiting ones in order.
    pub(super) fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// The job that runs now.
    pub(super) fn running(&self) -> Option<&Job> {
        let mut jobs = self.jobs.iter();
        jobs.find(|job| matches!(job.state, JobState::Running(_)))
    }

    /// The job called `id`.
    pub(super) fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }

    fn job_mut(&mut self, id: JobId) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.id == id)
    }

    /// Whether waiting jobs stay waiting.
    pub(super) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Pauses the queue after the running job, or resumes it.
    pub(super) fn set_paused(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
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

    /// Keeps the inputs of a job of an earlier run for the next run.
    pub(super) fn strand(&mut self, params: Params) {
        self.stranded.push(params);
    }

    /// Cancels a waiting job at once, and the running one within a block of the model.
    pub(super) fn cancel(&mut self, id: JobId) {
        if let Some(job) = self.job_mut(id) {
            match &job.state {
                JobState::Waiting => job.state = JobState::Cancelled,
                JobState::Running(run) => run.cancel(),
                _ => {}
            }
        }
    }

    /// Moves a waiting job one place towards the front (`-1`) or the end (`1`).
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

    /// Forgets jobs that have ended. Their pictures stay.
    pub(super) fn clear_ended(&mut self) {
        self.jobs.retain(|job| !job.has_ended());
    }

    /// Takes over what a waiting job amounts to now: another model may draw other sizes.
    pub(super) fn update(&mut self, id: JobId, resolved: Result<Request, Vec<Problem>>) {
        let Some(job) = self.job_mut(id) else { return };
        match resolved {
            // A seed that nobody chose stays what it was.
            Ok(request) => {
                let seed = job.request.seed;
                job.request = Request { seed, ..request };
            }
            Err(problems) => job.state = JobState::Failed(text::reasons(&problems).into()),
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

    /// Gives a job its last state.
    pub(super) fn end(&mut self, id: JobId, state: JobState) {
        if let Some(job) = self.job_mut(id) {
            job.state = state;
        }
    }

    /// Puts the jobs in order and writes the journal.
    ///
    /// # Errors
    /// One sentence, when it cannot be written.
    pub(super) fn save(&mut self) -> Result<(), String> {
        // Ended jobs first, so that the list reads from past to future.
        self.jobs
            .sort_by_key(|job| u8::from(!job.has_ended()) + u8::from(job.is_waiting()));
        let unfinished = self.jobs.iter().filter(|job| !job.has_ended());
        let unfinished = unfinished.map(|job| &job.params);
        self.journal.write(unfinished.chain(&self.stranded))
    }
}
