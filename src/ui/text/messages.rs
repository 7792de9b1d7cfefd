//! The messages above the picture.

use crate::weights::catalog::size_text;

pub(crate) const LOAD_AGAIN: &str = "Load again";
pub(crate) const MODELS: &str = "Models";
pub(crate) const OTHER_MODELS: &str = "Other models";
pub(crate) const TURN_CHECKER_OFF: &str = "Turn the checker off";

pub(crate) fn model_failed(sentence: &str) -> String {
    format!("The model cannot be used: {sentence}")
}

pub(crate) fn paused(waiting: usize) -> String {
    let jobs = if waiting == 1 {
        "job waits"
    } else {
        "jobs wait"
    };
    format!("The queue is paused: {waiting} {jobs}")
}

pub(crate) fn job_failed(sentence: &str) -> String {
    format!("No picture was made: {sentence}")
}

pub(crate) fn download_checker(bytes: u64) -> String {
    format!("Download the checker ({})", size_text(bytes))
}
