//! What the session says: notices, why jobs fail, and why inputs cannot be used. To be read as a whole.

use std::fmt::Display;
use std::path::Path;

use crate::schema::notes::Problem;

/// The starting picture that a record names is not kept.
pub(super) const NO_IMAGE: &str =
    "The starting picture of this picture is not kept here: choose it again";

/// The mask that a record names is not kept.
pub(super) const NO_MASK: &str =
    "The mask of this picture is not in it and not kept here: paint it again";

/// A LoRA that a picture's settings name waits for the user's word.
pub(super) const HELD: &str =
    "comes from a picture's settings and is not here yet: download or remove it";

/// A LoRA's file is there, but not usable, and what the system says of it may name a path.
pub(super) const UNUSABLE_FILE: &str = "its file cannot be used";

/// The user has ended the download of a LoRA.
pub(super) const CANCELLED: &str = "Cancelled; what has arrived is kept";

/// The mask does not fit into the record.
pub(super) const MASK_LEFT_OUT: &str =
    "The mask is too large for a JPEG file and was left out of its record";

/// The record does not fit into the file.
pub(super) const RECORD_LEFT_OUT: &str =
    "The record of how the picture was made is too long for a JPEG file and was left out";

/// Problems in one line.
pub(super) fn reasons(problems: &[Problem]) -> String {
    let reasons: Vec<_> = problems.iter().map(ToString::to_string).collect();
    reasons.join("; ")
}

/// A job of the journal cannot run any more.
pub(super) fn not_restored(problems: &[Problem]) -> String {
    let reasons = reasons(problems);
    format!("A job from last time cannot run any more ({reasons})")
}

/// Jobs of the journal wait for the user.
pub(super) fn restored(count: usize) -> String {
    let jobs = if count == 1 { "job" } else { "jobs" };
    format!("{count} {jobs} from last time kept: press Resume to run")
}

/// The journal cannot be read.
pub(super) fn queue_unreadable(error: &dyn Display) -> String {
    format!("the queue of last time could not be read ({error})")
}

/// The journal cannot be written.
pub(super) fn queue_unsaved(error: &dyn Display) -> String {
    format!("the queue could not be saved: {error}")
}

/// The settings or the state cannot be read.
pub(super) fn settings_unreadable(error: &dyn Display) -> String {
    format!("the settings could not be read and start afresh ({error})")
}

/// The settings or the state cannot be written.
pub(super) fn settings_unsaved(error: &dyn Display) -> String {
    format!("the settings could not be saved: {error}")
}

/// The tokens cannot be written.
pub(super) fn tokens_unsaved(error: &dyn Display) -> String {
    format!("The tokens could not be stored: {error}")
}

/// A mask cannot be kept.
pub(super) fn mask_unkept(error: &dyn Display) -> String {
    format!("The mask could not be kept: {error}")
}

/// Files cannot be put into the trash.
pub(super) fn not_trashed(error: &dyn Display) -> String {
    format!("The files could not be put into the trash: {error}")
}

/// A model that was chosen cannot run.
pub(super) fn model_refused(error: &dyn Display, runs_demo: bool) -> String {
    if runs_demo {
        format!("The demo model runs, for the one that was chosen cannot: {error}")
    } else {
        format!("The model that was chosen cannot run: {error}")
    }
}

/// A model has been downloaded while another is in use.
pub(super) fn model_arrived(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = name.to_string_lossy();
    format!("{name} is here now: the page Models lets you use it")
}

/// The engine has panicked.
pub(super) fn engine_stopped(reason: &str) -> String {
    format!("the engine stopped unexpectedly ({reason}); the next job starts it anew")
}

/// A LoRA that was asked for stands against a job.
pub(super) fn lora_unavailable(name: &str, error: &dyn Display) -> String {
    format!("the LoRA {name} cannot be had: {error}")
}

/// The same, as a problem with its input.
pub(super) fn lora_unusable(error: &dyn Display) -> String {
    format!("cannot be used: {error}")
}

/// A LoRA that nobody asked for is left out.
pub(super) fn default_lora_missing(name: &str, reason: &str) -> String {
    format!("Replicate would apply {name}, which cannot be had here: {reason}")
}

/// A reference leads to several files.
pub(super) fn several_files(place: &str) -> String {
    format!("There are several files in {place}: choose one")
}
