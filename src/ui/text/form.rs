//! The form, besides what the table of inputs says.

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

sentences! {
    about(label) = "About {label}";
    reset(label) = "Reset {label}";
    choose(label) = "Choose {label}";
    unused(why) = "Not used now: {why}";
    use_steps(steps) = "Use {steps} steps, enough for schnell";
    needs_change(labels) = "Needs a change: {labels}";
}
