//! The bar at the top and the line at the bottom.

use crate::session::downloads::{Download, Halt};
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

sentences! {
    /// How many pictures there are, and how many jobs run or wait.
    counts(pictures, open) = "{pictures} · {open} in the queue";
}
