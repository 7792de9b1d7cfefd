//! The LoRAs of the form.

use crate::engine::lora::report::Report;
use crate::weights::library::LoraInfo;

pub(crate) const ADD: &str = "Add a LoRA";
pub(crate) const CANCEL_DOWNLOAD: &str = "Cancel the download";
pub(crate) const DEMO: &str = "QFACE, for the demo model";
pub(crate) const DISABLE: &str = "Leave it out for now";
pub(crate) const DISABLED: &str = "Left out";
pub(crate) const DOWNLOAD: &str = "Download it";
pub(crate) const DOWNLOADING: &str = "Download of the LoRA";
pub(crate) const ENABLE: &str = "Use it again";
pub(crate) const FILE: &str = "File…";
pub(crate) const HINT: &str = "owner/name, a page, a link or a file";
pub(crate) const INCOMPATIBLE: &str = "Not for this model";
pub(crate) const LOOKING: &str = "Looking it up";
pub(crate) const NONE_RECENT: &str = "None was used yet";
pub(crate) const OPEN_PAGE: &str = "Open its page";
pub(crate) const OWN: &str = "This fine-tune's own, for FLUX.1";
pub(crate) const RECENT: &str = "Recent";
pub(crate) const RENEW: &str = "Look for a newer file";
pub(crate) const TRIGGERS: &str = "Trigger words";
pub(crate) const TYPING: &str = "Enter looks it up";

/// The name of the LoRA in a place, counted from 0.
pub(crate) fn name(place: usize) -> String {
    format!("LoRA {}", place + 1)
}

pub(crate) fn remove(name: &str) -> String {
    format!("Remove {name}")
}

pub(crate) fn scale(name: &str) -> String {
    format!("{name} scale")
}

pub(crate) fn as_number(name: &str) -> String {
    format!("{name}, as a number")
}

pub(crate) fn not_a_number(place: usize, typed: &str) -> String {
    let (name, typed) = (name(place), typed.escape_debug());
    format!("{name}: the scale must be a number, not '{typed}'")
}

pub(crate) fn unusable(reason: &str) -> String {
    format!("cannot be used: {reason}")
}

/// What acts in place of the main one that was disabled.
pub(crate) fn replaced_by(own: &str) -> String {
    format!("As on Replicate, {own} acts in its place")
}

pub(crate) fn picture(name: &str) -> String {
    format!("Picture of {name}")
}

pub(crate) fn trained_on(base_model: &str) -> String {
    format!("Trained on {base_model}")
}

pub(crate) fn checksum(info: &LoraInfo) -> String {
    let beginning = info.file.sha256.get(..12).unwrap_or_default();
    format!("SHA-256 {beginning}…")
}

/// How much of a LoRA matches the model.
pub(crate) fn matched(report: &Report) -> String {
    let rank = report.rank_text().map(|rank| format!(", {rank}"));
    let missing = match report.not_understood_count {
        0 => String::new(),
        count => format!(", {count} not understood"),
    };
    format!(
        "{} of {} layers, {}{}{missing}",
        report.matched,
        report.layers,
        report.form,
        rank.unwrap_or_default()
    )
}

pub(crate) fn layout(report: &Report) -> String {
    format!("Named as by {}", report.layout)
}

pub(crate) fn trigger(word: &str) -> String {
    format!("Trigger word {word}")
}

pub(crate) fn trigger_hint(is_in_prompt: bool) -> &'static str {
    if is_in_prompt {
        "It is in the prompt"
    } else {
        "Puts it into the prompt"
    }
}
