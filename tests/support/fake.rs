//! A generator that follows a script: no model, no clock. Tests of the session and of the window run on it.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flux_qfaces::engine::error::Error;
use flux_qfaces::engine::job::{Generator, Job, Outcome, Picture, Timings};
use flux_qfaces::engine::lora::adapters::Applied;
use flux_qfaces::engine::lora::report::Report;
use flux_qfaces::engine::models::safety::judge::Withheld;
use flux_qfaces::engine::plan::outlook::Outlook;
use flux_qfaces::engine::progress::{Progress, Stage, Watch};
use flux_qfaces::schema::request::Request;
use flux_qfaces::session::program::Setup;
use flux_qfaces::session::worker::MakeGenerator;
use flux_qfaces::weights::catalog::Catalog;
use flux_qfaces::weights::http::Network;
use flux_qfaces::weights::model::{ModelCard, ModelSource};
use flux_qfaces::weights::tokens::Tokens;
use image::{Rgb, RgbImage};
use url::Url;

/// What the generator does with one job.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Goes through every stage and step, and paints at once.
    Paint,
    /// The same, but the safety checker withholds the picture of this number.
    Withhold(usize),
    /// Ends because pictures would have to be checked.
    LackChecker,
    /// Ends with this sentence.
    Fail(&'static str),
    /// Panics with this text.
    Panic(&'static str),
    /// Stays in the first step until it is cancelled.
    Hang,
}

/// What the test and the generator share.
#[derive(Default)]
struct Shared {
    acts: VecDeque<Act>,
    refusals: VecDeque<&'static str>,
    requests: Vec<Request>,
    sources: Vec<ModelSource>,
    built: usize,
    memory_limit: Option<u64>,
    checker_places: Vec<PathBuf>,
    outlook: Option<fn() -> Outlook>,
}

/// The test's end: says what is to happen, and tells what has happened.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<Shared>>);

impl Script {
    /// A script in which every job is painted.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// What happens to the next jobs, one act for each; jobs beyond them are painted.
    pub(crate) fn then(self, act: Act) -> Self {
        self.shared().acts.push_back(act);
        self
    }

    /// Adds an act while the script runs.
    pub(crate) fn push(&self, act: Act) {
        self.shared().acts.push_back(act);
    }

    /// The next attempt to build the generator fails with this sentence.
    pub(crate) fn refuse(self, sentence: &'static str) -> Self {
        self.shared().refusals.push_back(sentence);
        self
    }

    /// The generator says what its jobs take.
    pub(crate) fn with_outlook(self, outlook: fn() -> Outlook) -> Self {
        self.shared().outlook = Some(outlook);
        self
    }

    /// The requests that have reached the generator.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared().requests.clone()
    }

    /// The most memory, in bytes, that the last job was allowed.
    pub(crate) fn memory_limit(&self) -> Option<u64> {
        self.shared().memory_limit
    }

    /// Where the last job was to look for a safety checker.
    pub(crate) fn checker_places(&self) -> Vec<PathBuf> {
        self.shared().checker_places.clone()
    }

    /// The models that a generator was to be built for.
    pub(crate) fn sources(&self) -> Vec<ModelSource> {
        self.shared().sources.clone()
    }

    /// How many generators have been built.
    pub(crate) fn built(&self) -> usize {
        self.shared().built
    }

    /// What a session on this script runs.
    pub(crate) fn setup(&self) -> Setup {
        setup(self.maker())
    }

    /// Builds generators that follow this script.
    pub(crate) fn maker(&self) -> MakeGenerator {
        let script = self.clone();
        Box::new(move |source, _| {
            script.shared().sources.push(source.clone());
            if let Some(sentence) = script.shared().refusals.pop_front() {
                return Err(Error::Checkpoint(sentence.to_owned()));
            }
            script.shared().built += 1;
            Ok(Box::new(Fake(script.clone())))
        })
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        // A scripted panic must not spoil what follows.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The generator.
struct Fake(Script);

impl Generator for Fake {
    fn outlook(&mut self, _: &[PathBuf]) -> Option<Outlook> {
        self.0.shared().outlook.map(|outlook| outlook())
    }

    fn generate(&mut self, job: &Job<'_>, watch: &mut Watch<'_>) -> Result<Outcome, Error> {
        let request = job.request;
        let act = {
            let mut shared = self.0.shared();
            shared.memory_limit = job.memory_limit;
            shared.checker_places = job.safety_checkers.to_vec();
            shared.requests.push(request.clone());
            shared.acts.pop_front().unwrap_or(Act::Paint)
        };
        let mut announce = |stage, picture, step, part| {
            let (pictures, steps) = (request.num_outputs, request.steps);
            match watch(Progress {
                stage,
                picture,
                pictures,
                step,
                steps,
                part,
            }) {
                ControlFlow::Continue(()) => Ok(()),
                ControlFlow::Break(()) => Err(Error::Cancelled),
            }
        };
        announce(Stage::Encoding, 0, 0, 0.0)?;
        match act {
            Act::Paint | Act::Withhold(_) => {}
            Act::LackChecker => return Err(Error::NoSafetyChecker),
            Act::Fail(sentence) => return Err(Error::File(sentence.to_owned())),
            Act::Panic(text) => panic!("{text}"),
            Act::Hang => loop {
                announce(Stage::Denoising, 0, 0, 0.5)?;
                std::thread::yield_now();
            },
        }
        let mut pictures = Vec::new();
        for picture in 0..request.num_outputs {
            for step in 0..request.steps {
                announce(Stage::Denoising, picture, step, 0.0)?;
            }
            announce(Stage::Decoding, picture, request.steps, 0.0)?;
            pictures.push(match act {
                Act::Withhold(number) if number == picture => {
                    let reason = Withheld {
                        concepts: Vec::new(),
                        label: "nsfw".to_owned(),
                        probability: 0.9,
                    };
                    Picture::flagged(reason, request.fidelity)
                }
                _ => Picture::Made(paint(request, picture)),
            });
        }
        let loras = request.loras.iter().zip(job.loras);
        let loras = loras.map(|(lora, file)| Applied {
            name: file.name.clone(),
            source: lora.reference.shareable(),
            sha256: file.sha256.clone(),
            scale: lora.scale,
            report: Report::default(),
        });
        Ok(Outcome {
            loras: loras.collect(),
            pictures,
            steps: request.steps,
            notes: request.notes.clone(),
            timings_secs: Timings::default(),
            peak_memory_bytes: None,
            plan: None,
            model: "fake".to_owned(),
        })
    }
}

/// One colour per seed and picture.
fn paint(request: &Request, picture: usize) -> RgbImage {
    let [red, green, blue, ..] = request
        .seed
        .wrapping_add(picture as u64)
        .wrapping_mul(2_654_435_761)
        .to_le_bytes();
    RgbImage::from_pixel(
        request.size.width,
        request.size.height,
        Rgb([red, green, blue]),
    )
}

/// What a session runs, with a network that leads nowhere.
pub(crate) fn setup(make: MakeGenerator) -> Setup {
    let mut network = Network::new(Tokens::default());
    let nowhere = Url::parse("http://127.0.0.1:9").unwrap();
    network.hugging_face = nowhere.clone();
    network.civitai = nowhere.clone();
    network.replicate = nowhere;
    network.repetitions = 0;
    Setup {
        model: Some((ModelSource::Embedded, card())),
        make,
        network,
        catalog: Catalog::built_in().clone(),
    }
}

/// What the fake says of itself: small pictures, and a sentence about it.
pub(crate) fn card() -> ModelCard {
    ModelCard {
        name: "fake".to_owned(),
        about: Some("A pretended model for tests".to_owned()),
        architecture: None,
        native_side: 64,
        examples: vec!["an example of a prompt".to_owned()],
    }
}
