//! What is said in passing, or in a notice, when something was done or could not be done.

pub(crate) const MASK_SAVED: &str = "Mask saved";
pub(crate) const NO_MASK: &str = "There is no mask to save";
pub(crate) const NOT_USABLE: &str =
    "The clipboard holds text, and neither the path of a picture nor a LoRA";
pub(crate) const PICTURE_COPIED: &str = "Picture copied";
pub(crate) const PICTURE_READY: &str = "A picture is ready";
pub(crate) const SEED_COPIED: &str = "Seed copied";
pub(crate) const SETTINGS_LOADED: &str = "The form has the settings of this picture";

sentences! {
    unknown(file) = "{file} does not say how it was made";
    unusable(sentence) = "The picture {sentence}";
    not_queued(file, reasons) = "{file} was not queued ({reasons})";
}
