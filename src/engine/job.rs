//! What a job needs, and what comes out of it.

use std::path::PathBuf;

use image::RgbImage;
use serde::Serialize;

use crate::engine::error::Result;
use crate::engine::lora::adapters::Applied;
use crate::engine::models::safety::judge::Withheld;
use crate::engine::plan::outlook::Outlook;
use crate::engine::plan::ways::Plan;
use crate::engine::progress::Watch;
use crate::schema::choices::Fidelity;
use crate::schema::notes::Note;
use crate::schema::quirks;
use crate::schema::request::Request;
use crate::weights::lora::LoraFile;

/// Makes pictures. There are two: the FLUX pipeline, and a scripted fake in the tests.
pub trait Generator {
    /// What the plans of its jobs are made of; `None` where it makes none. For `safety_checkers` see [`Job`].
    fn outlook(&mut self, safety_checkers: &[PathBuf]) -> Option<Outlook>;

    /// Runs one job to its end.
    ///
    /// `watch` is called before every slow step; when it breaks, the job ends within one block of the model.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::engine::error::Error::Cancelled) after a cancel; otherwise one sentence on what failed.
    fn generate(&mut self, job: &Job<'_>, watch: &mut Watch<'_>) -> Result<Outcome>;
}

/// Everything that a generator needs for one job.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The request.
    pub request: &'a Request,
    /// The files of the request's LoRAs, one for each, in order.
    pub loras: &'a [LoraFile],
    /// The most bytes that the process may use; `None` for as much as is free. A job runs as fast as fits.
    pub memory_limit: Option<u64>,
    /// Where a safety checker may be, for a model that needs one and brings none.
    pub safety_checkers: &'a [PathBuf],
}

impl<'a> Job<'a> {
    /// A job for a request without LoRAs, in the memory that is free.
    pub fn new(request: &'a Request) -> Self {
        Self {
            request,
            loras: &[],
            memory_limit: None,
            safety_checkers: &[],
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

/// A picture of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Picture {
    /// It may be shown and saved.
    Made(RgbImage),
    /// It may be neither, and its place says why.
    Withheld(Withheld),
    /// It may be neither, and only a note says so.
    Dropped(Withheld),
}

impl Picture {
    /// What a mode makes of a picture that the checker flags.
    pub fn flagged(reason: Withheld, fidelity: Fidelity) -> Self {
        if quirks::drops_flagged(fidelity) {
            Self::Dropped(reason)
        } else {
            Self::Withheld(reason)
        }
    }

    /// The picture, where it may be shown.
    pub fn shown(&self) -> Option<&RgbImage> {
        match self {
            Self::Made(picture) => Some(picture),
            Self::Withheld(_) | Self::Dropped(_) => None,
        }
    }
}
