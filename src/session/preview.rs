//! What a job with the inputs of the form would be, computed again only when something has changed that it depends on: the
//! form asks in every frame.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::plan::ways::Plan;
use crate::schema::choices::Fidelity;
use crate::schema::notes::Problem;
use crate::schema::params::Params;
use crate::schema::request::Request;
use crate::session::looks::Stamp;

/// For how long a plan stands that depends on the memory that is free.
const FRESH: Duration = Duration::from_secs(1);

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
