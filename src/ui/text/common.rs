//! Words that several pages say.

use std::time::Duration;

use crate::engine::progress::Stage;
use crate::session::jobs::Run;
use crate::text::{duration_text, size_text};
use crate::ui::command::Tab;
use crate::weights::fetch::Bytes;

pub(crate) const CANCEL: &str = "Cancel";
pub(crate) const DISMISS: &str = "Dismiss";
pub(crate) const KEEP: &str = "Keep";
pub(crate) const QUEUE: &str = "Queue";
pub(crate) const RESUME: &str = "Resume";
pub(crate) const SETTINGS: &str = "Settings";
pub(crate) const SHORTCUTS: &str = "Shortcuts";
pub(crate) const TRY_AGAIN: &str = "Try again";
pub(crate) const VIEW: &str = "View";

pub(crate) const TABS: [(Tab, &str); 3] = [
    (Tab::Results, "Results"),
    (Tab::Canvas, "Canvas"),
    (Tab::Models, "Models"),
];

/// A prompt, or a word that there is none.
pub(crate) fn prompt(prompt: &str) -> &str {
    match prompt {
        "" => "No prompt",
        prompt => prompt,
    }
}

pub(crate) fn pictures(count: usize) -> String {
    let pictures = if count == 1 { "picture" } else { "pictures" };
    format!("{count} {pictures}")
}

/// How much of a download has arrived.
pub(crate) fn arrived(bytes: Bytes) -> String {
    let done = size_text(bytes.done);
    match bytes.total {
        Some(total) => format!("{done} of {}", size_text(total)),
        None => done,
    }
}

/// How far a job is.
pub(crate) fn progress(run: &Run) -> String {
    if run.is_cancelling() {
        return "Cancelling…".to_owned();
    }
    let Some(progress) = run.progress() else {
        return "Starting…".to_owned();
    };
    let mut words = vec![progress.stage.label().to_owned()];
    if progress.stage == Stage::Denoising {
        let (step, steps) = (progress.step + 1, progress.steps);
        words.push(format!("step {} of {steps}", step.min(steps)));
    }
    if progress.pictures > 1 && progress.stage >= Stage::Denoising {
        let (picture, pictures) = (progress.picture + 1, progress.pictures);
        words.push(format!("picture {picture} of {pictures}"));
    }
    words.join(" · ")
}

/// A duration as people say it.
pub(crate) fn time_left(left: Duration) -> String {
    match left.as_secs() {
        0 => "Less than a second left".to_owned(),
        secs => format!("About {} left", duration_text(secs as f64)),
    }
}

/// A message that begins with a small letter, as a sentence.
pub(crate) fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

sentences! {
    /// A name with the key that does the same.
    with_key(name, key) = "{name} ({key})";
    close(dialog) = "Close {dialog}";
}
