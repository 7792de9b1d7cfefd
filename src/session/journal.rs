//! The jobs that have not ended, on disk, so that a killed program loses none.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::schema::params::Params;
use crate::session::{stored, text};

/// The journal's file.
pub(super) struct Journal {
    path: PathBuf,
    /// What the file holds, so that it is written only when that changes.
    written: Vec<Map<String, Value>>,
    /// Held while the journal is open. Without it another window keeps the journal, and this one writes nothing.
    lock: Option<File>,
}

impl Journal {
    /// Opens the journal in `folder`, with the jobs that an earlier run left and a warning if there were any it cannot read.
    pub(super) fn open(folder: &Path) -> (Self, Vec<Params>, Option<String>) {
        let path = folder.join("queue.json");
        let lock = lock(folder);
        let read = lock.is_some().then(|| stored::read(&path));
        let (jobs, warning) = match read.transpose() {
            Ok(jobs) => (jobs.flatten().unwrap_or_default(), None),
            Err(reason) => (Vec::new(), Some(text::queue_unreadable(&reason))),
        };
        let jobs: Vec<Map<String, Value>> = jobs;
        let params = jobs.iter().map(|inputs| {
            let mut params = Params::default();
            params.apply_json(inputs);
            params
        });
        let params = params.collect();
        (
            Self {
                path,
                written: jobs,
                lock,
            },
            params,
            warning,
        )
    }

    /// Writes the jobs that have not ended; without any, removes the file.
    ///
    /// # Errors
    /// One sentence, when the file cannot be written.
    pub(super) fn write<'a>(
        &mut self,
        unfinished: impl Iterator<Item = &'a Params>,
    ) -> Result<(), String> {
        let jobs: Vec<_> = unfinished.map(Params::to_json).collect();
        if jobs == self.written || self.lock.is_none() {
            return Ok(());
        }
        if jobs.is_empty() {
            match fs::remove_file(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(text::queue_unsaved(&error));
                }
                _ => {}
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
