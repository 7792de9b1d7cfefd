//! From a [`Request`] to pictures: one plain blocking call.
//!
//! The engine starts no threads of its own, opens no connections and knows neither windows nor queues. Whoever calls it
//! hands over one callback, [`Watch`], which is both progress and cancel.
//!
//! Read [`pipeline`] first: it is the story of one job, and every other module is one of its words.

mod blocks;
pub mod checking;
pub mod checkpoint;
pub mod device;
pub mod dump;
mod encoder;
pub mod flux;
pub mod kernels;
pub mod lora;
pub mod memory;
pub mod noise;
pub mod pipeline;
pub mod plan;
mod planner;
pub mod prompt;
pub mod safety;
pub mod sampling;
mod start;
pub mod text;
mod transformer;

use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::Serialize;

use crate::engine::checking::Picture;
use crate::engine::lora::adapters::Applied;
use crate::engine::plan::{Outlook, Plan};
use crate::schema::fields;
use crate::schema::request::Request;
use crate::schema::{Note, Problem};
use crate::text::first_line;
use crate::weights::lora::LoraFile;

/// Makes pictures. There are two: the FLUX pipeline, and a scripted fake in the tests.
pub trait Generator {
    /// Limits the memory that the process may hold during the next jobs, in bytes. A job runs as fast as fits.
    fn limit_memory(&mut self, bytes: Option<u64>);

    /// Says where a safety checker may be, for a model that needs one and brings none.
    fn look_for_safety_checker(&mut self, places: &[PathBuf]);

    /// What the plans of its jobs are made of; `None` where it makes none.
    fn outlook(&mut self) -> Option<Outlook>;

    /// Runs one job to its end. `loras` are the files of the request's LoRAs, one for each, in order.
    ///
    /// `watch` is called before every slow step; when it breaks, the job ends within one block of the model.
    ///
    /// # Errors
    /// [`Error::Cancelled`] after a cancel; otherwise one sentence on what failed.
    fn generate(
        &mut self,
        request: &Request,
        loras: &[LoraFile],
        watch: &mut Watch<'_>,
    ) -> Result<Outcome, Error>;
}

/// Hears of progress, and says whether to go on.
pub type Watch<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// What the engine is about to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The part of the job.
    pub stage: Stage,
    /// Which picture, counted from 0.
    pub picture: usize,
    /// How many pictures.
    pub pictures: usize,
    /// Which denoising step, counted from 0.
    pub step: usize,
    /// How many denoising steps a picture takes.
    pub steps: usize,
    /// How much of this stage, or of this step while denoising, is done: 0 to 1.
    pub part: f32,
}

/// The parts of a job, in order; denoising and decoding alternate where there are several pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A file comes from elsewhere.
    Fetching,
    /// Weights are read.
    Loading,
    /// The prompt goes through the text encoders.
    Encoding,
    /// The starting picture becomes latents.
    Starting,
    /// Noise becomes latents.
    Denoising,
    /// Latents become pixels.
    Decoding,
    /// The safety checker looks at the pictures.
    Checking,
}

impl Stage {
    /// What is shown while it runs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Fetching => "Downloading the LoRA",
            Self::Loading => "Loading the model",
            Self::Encoding => "Reading the prompt",
            Self::Starting => "Reading the starting picture",
            Self::Denoising => "Denoising",
            Self::Decoding => "Decoding",
            Self::Checking => "Checking the pictures",
        }
    }
}

impl Progress {
    /// Progress in a stage before there is anything to count.
    pub fn before(stage: Stage, part: f32) -> Self {
        Self {
            stage,
            picture: 0,
            pictures: 1,
            step: 0,
            steps: 1,
            part,
        }
    }

    /// How much of the whole job is done, 0 to 1, counted in denoising steps.
    pub fn fraction(&self) -> f32 {
        let all = (self.pictures * self.steps).max(1) as f32;
        let finished = (self.picture * self.steps) as f32;
        match self.stage {
            Stage::Fetching | Stage::Loading | Stage::Encoding | Stage::Starting => 0.0,
            Stage::Denoising => (finished + self.step as f32 + self.part) / all,
            Stage::Decoding => (finished + self.steps as f32) / all,
            Stage::Checking => 1.0,
        }
    }
}

/// What came out of a job.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The pictures, in order, with those that were withheld.
    pub pictures: Vec<Picture>,
    /// Denoising steps that were run for each picture.
    pub steps: usize,
    /// The request's notes and what else was decided while running.
    pub notes: Vec<Note>,
    /// The LoRAs that acted.
    pub loras: Vec<Applied>,
    /// Seconds spent, stage by stage.
    pub timings_secs: Timings,
    /// The most memory the process has held during the job, where the platform tells.
    pub peak_memory_bytes: Option<u64>,
    /// How the job ran.
    pub plan: Option<Plan>,
    /// Which model made them.
    pub model: String,
}

/// Seconds spent in each stage of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Reading weights; 0 when they were at hand.
    pub loading: f64,
    /// Text encoders, and the starting picture.
    pub encoding: f64,
    /// All steps of all pictures.
    pub denoising: f64,
    /// VAE decoding of all pictures.
    pub decoding: f64,
    /// The safety checker.
    pub checking: f64,
    /// Encoding and writing the files.
    pub saving: f64,
    /// From the request to the last file.
    pub total: f64,
}

/// Why a job ended without pictures.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller asked for it.
    #[error("cancelled")]
    Cancelled,
    /// A checkpoint lacks something, or has something unexpected. The sentence says what, and in which file.
    #[error("{0}")]
    Checkpoint(String),
    /// The file of an input cannot be used.
    #[error("{}", of_input(.0))]
    Input(Problem),
    /// A file beside the checkpoint, such as the noise to use, cannot be used.
    #[error("{0}")]
    File(String),
    /// The device has no memory left, in the leanest way there is.
    #[error(
        "the device has not enough memory for this job, even piece by piece: make the picture smaller, take a smaller file of the model, or close other programs"
    )]
    OutOfMemory,
    /// Pictures would have to be checked, and nothing is there to check them.
    #[error(
        "the safety checker is not on this machine: download it on the Models page, or turn it off (disable_safety_checker)"
    )]
    NoSafetyChecker,
    /// What the reference says where no picture is left.
    /// <https://github.com/replicate/cog-flux/blob/51e81e0/predict.py> (`postprocess`)
    #[error(
        "All generated images contained NSFW content. Try running it again with a different prompt."
    )]
    AllWithheld,
    /// A number left the range of finite numbers.
    #[error(
        "the model produced numbers that are not finite while {0}: the weights may be damaged, or too large for this precision"
    )]
    NotFinite(&'static str),
    /// The tensor library failed. What it says may carry a backtrace, which is left out.
    #[error("the computation failed: {}", first_line(.0))]
    Compute(#[from] candle_core::Error),
}

/// A problem with an input as a sentence of its own, such as "the mask is damaged".
fn of_input(problem: &Problem) -> String {
    let label = fields::find(&problem.field).map_or(problem.field.as_str(), |field| field.label);
    format!("the {} {}", label.to_lowercase(), problem.message)
}

/// Asks the watcher whether to go on.
///
/// # Errors
/// [`Error::Cancelled`] when it says no.
pub(crate) fn announce(watch: &mut Watch<'_>, progress: Progress) -> Result<(), Error> {
    match watch(progress) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Cancelled),
    }
}
