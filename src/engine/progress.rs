//! Progress and cancel, in one callback.

use std::ops::ControlFlow;

use serde::Serialize;

use crate::engine::error::{Error, Result};

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

/// Asks the watcher whether to go on.
///
/// # Errors
/// [`Error::Cancelled`] when it says no.
pub(crate) fn announce(watch: &mut Watch<'_>, progress: Progress) -> Result<()> {
    match watch(progress) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Cancelled),
    }
}

/// Called before each layer or block is loaded or run; an error ends the work.
pub type OnLayer<'a> = dyn FnMut() -> Result<()> + 'a;
