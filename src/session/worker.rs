//! The task `engine`, which owns the generator and runs one job at a time, and the model in use as it tells of it.
//!
//! Each job and each choice of a model brings its own channel for what is told of it: what comes late of an earlier one
//! goes nowhere.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use crate::engine;
use crate::engine::error::Error;
use crate::engine::job::{Generator, Picture};
use crate::engine::plan::outlook::Outlook;
use crate::engine::progress::{Progress, Stage, Watch};
use crate::schema::params::Params;
use crate::schema::request::Request;
use crate::session::background::{Background, Reporter, Task, contained};
use crate::session::files::Target;
use crate::session::gallery::Entry;
use crate::session::inputs::InputStore;
use crate::session::jobs::{Finished, Job, JobId, JobState, News, Run};
use crate::session::loras;
use crate::session::record::Record;
use crate::session::settings::Settings;
use crate::session::text;
use crate::weights::fetch::Bytes;
use crate::weights::library::Library;
use crate::weights::model::{ModelCard, ModelSource};
use crate::weights::stop::Stop;

/// Builds a generator for a model, on the worker's thread. The watch breaks when the program ends.
pub type MakeGenerator =
    Box<dyn FnMut(&ModelSource, &mut Watch<'_>) -> Result<Box<dyn Generator>, Error> + Send>;

/// One job for the worker.
pub(super) struct Order {
    id: JobId,
    params: Params,
    request: Request,
    settings: Settings,
    inputs: InputStore,
    library: Library,
    /// Where a safety checker may be.
    places: Vec<PathBuf>,
    stop: Stop,
    news: Sender<News>,
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
        let (news, told) = channel();
        let order = Self {
            id: job.id,
            params: job.params.clone(),
            request: job.request.clone(),
            settings: settings.clone(),
            inputs: inputs.clone(),
            library: library.clone(),
            places,
            stop: stop.clone(),
            news,
        };
        (order, Run::new(stop, told))
    }
}

/// How far the model is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelState {
    /// Being read; jobs wait.
    Loading,
    /// Ready for jobs.
    Ready,
    /// It cannot be used, in one sentence.
    Failed(String),
}

/// What the worker tells of a model.
#[derive(Debug)]
pub(super) enum ModelNews {
    /// How far it is.
    State(ModelState),
    /// How its next jobs will run.
    Outlook(Option<Box<Outlook>>),
}

/// The model in use.
pub(super) struct Current {
    pub(super) source: ModelSource,
    pub(super) card: ModelCard,
    pub(super) state: ModelState,
    /// What the plans of jobs are made of, once it is ready.
    pub(super) outlook: Option<Box<Outlook>>,
    /// What the worker tells of it.
    news: Receiver<ModelNews>,
    /// Its files of weights.
    files: Vec<PathBuf>,
    /// Whether it has a safety checker of its own.
    pub(super) brings_checker: bool,
    /// The files of the model that the running job still uses, where another has been chosen meanwhile.
    pub(super) retiring: Vec<PathBuf>,
}

impl Current {
    /// A model that is being built, of which the worker tells `news`.
    pub(super) fn new(source: ModelSource, card: ModelCard, news: Receiver<ModelNews>) -> Self {
        Self {
            state: ModelState::Loading,
            outlook: None,
            news,
            files: source.files(),
            brings_checker: source.has_safety_checker(),
            retiring: Vec::new(),
            source,
            card,
        }
    }

    /// Puts another model in its place. Its files stay in use while a job runs on them.
    pub(super) fn replace(&mut self, next: Self, is_running: bool) {
        let earlier = std::mem::replace(self, next);
        if is_running {
            self.retiring = [earlier.files, earlier.retiring].concat();
        }
    }

    /// Takes in what the worker has told; returns whether there was anything.
    pub(super) fn pump(&mut self) -> bool {
        let mut has_changed = false;
        for news in self.news.try_iter() {
            has_changed = true;
            match news {
                ModelNews::State(state) => self.state = state,
                ModelNews::Outlook(outlook) => self.outlook = outlook,
            }
        }
        has_changed
    }

    /// The files that it and the running job use.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().chain(&self.retiring)
    }
}

/// A model, and where the worker tells of it.
struct Chosen {
    source: ModelSource,
    news: Sender<ModelNews>,
}

/// What the session asks of the worker.
enum Asked {
    Run(Box<Order>),
    Use(Chosen),
    Reload,
}

/// The session's end of the worker.
pub(super) struct Worker {
    /// `None` once the session ends.
    asked: Option<Sender<Asked>>,
    /// The worker itself, if it could be started.
    _task: Option<Task<()>>,
}

impl Worker {
    /// Starts the worker, which builds its generator at once. What it tells of the model comes with it.
    pub(super) fn start(
        make: MakeGenerator,
        source: ModelSource,
        places: Vec<PathBuf>,
        background: &Background,
    ) -> (Self, Receiver<ModelNews>) {
        let (asked, incoming) = channel();
        let (news, told) = channel();
        let chosen = Chosen {
            source,
            news: news.clone(),
        };
        let mut task = Some(background.start_awaited("engine", move |reporter| {
            work(make, chosen, places, &incoming, reporter);
        }));
        if let Some(Err(reason)) = Task::take(&mut task) {
            let sentence = text::engine_failed(reason);
            let _ = news.send(ModelNews::State(ModelState::Failed(sentence)));
        }
        let worker = Self {
            asked: Some(asked),
            _task: task,
        };
        (worker, told)
    }

    /// Hands over a job.
    pub(super) fn run(&self, order: Order) {
        self.ask(Asked::Run(Box::new(order)));
    }

    /// Builds the generator of another model, in place of the one there is; returns what is told of it.
    pub(super) fn use_model(&self, source: ModelSource) -> Receiver<ModelNews> {
        let (news, told) = channel();
        self.ask(Asked::Use(Chosen { source, news }));
        told
    }

    /// Builds the generator again, if there is none.
    pub(super) fn reload(&self) {
        self.ask(Asked::Reload);
    }

    fn ask(&self, asked: Asked) {
        // A worker that is gone has said why.
        let _ = self.asked.as_ref().map(|worker| worker.send(asked));
    }

    /// Lets the worker end once it has done what it is doing.
    pub(super) fn close(&mut self) {
        self.asked = None;
    }
}

/// The worker's life: build the generator, then job after job.
fn work(
    mut make: MakeGenerator,
    mut chosen: Chosen,
    mut places: Vec<PathBuf>,
    asked: &Receiver<Asked>,
    reporter: &Reporter<()>,
) {
    let mut generator = build(&mut make, &chosen, &places, reporter).ok();
    while let Ok(asked) = asked.recv() {
        let order = match asked {
            Asked::Run(order) => Some(order),
            Asked::Use(other) => {
                // There may be no room for two.
                generator = None;
                chosen = other;
                None
            }
            Asked::Reload => None,
        };
        let built = match generator.take() {
            Some(ready) => Ok(ready),
            None => build(&mut make, &chosen, &places, reporter),
        };
        let Some(order) = order else {
            generator = built.ok();
            continue;
        };
        places.clone_from(&order.places);
        log::info!("job {} starts", order.id.0);
        let state = match built {
            Ok(mut ready) => match contained(|| run(ready.as_mut(), &order, reporter)) {
                Ok(ended) => {
                    if ended.is_ok() {
                        // The job has taught how fast the device is.
                        let outlook = ready.outlook(&places).map(Box::new);
                        tell(reporter, &chosen.news, ModelNews::Outlook(outlook));
                    }
                    generator = Some(ready);
                    ended.map_or_else(JobState::from, JobState::Finished)
                }
                // A generator that panicked may be left in any state; the next job gets a new one.
                Err(reason) => {
                    log::warn!(
                        "the engine stopped unexpectedly and starts again with the next job"
                    );
                    JobState::Failed(text::engine_stopped(reason).into())
                }
            },
            Err(sentence) => JobState::Failed(sentence.into()),
        };
        note_end(order.id, &state);
        tell(reporter, &order.news, News::Ended(state));
    }
}

/// Notes in the log how a job has ended. What went wrong may name a path, and is left to the front end.
fn note_end(JobId(id): JobId, state: &JobState) {
    match state {
        JobState::Finished(finished) => {
            let timings = &finished.timings_secs;
            log::info!("job {id} finished after {:.1} s", timings.total);
            log::debug!("job {id}: {timings:?}");
        }
        JobState::Cancelled => log::info!("job {id} was cancelled"),
        _ => log::error!("job {id} failed"),
    }
}

/// Sends news and wakes the front end, which is one act.
fn tell<N>(reporter: &Reporter<()>, to: &Sender<N>, news: N) {
    // Nobody listens any more when another model was chosen, or the program ends.
    let _ = to.send(news);
    reporter.wake();
}

/// Builds a generator and tells how that went.
fn build(
    make: &mut MakeGenerator,
    chosen: &Chosen,
    places: &[PathBuf],
    reporter: &Reporter<()>,
) -> Result<Box<dyn Generator>, String> {
    let started = Instant::now();
    let mut watch = |_| {
        if reporter.stop().is_raised() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let made = contained(|| make(&chosen.source, &mut watch).map_err(|error| error.to_string()));
    let mut built = made.map_err(text::engine_stopped).flatten();
    let state = match &mut built {
        Ok(generator) => {
            let outlook = generator.outlook(places).map(Box::new);
            tell(reporter, &chosen.news, ModelNews::Outlook(outlook));
            let seconds = started.elapsed().as_secs_f64();
            log::info!("the model is ready after {seconds:.1} s");
            ModelState::Ready
        }
        Err(sentence) => {
            log::error!("the model cannot be used");
            ModelState::Failed(sentence.clone())
        }
    };
    tell(reporter, &chosen.news, ModelNews::State(state));
    built
}

/// Runs one job and saves its pictures.
fn run(
    generator: &mut dyn Generator,
    order: &Order,
    reporter: &Reporter<()>,
) -> Result<Finished, Error> {
    let started = Instant::now();
    let is_cancelled = || order.stop.is_raised() || reporter.stop().is_raised();
    let mut watch = |progress| {
        if is_cancelled() {
            return ControlFlow::Break(());
        }
        tell(reporter, &order.news, News::Progress(progress));
        ControlFlow::Continue(())
    };
    let mut request = order.request.clone();
    let mut on_bytes = |bytes: Bytes| watch(Progress::before(Stage::Fetching, bytes.share()));
    let files = loras::collect(&order.library, &mut request, &order.stop, &mut on_bytes)?;
    let job = engine::job::Job {
        request: &request,
        loras: &files,
        memory_limit: order.settings.memory_limit(),
        safety_checkers: &order.places,
    };
    let mut outcome = generator.generate(&job, &mut watch)?;
    if is_cancelled() {
        return Err(Error::Cancelled);
    }

    let saving = Instant::now();
    let settings = &order.settings;
    if let Some(image) = order.params.image.as_ref().filter(|_| settings.metadata) {
        order.inputs.keep_copy(image);
    }
    let record = Record::new(&order.params, &request, &outcome);
    let written = settings.metadata.then_some(&record);
    let target = Target::named(&settings.output_folder, &settings.file_names, &request);
    let saved = target.save(&mut outcome, request.encoding, written);
    let saved = saved.map_err(|error| Error::File(error.to_string()))?;
    outcome.timings_secs.saving = saving.elapsed().as_secs_f64();
    outcome.timings_secs.total = started.elapsed().as_secs_f64();
    let mut files: HashMap<_, _> = saved.into_iter().collect();
    let pictures = outcome.pictures.iter().enumerate();
    let entries = pictures.filter_map(|(index, picture)| {
        let record = Some(record.of_picture(index));
        match picture {
            Picture::Made(_) => Some(Entry::new(files.remove(&index)?, record)),
            Picture::Withheld(reason) => {
                // A name that no file has, not even in a folder with names of the user's own.
                let name = format!("withheld {} {index}", order.id.0);
                Some(Entry {
                    withheld: Some(reason.to_string()),
                    ..Entry::new(settings.output_folder.join(name), record)
                })
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
