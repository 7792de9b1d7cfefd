//! The strip of pictures, and the chosen one.

pub(crate) const AFTER: &str = "After";
pub(crate) const BEFORE: &str = "Before";
pub(crate) const BEFORE_AND_AFTER: &str = "Before and after";
pub(crate) const COPY_PICTURE: &str = "Copy picture";
pub(crate) const COPY_SEED: &str = "Copy seed";
pub(crate) const EDIT_MASK: &str = "Edit this mask again";
pub(crate) const EMPTY: &str = "What would you like to see?";
pub(crate) const EMPTY_STRIP: &str = "Your pictures will line up here";
pub(crate) const EXAMPLES: &str = "For example";
pub(crate) const FIT: &str = "Fit (double click)";
pub(crate) const OPEN: &str = "Open";
pub(crate) const PROMISE: &str = "Your picture is on its way";
pub(crate) const SHOW_IN_FOLDER: &str = "Show in folder";
pub(crate) const UNKNOWN: &str = "The file does not say how it was made";
pub(crate) const USE_AS_START: &str = "Use as starting picture";
pub(crate) const USE_SETTINGS: &str = "Use these settings";
pub(crate) const WITHHELD: &str = "This picture is withheld";

pub(crate) const FACT_GUIDANCE: &str = "Guidance";
pub(crate) const FACT_LORA: &str = "LoRA";
pub(crate) const FACT_MODEL: &str = "Model";
pub(crate) const FACT_SEED: &str = "Seed";
pub(crate) const FACT_SIZE: &str = "Size";
pub(crate) const FACT_STEPS: &str = "Steps";
pub(crate) const FACT_STRENGTH: &str = "Prompt strength";

sentences! {
    picture(file) = "Picture {file}";
    size(width, height) = "{width} × {height} px";
    seed(seed) = "Seed {seed}";
    /// What to do when there is no picture yet, with the key that generates.
    empty_hint(key) = "Describe a picture on the left and press Generate, or {key} while you type. Everything runs on this machine";
    withheld(reason) = "{reason}. It was not saved. Another prompt or seed may help";
    withheld_facts(number, seed) = "Picture {number} of its job, seed {seed}";
    /// The button that compares with the starting picture; `key` shows only that.
    compare(key) = "Compare with the starting picture (hold {key} to see only that)";
}
