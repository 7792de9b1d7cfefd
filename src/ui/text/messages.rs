//! The messages above the picture.

pub(crate) const LOAD_AGAIN: &str = "Load again";
pub(crate) const MODELS: &str = "Models";
pub(crate) const OTHER_MODELS: &str = "Other models";
pub(crate) const TURN_CHECKER_OFF: &str = "Turn the checker off";

pub(crate) fn paused(waiting: usize) -> String {
    let jobs = if waiting == 1 {
        "job waits"
    } else {
        "jobs wait"
    };
    format!("The queue is paused: {waiting} {jobs}")
}

sentences! {
    model_failed(sentence) = "The model cannot be used: {sentence}";
    job_failed(sentence) = "No picture was made: {sentence}";
    download_checker(size) = "Download the checker ({size})";
}
