//! The bars, the messages above the picture, what is said in passing, and the queue.

use crate::session::downloads::{Download, Halt};
use crate::session::jobs::Finished;
use crate::session::program::Session;
use crate::session::worker::ModelState;
use crate::ui::text::common;

/// The name of the window and of the program.
pub(crate) const NAME: &str = "Flux QFaces";
pub(crate) const PANELS: &str = "Panels";

/// The button that shows the queue, with a number of open jobs.
pub(crate) fn queue(open: usize) -> String {
    match open {
        0 => common::QUEUE.to_owned(),
        open => format!("{} ({open})", common::QUEUE),
    }
}

/// How far the model is.
pub(crate) fn model_state(session: &Session) -> &'static str {
    match session.model() {
        _ if session.models.opening().is_some() => "opening the chosen model…",
        ModelState::Loading => "loading…",
        ModelState::Ready => "ready",
        ModelState::Failed(_) => "cannot be used",
    }
}

pub(crate) fn download(download: &Download) -> String {
    let percent = (download.bytes.share() * 100.0) as u32;
    match download.halt {
        None => format!("Downloading {percent} %"),
        Some(Halt::Paused | Halt::Waiting) => format!("Download paused at {percent} %"),
        Some(Halt::Failed { .. }) => "The download stands still".to_owned(),
    }
}

pub(crate) const LOAD_AGAIN: &str = "Load again";
pub(crate) const MODELS: &str = "Models";
pub(crate) const OTHER_MODELS: &str = "Other models";
pub(crate) const TURN_CHECKER_OFF: &str = "Turn the checker off";

pub(crate) fn paused(waiting: usize) -> String {
    let is_one = waiting == 1;
    let jobs = if is_one { "job waits" } else { "jobs wait" };
    format!("The queue is paused: {waiting} {jobs}")
}

pub(crate) const MASK_SAVED: &str = "Mask saved";
pub(crate) const NO_MASK: &str = "There is no mask to save";
pub(crate) const NOT_USABLE: &str =
    "The clipboard holds text, and neither the path of a picture nor a LoRA";
pub(crate) const PICTURE_COPIED: &str = "Picture copied";
pub(crate) const PICTURE_READY: &str = "A picture is ready";
pub(crate) const SEED_COPIED: &str = "Seed copied";
pub(crate) const SETTINGS_LOADED: &str = "The form has the settings of this picture";

pub(crate) const CLEAR_ENDED: &str = "Clear ended jobs";
pub(crate) const EARLIER: &str = "Sooner";
pub(crate) const QUEUE_EMPTY: &str =
    "Nothing is waiting. Press Generate as often as you like: jobs line up here";
pub(crate) const ENDED: &str = "Ended";
pub(crate) const HIDE_QUEUE: &str = "Hide the queue";
pub(crate) const LATER: &str = "Later";
pub(crate) const PAUSE: &str = "Pause";
pub(crate) const PAUSE_HINT: &str = "Holds waiting jobs back; what runs goes on";
pub(crate) const PAUSED: &str = "Paused: waiting jobs stay where they are";
pub(crate) const SHOW_PICTURE: &str = "Show the picture";
pub(crate) const CANCELLED: &str = "Cancelled";

pub(crate) fn finished(job: &Finished) -> String {
    let pictures = common::pictures(job.entries.len());
    format!("{pictures} in {:.1} s", job.timings_secs.total)
}

sentences! {
    /// How many pictures there are, and how many jobs run or wait.
    counts(pictures, open) = "{pictures} · {open} in the queue";
    model_failed(sentence) = "The model cannot be used: {sentence}";
    job_failed(sentence) = "No picture was made: {sentence}";
    download_checker(size) = "Download the checker ({size})";
    unknown(file) = "{file} does not say how it was made";
    unusable(sentence) = "The picture {sentence}";
    not_queued(file, reasons) = "{file} was not queued ({reasons})";
    waiting(pictures) = "Waiting · {pictures}";
    cancel(prompt) = "Cancel {prompt}";
}
