//! Work in the background: the only place that starts threads.
//!
//! [`Background::start`] runs a named piece of work on a thread of its own and returns a [`Task`]. The front end is woken
//! whenever the work reports something and when it has ended. The latest request wins: asking again replaces the earlier
//! task, and a task that is dropped is cancelled and its late result discarded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use poll_promise::Promise;

use crate::weights::stop::Stop;

/// Asks the front end to draw again. Called from other threads.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Starts tasks, and ends those with the program that must not be cut short.
#[derive(Clone)]
pub struct Background {
    wake: Wake,
    /// The threads to wait for when the program ends.
    awaited: Arc<Mutex<Vec<Awaited>>>,
}

/// A thread, and what cancels it.
type Awaited = (Stop, JoinHandle<()>);

impl Background {
    /// No tasks yet; `wake` is called when one has something to say.
    pub fn new(wake: Wake) -> Self {
        Self {
            wake,
            awaited: Arc::default(),
        }
    }

    /// Runs `work` on a thread called `name`. When the program ends, nobody waits for it.
    pub fn start<T: Send + 'static, N: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Reporter<N>) -> T + Send + 'static,
    ) -> Task<T, N> {
        let (result, promise) = Promise::new();
        let (sender, news) = channel();
        let reporter = Reporter {
            stop: Stop::default(),
            news: sender,
            wake: Arc::clone(&self.wake),
        };
        let stop = CancelOnDrop(reporter.stop.clone());
        let title = name.to_owned();
        log::debug!("the thread {name} starts");
        let spawned = thread::Builder::new().name(title.clone()).spawn(move || {
            let ended = contained(|| work(&reporter)).map_err(|reason| {
                log::error!("the thread {title} stopped unexpectedly");
                format!("stopped unexpectedly ({reason})")
            });
            result.send(ended);
            reporter.wake();
        });
        let (result, thread) = match spawned {
            Ok(thread) => (promise, Some(thread)),
            Err(error) => {
                let sentence = format!("could not be started: {error}");
                (Promise::from_ready(Err(sentence)), None)
            }
        };
        Task {
            result,
            news,
            stop,
            thread,
        }
    }

    /// The same for work that has to put its files in order: when the program ends, it is cancelled and waited for.
    pub fn start_awaited<T: Send + 'static, N: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Reporter<N>) -> T + Send + 'static,
    ) -> Task<T, N> {
        let mut task = self.start(name, work);
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.retain(|(_, thread)| !thread.is_finished());
        let thread = task.thread.take();
        awaited.extend(thread.map(|thread| (task.stop.0.clone(), thread)));
        task
    }

    /// Cancels every task that was started by [`Self::start_awaited`], and waits until it has ended.
    pub fn end(&self) {
        let awaited = &mut *self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        for (stop, _) in &*awaited {
            stop.raise();
        }
        for (_, thread) in awaited.drain(..) {
            // Panics are contained inside; there is nothing to learn from it here.
            let _ = thread.join();
        }
    }
}

/// The work's side of a task: reports news, and hears when it is cancelled.
pub struct Reporter<N> {
    stop: Stop,
    news: Sender<N>,
    wake: Wake,
}

impl<N> Reporter<N> {
    /// Sends news and wakes the front end, which is one act.
    pub fn report(&self, news: N) {
        // Nobody listens any more once the task was dropped.
        let _ = self.news.send(news);
        self.wake();
    }

    /// Wakes the front end, for news that go another way.
    pub(super) fn wake(&self) {
        (self.wake)();
    }

    /// Raised when the task is cancelled or dropped, or the program ends.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }
}

/// Work that was started: its result once it has ended, and its news until then.
pub struct Task<T: Send + 'static, N = ()> {
    result: Promise<Result<T, String>>,
    news: Receiver<N>,
    stop: CancelOnDrop,
    /// Its thread, unless [`Background::end`] waits for that.
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static, N> Task<T, N> {
    /// Asks the work to end early; it still has a result.
    pub fn cancel(&self) {
        self.stop.0.raise();
    }

    /// Whether the result is there.
    pub fn has_ended(&self) -> bool {
        self.result.ready().is_some()
    }

    /// What was reported since the last call.
    pub fn news(&self) -> impl Iterator<Item = N> {
        self.news.try_iter()
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// The rest of a sentence whose subject is the work, when it could not be started or panicked.
    pub fn wait(self) -> Result<T, String> {
        self.result.block_and_take()
    }

    /// Empties the slot and returns the result, if the task in it has ended.
    pub fn take(slot: &mut Option<Self>) -> Option<Result<T, String>> {
        slot.take_if(|task| task.has_ended()).map(Self::wait)
    }

    /// Removes the tasks that have ended and returns their results.
    pub fn take_ended(tasks: &mut Vec<Self>) -> Vec<Result<T, String>> {
        let ended = tasks.extract_if(.., |task| task.has_ended());
        ended.map(Self::wait).collect()
    }
}

/// Cancels a task that nobody waits for any more.
struct CancelOnDrop(Stop);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.raise();
    }
}

/// Runs `action`; a panic becomes the reason it gave.
pub(super) fn contained<T>(action: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(action)).map_err(|payload| {
        let literal = payload.downcast_ref::<&str>().copied();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        literal.or(text).unwrap_or("no reason given").to_owned()
    })
}
