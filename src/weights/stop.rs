//! Ends what goes on in the network, from another thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ureq::Agent;

use crate::weights::error::Error;

/// The most connections that are remembered; one download at a time runs under a stop, so only the latest matter.
const CONNECTIONS: usize = 10;

/// Ends downloads: from another thread, and also while nothing arrives.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    raised: AtomicBool,
    /// What waits for a server now.
    agents: Mutex<Vec<Agent>>,
}

impl Stop {
    /// Ends what goes on, and what would begin.
    pub fn raise(&self) {
        self.0.raised.store(true, Ordering::Relaxed);
        for agent in self.agents().iter() {
            agent.clone().shutdown();
        }
    }

    fn agents(&self) -> MutexGuard<'_, Vec<Agent>> {
        self.0.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has been raised.
    pub fn is_raised(&self) -> bool {
        self.0.raised.load(Ordering::Relaxed)
    }

    /// [`Error::Cancelled`] when it has been raised.
    pub(super) fn check(&self) -> Result<(), Error> {
        let goes_on = !self.is_raised();
        goes_on.then_some(()).ok_or(Error::Cancelled)
    }

    /// The error that counts: a connection that was cut on purpose is no failure.
    pub(super) fn or(&self, error: Error) -> Error {
        self.check().err().unwrap_or(error)
    }

    /// Lets [`Self::raise`] end what an agent waits for.
    pub(super) fn watch(&self, agent: &Agent) -> Result<(), Error> {
        let mut agents = self.agents();
        if agents.len() >= CONNECTIONS {
            agents.remove(0);
        }
        agents.push(agent.clone());
        drop(agents);
        self.check()
    }

    /// Waits; [`Error::Cancelled`] when it is raised meanwhile.
    pub(super) fn sleep(&self, duration: Duration) -> Result<(), Error> {
        const SLICE: Duration = Duration::from_millis(50);
        let mut left = duration;
        while !left.is_zero() {
            self.check()?;
            std::thread::sleep(left.min(SLICE));
            left = left.saturating_sub(SLICE);
        }
        self.check()
    }
}
