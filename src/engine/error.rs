//! What can go wrong in the engine, one sentence each.

use crate::schema::fields;
use crate::schema::notes::Problem;
use crate::text::first_line;
use crate::weights;

/// The reason why a job ended without images.
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
    /// A file next to the checkpoint, such as the noise to use, cannot be used.
    #[error("{0}")]
    File(String),
    /// The device has no memory left, in the leanest way there is.
    #[error(
        "the device has not enough memory for this job, even piece by piece: make the picture smaller, take a smaller file of the model, or close other programs"
    )]
    OutOfMemory,
    /// Images would have to be checked, and nothing is there to check them.
    #[error(
        "the safety checker is not on this machine: download it on the Models page, or turn it off (disable_safety_checker)"
    )]
    NoSafetyChecker,
    /// The reference's sentence where no image is left.
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
    /// The tensor library failed. Its text may carry a backtrace, which is left out.
    #[error("the computation failed: {}", first_line(.0))]
    Compute(#[from] candle_core::Error),
}

/// The result of everything in the engine.
pub type Result<T> = std::result::Result<T, Error>;

impl From<weights::error::Error> for Error {
    fn from(error: weights::error::Error) -> Self {
        Self::Checkpoint(error.to_string())
    }
}

impl Error {
    /// A failed computation in a sentence of our own.
    pub(crate) fn compute(sentence: impl Into<String>) -> Self {
        Self::Compute(candle_core::Error::Msg(sentence.into()))
    }

    /// Whether a device has no memory left. The drivers say so in words.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        let Self::Compute(error) = self else {
            return false;
        };
        let text = error.to_string().to_lowercase();
        ["out of memory", "out_of_memory", "memory allocation"]
            .iter()
            .any(|words| text.contains(words))
    }
}

/// A problem with an input as a sentence of its own, such as "the mask is damaged".
fn of_input(problem: &Problem) -> String {
    let label = fields::find(&problem.field).map_or(problem.field.as_str(), |field| field.label);
    format!("the {} {}", label.to_lowercase(), problem.message)
}
