//! The form, besides what the table of inputs says, and its LoRAs.

use crate::engine::lora::report::Report;
use crate::schema::params::Params;

pub(crate) const CHANGE: &str = "Change…";
pub(crate) const CHOOSE: &str = "Choose…";
pub(crate) const MODEL_FAILED: &str = "The model cannot be used";
pub(crate) const PAINTED: &str = "As painted on the canvas";
pub(crate) const PASTE: &str = "Paste";
pub(crate) const PROMPT_HINT: &str = "What should the picture show?";
pub(crate) const RANDOM_SEED: &str = "Random seed each time";
pub(crate) const ROLL_SEED: &str = "Roll a seed and keep it";
pub(crate) const SEED_HINT: &str = "Random each time";

/// What the button does: its verb, and a few words more.
fn action(params: &Params) -> (&'static str, &'static str) {
    let everything_new = params.prompt_strength >= 1.0;
    match (&params.image, &params.mask) {
        (None, _) => ("Generate", "Makes a new picture"),
        (Some(_), None) if everything_new => (
            "Generate",
            "Makes a new picture in the size of the starting picture",
        ),
        (Some(_), None) => ("Refine", "Reworks the starting picture"),
        (Some(_), Some(_)) if everything_new => {
            ("Fill the mask anew", "Makes anew what is under the mask")
        }
        (Some(_), Some(_)) => ("Refine the mask", "Reworks what is under the mask"),
    }
}

/// The name of the button that generates.
pub(crate) fn generate(params: &Params) -> String {
    let (verb, _) = action(params);
    match params.num_outputs {
        1 => verb.to_owned(),
        count if params.image.is_none() => format!("{verb} {count} pictures"),
        count => format!("{verb}, {count} times"),
    }
}

/// What the button that generates does.
pub(crate) fn generate_hint(params: &Params) -> &'static str {
    action(params).1
}

pub(crate) const ADD_LORA: &str = "Add a LoRA";
pub(crate) const CANCEL_DOWNLOAD: &str = "Cancel the download";
pub(crate) const DEMO_LORA: &str = "QFACE, for the demo model";
pub(crate) const DISABLE: &str = "Leave it out for now";
pub(crate) const DISABLED: &str = "Left out";
pub(crate) const DOWNLOAD: &str = "Download it";
pub(crate) const DOWNLOADING: &str = "Download of the LoRA";
pub(crate) const ENABLE: &str = "Use it again";
pub(crate) const FILE: &str = "File…";
pub(crate) const LORA_HINT: &str = "owner/lora_name, a page, a link or a file";
pub(crate) const INCOMPATIBLE: &str = "Not for this model";
pub(crate) const LOOKING: &str = "Looking it up";
pub(crate) const NONE_RECENT: &str = "None was used yet";
pub(crate) const OPEN_PAGE: &str = "Open its page";
pub(crate) const OWN_LORA: &str = "This fine-tune's own, for FLUX.1";
pub(crate) const RECENT: &str = "Recent";
pub(crate) const RENEW: &str = "Look for a newer file";
pub(crate) const TRIGGERS: &str = "Trigger words";
pub(crate) const TYPING: &str = "Enter looks it up";

/// How much of a LoRA matches the model.
pub(crate) fn matched(report: &Report) -> String {
    let Report {
        matched,
        layers,
        form,
        ..
    } = report;
    let rank = report.rank_text().map(|rank| format!(", {rank}"));
    let rank = rank.unwrap_or_default();
    let missing = match report.not_understood_count {
        0 => String::new(),
        count => format!(", {count} not understood"),
    };
    format!("{matched} of {layers} layers, {form}{rank}{missing}")
}

pub(crate) fn trigger_hint(is_in_prompt: bool) -> &'static str {
    if is_in_prompt {
        "It is in the prompt"
    } else {
        "Puts it into the prompt"
    }
}

sentences! {
    about(label) = "About {label}";
    reset(label) = "Reset {label}";
    choose(label) = "Choose {label}";
    unused(why) = "Not used now: {why}";
    use_steps(steps) = "Use {steps} steps, enough for schnell";
    needs_change(labels) = "Needs a change: {labels}";
    remove(name) = "Remove {name}";
    scale(name) = "{name} scale";
    as_number(name) = "{name}, as a number";
    lora_name(number) = "LoRA {number}";
    not_a_number(name, typed) = "{name}: the scale must be a number, not '{typed}'";
    /// What acts in place of the main one that was disabled.
    replaced_by(own) = "As on Replicate, {own} acts in its place";
    picture(name) = "Picture of {name}";
    trained_on(base_model) = "Trained on {base_model}";
    checksum(beginning) = "SHA-256 {beginning}…";
    layout(name) = "Named as by {name}";
    trigger(word) = "Trigger word {word}";
}
