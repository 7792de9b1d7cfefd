//! What the form asks in every frame, computed again only when something has changed that it depends on: what the files of
//! its inputs say, and what a job with its inputs would be.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::engine::plan::ways::Plan;
use crate::imaging::read::{self, Looks};
use crate::schema::choices::Fidelity;
use crate::schema::circumstances::Look;
use crate::schema::notes::Problem;
use crate::schema::params::Params;
use crate::schema::request::Request;

/// For how long a plan stands that depends on the memory that is free.
const FRESH: Duration = Duration::from_secs(1);

/// How many looks are remembered.
const REMEMBERED: usize = 16;

/// When a file was changed and how long it is; `None` when it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    /// That of the file at `path` as it is now.
    pub fn of(path: &Path) -> Self {
        let data = fs::metadata(path).ok();
        Self(data.and_then(|data| Some((data.modified().ok()?, data.len()))))
    }

    /// Whether there was a file.
    pub fn is_of_file(self) -> bool {
        self.0.is_some()
    }
}

/// Looks at files, remembered.
#[derive(Default)]
pub(super) struct LookCache(RefCell<HashMap<PathBuf, (Stamp, Look)>>);

impl LookCache {
    /// Looks at the files that `params` name.
    pub(super) fn at(&self, params: &Params) -> Looks {
        let at = |path: &Option<PathBuf>| path.as_deref().map(|path| self.look(path));
        Looks {
            image: at(&params.image),
            mask: at(&params.mask),
        }
    }

    /// Looks at one file.
    pub(super) fn look(&self, path: &Path) -> Look {
        let stamp = Stamp::of(path);
        let mut looks = self.0.borrow_mut();
        if let Some((then, look)) = looks.get(path)
            && *then == stamp
        {
            return look.clone();
        }
        let look = read::look(path);
        if looks.len() >= REMEMBERED {
            looks.clear();
        }
        looks.insert(path.to_owned(), (stamp, look.clone()));
        look
    }
}

/// A job that would be submitted now.
#[derive(Debug)]
pub struct Preview {
    /// What would run; `None` when something stands against it.
    pub request: Option<Request>,
    /// What stands against it, unusable LoRAs included.
    pub problems: Vec<Problem>,
    /// How it would run; `None` while that is not known.
    pub plan: Option<Plan>,
}

/// What a preview is computed from, but for the model: whoever changes that forgets the preview.
#[derive(PartialEq)]
pub(super) struct Key {
    pub(super) params: Params,
    pub(super) fidelity: Fidelity,
    pub(super) memory_limit: Option<u64>,
    /// The LoRAs that wait for the user's word.
    pub(super) held: Vec<String>,
    /// What stands against the job of the LoRAs that were looked up.
    pub(super) unusable: Vec<Problem>,
    /// How the files of the starting picture and the mask are.
    pub(super) files: [Option<Stamp>; 2],
}

/// The latest preview.
#[derive(Default)]
pub(super) struct PreviewCache(RefCell<Option<(Key, Instant, Arc<Preview>)>>);

impl PreviewCache {
    /// The preview for a key, computed by `compute` unless it is known.
    pub(super) fn get(&self, key: Key, compute: impl FnOnce(&Key) -> Preview) -> Arc<Preview> {
        let mut latest = self.0.borrow_mut();
        if let Some((known, since, preview)) = &*latest
            && *known == key
            && since.elapsed() < FRESH
        {
            return Arc::clone(preview);
        }
        let preview = Arc::new(compute(&key));
        *latest = Some((key, Instant::now(), Arc::clone(&preview)));
        preview
    }

    /// Computes the next preview in any case.
    pub(super) fn forget(&mut self) {
        *self.0.get_mut() = None;
    }
}
