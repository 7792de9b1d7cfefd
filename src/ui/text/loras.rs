//! The LoRAs of the form.

use crate::engine::lora::report::Report;

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

pub(crate) fn trigger_hint(is_in_prompt: bool) -> &'static str {
    if is_in_prompt {
        "It is in the prompt"
    } else {
        "Puts it into the prompt"
    }
}

sentences! {
    remove(name) = "Remove {name}";
    scale(name) = "{name} scale";
    as_number(name) = "{name}, as a number";
    name(number) = "LoRA {number}";
    not_a_number(name, typed) = "{name}: the scale must be a number, not '{typed}'";
    /// What acts in place of the main one that was disabled.
    replaced_by(own) = "As on Replicate, {own} acts in its place";
    picture(name) = "Picture of {name}";
    trained_on(base_model) = "Trained on {base_model}";
    checksum(beginning) = "SHA-256 {beginning}…";
    layout(name) = "Named as by {name}";
    trigger(word) = "Trigger word {word}";
}
