//! A session on a script, without a window.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use flux_qfaces::schema::params::Params;
use flux_qfaces::session::folders::Folders;
use flux_qfaces::session::jobs::JobId;
use flux_qfaces::session::program::{Session, Setup};
use flux_qfaces::session::worker::MakeGenerator;
use tempfile::TempDir;

use crate::support::fake::{Script, setup};

/// A session, and the folder it works in.
pub(crate) struct Stage {
    pub(crate) session: Session,
    pub(crate) wakes: Receiver<()>,
    pub(crate) folder: TempDir,
}

impl Stage {
    pub(crate) fn new(script: &Script) -> Self {
        Self::reopened(script, TempDir::new().unwrap())
    }

    /// A session on the files of an earlier one.
    pub(crate) fn reopened(script: &Script, folder: TempDir) -> Self {
        Self::with(script.maker(), folder)
    }

    /// A session whose generator is built in this way.
    pub(crate) fn with(make: MakeGenerator, folder: TempDir) -> Self {
        let folders = folders(folder.path());
        Self::on(setup(make), folders, folder)
    }

    /// A session on something else.
    pub(crate) fn on(setup: Setup, folders: Folders, folder: TempDir) -> Self {
        let (sender, wakes) = channel();
        let wake = Arc::new(move || {
            let _ = sender.send(());
        });
        let session = Session::open(folders, setup, wake);
        Self {
            session,
            wakes,
            folder,
        }
    }

    /// Waits, without a clock, until `done` holds.
    pub(crate) fn until(&mut self, done: impl Fn(&Session) -> bool) {
        self.session.pump();
        while !done(&self.session) {
            self.wakes.recv().unwrap();
            self.session.pump();
        }
    }

    pub(crate) fn until_ended(&mut self, id: JobId) {
        self.until(|session| session.job(id).unwrap().has_ended());
    }

    pub(crate) fn submit(&mut self, prompt: &str) -> JobId {
        self.session.submit(&prompted(prompt)).unwrap()
    }

    /// The names of the files in the folder of finished pictures.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("pictures"))
            .into_iter()
            .flatten()
            .flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }
}

pub(crate) fn folders(root: &Path) -> Folders {
    Folders {
        config: root.join("config"),
        state: root.join("state"),
        pictures: root.join("pictures"),
        inputs: root.join("inputs"),
        loras: root.join("loras"),
        models: root.join("models"),
        foreign_models: Vec::new(),
    }
}

pub(crate) fn prompted(prompt: &str) -> Params {
    Params {
        prompt: Some(prompt.to_owned()),
        num_inference_steps: 2,
        ..Params::default()
    }
}
