//! What the session says: notices, why jobs fail, and why inputs cannot be used. To be read as a whole.

use crate::schema::notes::Problem;

pub(super) const NO_IMAGE: &str =
    "The starting picture of this picture is not kept here: choose it again";
pub(super) const NO_MASK: &str =
    "The mask of this picture is not in it and not kept here: paint it again";
pub(super) const MASK_LEFT_OUT: &str =
    "The mask is too large for a JPEG file and was left out of its record";
pub(super) const RECORD_LEFT_OUT: &str =
    "The record of how the picture was made is too long for a JPEG file and was left out";
pub(super) const LORA_HELD: &str =
    "comes from a picture's settings and is not here yet: download or remove it";
pub(super) const LORA_FILE_UNUSABLE: &str = "its file cannot be used";
pub(super) const LORA_CANCELLED: &str = "Cancelled; what has arrived is kept";

sentences! {
    not_restored(reasons) = "A job from last time cannot run any more ({reasons})";
    restored(count, jobs) = "{count} {jobs} from last time kept: press Resume to run";
    queue_unreadable(error) = "the queue of last time could not be read ({error})";
    queue_unsaved(error) = "the queue could not be saved: {error}";
    settings_unreadable(error) = "the settings could not be read and start afresh ({error})";
    settings_unsaved(error) = "the settings could not be saved: {error}";
    tokens_unsaved(error) = "The tokens could not be stored: {error}";
    mask_unkept(error) = "The mask could not be kept: {error}";
    picture_unreadable(reason) = "the picture {reason}";
    not_trashed(error) = "The files could not be put into the trash: {error}";
    trash_failed(reason) = "The trash {reason}";
    demo_instead(error) = "The demo model runs, for the one that was chosen cannot: {error}";
    model_refused(error) = "The model that was chosen cannot run: {error}";
    model_lacks(name) = "What {name} lacks";
    model_arrived(name) = "{name} is here now: the page Models lets you use it";
    opening_failed(reason) = "opening it {reason}";
    download_failed(reason) = "the download {reason}";
    engine_failed(reason) = "the engine's thread {reason}";
    engine_stopped(reason) = "the engine stopped unexpectedly ({reason}); the next job starts it anew";
    search_failed(reason) = "the search {reason}";
    lora_unavailable(name, error) = "the LoRA {name} cannot be had: {error}";
    lora_unusable(error) = "cannot be used: {error}";
    default_lora_missing(name, reason) = "Replicate would apply {name}, which cannot be had here: {reason}";
    several_files(place) = "There are several files in {place}: choose one";
}

/// Problems in one line.
pub(super) fn reasons(problems: &[Problem]) -> String {
    let reasons: Vec<_> = problems.iter().map(ToString::to_string).collect();
    reasons.join("; ")
}
