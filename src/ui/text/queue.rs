//! The queue.

use crate::session::jobs::Finished;
use crate::ui::text::common;

pub(crate) const CLEAR_ENDED: &str = "Clear ended jobs";
pub(crate) const EARLIER: &str = "Sooner";
pub(crate) const EMPTY: &str =
    "Nothing is waiting. Press Generate as often as you like: jobs line up here";
pub(crate) const ENDED: &str = "Ended";
pub(crate) const HIDE: &str = "Hide the queue";
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
    waiting(pictures) = "Waiting · {pictures}";
    cancel(prompt) = "Cancel {prompt}";
}
