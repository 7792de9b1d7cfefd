//! The places to drop files on.

/// Name and explanation of the place for each use of a file.
pub(crate) const PICTURE: (&str, &str) = ("Starting picture", "Paint on it, or rework it");
pub(crate) const MASK: (&str, &str) = ("Mask", "White is repainted, black is kept");
pub(crate) const SETTINGS: (&str, &str) = (
    "Settings from this picture",
    "Prompt, seed and the rest, as it was made",
);
pub(crate) const LORA: (&str, &str) = ("LoRA", "Added to those of the form");
pub(crate) const MODEL: (&str, &str) = ("Model", "Used where it is");
pub(crate) const QUEUE: (&str, &str) = (
    "Queue all of them",
    "One job for each, with the settings of the form",
);

pub(crate) const DROP: &str = "Drop it on what it is";
pub(crate) const ASK: &str = "What is it? Esc gives it up";

sentences! {
    first_of_models(count) = "The first of the {count} models runs; the others were left";
    first_of_files(count) = "The first of the {count} files is the starting picture; the others were left";
}
