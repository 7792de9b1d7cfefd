//! The thread `engine`: it owns the generator and runs one job at a time.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::engine;
use crate::engine::error::Error;
use crate::engine::job::Generator;
use crate::engine::job::Picture;
use crate::engine::plan::outlook::Outlook;
use crate::engine::progress::{Progress, Stage, Watch};
use crate::schema::params::Params;
use crate::schema::request::Request;
use crate::session::Wake;
use crate::session::files::Target;
use crate::session::gallery::Entry;
use crate::session::inputs::InputStore;
use crate::session::jobs::{Failure, Finished, Job, JobId, Run};
use crate::session::loras::{self, Unavailable};
use crate::session::record::Record;
use crate::session::settings::Settings;
use crate::weights::fetch::Bytes;
use crate::weights::library::Library;
use crate::weights::model::ModelSource;
use crate::weights::stop::Stop;

/// Builds a generator for a model, on the worker's thread. The watch breaks when the program ends.
pub type MakeGenerator =
    Box<dyn FnMut(&ModelSource, &mut Watch<'_>) -> Result<Box<dyn Generator>, Error> + Send>;

/// One job for the worker.
pub(super) struct Order {
    id: JobId,
    params: Params,
    request: Request,
    folder: PathBuf,
    file_names: String,
    with_record: bool,
    inputs: InputStore,
    library: Library,
    memory_limit: Option<u64>,
    /// Where a safety checker may be.
    places: Vec<PathBuf>,
    stop: Stop,
}

impl Order {
    /// The order for `job`, and the run to keep an eye on it.
    pub(super) fn new(
        job: &Job,
        settings: &Settings,
        inputs: &InputStore,
        library: &Library,
        places: Vec<PathBuf>,
    ) -> (Self, Run) {
        let stop = Stop::default();
        let order = Self {
            id: job.id,
            params: job.params.clone(),
            request: job.request.clone(),
            folder: settings.output_folder.clone(),
            file_names: settings.file_names.clone(),
            with_record: settings.metadata,
            inputs: inputs.clone(),
            library: library.clone(),
            memory_limit: settings.memory_limit(),
            places,
            stop: stop.clone(),
        };
        (order, Run::new(stop))
    }
}

/// What the worker tells the session.
#[derive(Debug)]
pub(super) enum Event {
    /// The model of this choice is ready.
    ModelReady(Choice),
    /// How its next jobs will run.
    Outlook(Choice, Option<Box<Outlook>>),
    ModelFailed(Choice, String),
    Progress(JobId, Progress),
    Finished(JobId, Finished),
    Cancelled(JobId),
    Failed(JobId, Failure),
}

/// The number of a choice of a model: what an earlier one says late counts no more.
pub(super) type Choice = u64;

/// The session's end of the thread.
pub(super) struct Worker {
    /// `None` once the session ends.
    errands: Option<Sender<Errand>>,
    /// Raised when the program ends.
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the session asks of the thread.
enum Errand {
    Run(Box<Order>),
    Use(Choice, ModelSource),
    Reload,
}

impl Worker {
    /// Starts the thread, which builds its generator at once.
    pub(super) fn start(
        make: MakeGenerator,
        source: ModelSource,
        places: Vec<PathBuf>,
        wake: Wake,
    ) -> (Self, Receiver<Event>) {
        let closing = Arc::new(AtomicBool::new(false));
        let (errands, incoming) = channel();
        let (events, outgoing) = channel();
        let outbox = Outbox {
            events,
            wake,
            closing: Arc::clone(&closing),
        };
        let spawned = thread::Builder::new().name("engine".to_owned()).spawn({
            let outbox = outbox.clone();
            move || work(make, source, places, &incoming, &outbox)
        });
        let thread = spawned
            .map_err(|error| {
                let sentence = format!("the engine's thread could not be started: {error}");
                outbox.send(Event::ModelFailed(0, sentence));
            })
            .ok();
        (
            Self {
                errands: Some(errands),
                closing,
                thread,
            },
            outgoing,
        )
    }

    /// Hands over a job. A worker that is gone has already said so.
    pub(super) fn run(&self, order: Order) {
        self.send(Errand::Run(Box::new(order)));
    }

    /// Builds the generator of another model in place of the one at hand.
    pub(super) fn use_model(&self, choice: Choice, source: ModelSource) {
        self.send(Errand::Use(choice, source));
    }

    /// Builds the generator again, if there is none.
    pub(super) fn reload(&self) {
        self.send(Errand::Reload);
    }

    fn send(&self, errand: Errand) {
        if let Some(errands) = &self.errands {
            let _ = errands.send(errand);
        }
    }

    /// Ends what the thread is doing within a block of the model, and waits for it.
    pub(super) fn join(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        self.errands = None;
        if let Some(thread) = self.thread.take() {
            // Its panics are contained inside; there is nothing to learn from it here.
            let _ = thread.join();
        }
    }
}

/// The thread's end: sends an event and wakes the front end, which is one act, and hears when the program ends.
#[derive(Clone)]
struct Outbox {
    events: Sender<Event>,
    wake: Wake,
    closing: Arc<AtomicBool>,
}

impl Outbox {
    fn send(&self, event: Event) {
        // Nobody listens any more only while the program ends.
        let _ = self.events.send(event);
        (self.wake)();
    }

    /// Whether the work goes on.
    fn proceed(&self) -> ControlFlow<()> {
        if self.closing.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// The thread's life: build the generator, then job after job.
fn work(
    mut make: MakeGenerator,
    mut source: ModelSource,
    mut places: Vec<PathBuf>,
    errands: &Receiver<Errand>,
    outbox: &Outbox,
) {
    let mut choice = 0;
    let mut generator = build(&mut make, choice, (&source, &places), outbox).ok();
    while let Ok(errand) = errands.recv() {
        if let Errand::Use(number, other) = &errand {
            // There may be no room for two.
            generator = None;
            (choice, source) = (*number, other.clone());
        }
        let built = if generator.is_some() {
            Ok(())
        } else {
            build(&mut make, choice, (&source, &places), outbox)
                .map(|built| generator = Some(built))
        };
        let Errand::Run(order) = errand else { continue };
        places.clone_from(&order.places);
        let id = order.id;
        let Some(ready) = generator.as_mut() else {
            outbox.send(Event::Failed(id, built.err().unwrap_or_default().into()));
            continue;
        };
        let event = match contained(|| run(ready.as_mut(), &order, outbox)) {
            Ok(Ok(finished)) => {
                // The job has taught how fast the device is.
                outbox.send(Event::Outlook(choice, ready.outlook(&places).map(Box::new)));
                Event::Finished(id, finished)
            }
            Ok(Err(Ended::Cancelled)) => Event::Cancelled(id),
            Ok(Err(Ended::Failed(failure))) => Event::Failed(id, failure),
            Err(sentence) => {
                // A generator that panicked may be left in any state; the next job gets a new one.
                generator = None;
                Event::Failed(id, sentence.into())
            }
        };
        outbox.send(event);
    }
}

/// Builds a generator and tells how that went.
fn build(
    make: &mut MakeGenerator,
    choice: Choice,
    (source, places): (&ModelSource, &[PathBuf]),
    outbox: &Outbox,
) -> Result<Box<dyn Generator>, String> {
    let mut made = || make(source, &mut |_| outbox.proceed()).map_err(|error| error.to_string());
    let mut built = contained(&mut made).and_then(|built| built);
    if let Ok(generator) = &mut built {
        outbox.send(Event::Outlook(
            choice,
            generator.outlook(places).map(Box::new),
        ));
    }
    outbox.send(match &built {
        Ok(_) => Event::ModelReady(choice),
        Err(sentence) => Event::ModelFailed(choice, sentence.clone()),
    });
    built
}

/// Why a job ended without pictures.
enum Ended {
    Cancelled,
    Failed(Failure),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        match error {
            Error::Cancelled => Self::Cancelled,
            other => Self::Failed(Failure {
                lacks_checker: matches!(other, Error::NoSafetyChecker),
                sentence: other.to_string(),
            }),
        }
    }
}

/// Runs one job and saves its pictures.
fn run(generator: &mut dyn Generator, order: &Order, outbox: &Outbox) -> Result<Finished, Ended> {
    let started = Instant::now();
    let is_cancelled = || order.stop.is_raised() || outbox.proceed().is_break();
    let mut watch = |progress| {
        if is_cancelled() {
            return ControlFlow::Break(());
        }
        outbox.send(Event::Progress(order.id, progress));
        ControlFlow::Continue(())
    };
    let mut request = order.request.clone();
    let mut on_bytes = |bytes: Bytes| watch(Progress::before(Stage::Fetching, bytes.share()));
    let files = loras::collect(&order.library, &mut request, &order.stop, &mut on_bytes);
    let files = files.map_err(|unavailable| match unavailable {
        Unavailable::Cancelled => Ended::Cancelled,
        Unavailable::Problem(problem) => Error::Input(problem).into(),
        Unavailable::Sentence(sentence) => Ended::Failed(sentence.into()),
    })?;
    let job = engine::job::Job {
        request: &request,
        loras: &files,
        memory_limit: order.memory_limit,
        safety_checkers: &order.places,
    };
    let mut outcome = generator.generate(&job, &mut watch)?;
    if is_cancelled() {
        return Err(Ended::Cancelled);
    }

    let saving = Instant::now();
    if let Some(image) = order.params.image.as_ref().filter(|_| order.with_record) {
        order.inputs.keep_copy(image);
    }
    let record = Record::new(&order.params, &request, &outcome);
    let target = Target::named(&order.folder, &order.file_names, &order.request);
    let saved = target.save(
        &outcome.pictures,
        order.request.encoding,
        order.with_record.then_some(&record),
    );
    let saved = saved.map_err(|error| Ended::Failed(error.to_string().into()))?;
    outcome.notes.extend(saved.note());
    outcome.timings_secs.saving = saving.elapsed().as_secs_f64();
    outcome.timings_secs.total = started.elapsed().as_secs_f64();
    let mut files: HashMap<_, _> = saved.paths.into_iter().collect();
    let pictures = outcome.pictures.iter().enumerate();
    let entries = pictures.filter_map(|(index, picture)| {
        let record = Some(record.of_picture(index));
        match picture {
            Picture::Made(_) => Some(Entry::new(files.remove(&index)?, record)),
            Picture::Withheld(reason) => {
                // A name that no file has, not even in a folder with names of the user's own.
                let path = order
                    .folder
                    .join(format!("withheld {} {index}", order.id.0));
                Some(Entry::withheld(path, record, reason.to_string()))
            }
            Picture::Dropped(_) => None,
        }
    });
    Ok(Finished {
        entries: entries.collect(),
        notes: outcome.notes,
        timings_secs: outcome.timings_secs,
    })
}

/// Runs `action`; a panic becomes a sentence.
fn contained<T>(action: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(action)).map_err(|payload| {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned());
        let reason = text.or_else(|| payload.downcast_ref::<String>().cloned());
        format!(
            "the engine stopped unexpectedly ({}); the next job starts it anew",
            reason.as_deref().unwrap_or("no reason given")
        )
    })
}
