//! Files: the system's dialogs, the places to drop files on, and what cannot be done with files and the clipboard.

pub(crate) const LORA: &str = "Choose a LoRA";
pub(crate) const LORAS: &str = "LoRAs";
pub(crate) const MASK: &str = "Save the mask";
pub(crate) const MODEL_FILE: &str = "Choose the file of a FLUX.1 model";
pub(crate) const MODEL_FOLDER: &str = "Folder with models";
pub(crate) const MODELS: &str = "Models";
pub(crate) const NO_PICTURE: &str = "There is no picture in the clipboard";
pub(crate) const OUTPUT_FOLDER: &str = "Folder for pictures";
pub(crate) const PICTURE: &str = "Choose a picture";
pub(crate) const PICTURE_DAMAGED: &str = "The picture in the clipboard is damaged";
pub(crate) const PICTURES: &str = "Pictures";

/// Name and explanation of the place for each use of a file.
pub(crate) const DROP_PICTURE: (&str, &str) = ("Starting picture", "Paint on it, or rework it");
pub(crate) const DROP_MASK: (&str, &str) = ("Mask", "White is repainted, black is kept");
pub(crate) const DROP_SETTINGS: (&str, &str) = (
    "Settings from this picture",
    "Prompt, seed and the rest, as it was made",
);
pub(crate) const DROP_LORA: (&str, &str) = ("LoRA", "Added to those of the form");
pub(crate) const DROP_MODEL: (&str, &str) = ("Model", "Used where it is");
pub(crate) const DROP_QUEUE: (&str, &str) = (
    "Queue all of them",
    "One job for each, with the settings of the form",
);

pub(crate) const DROP: &str = "Drop it on what it is";
pub(crate) const ASK: &str = "What is it? Esc gives it up";

sentences! {
    not_opened(path, error) = "{path} could not be opened: {error}";
    not_revealed(path, error) = "{path} could not be shown in its folder: {error}";
    not_copied(error) = "The picture could not be copied: {error}";
    not_kept(error) = "The picture could not be kept: {error}";
    mask_not_saved(error) = "The mask could not be saved: {error}";
    first_of_models(count) = "The first of the {count} models runs; the others were left";
    first_of_files(count) = "The first of the {count} files is the starting picture; the others were left";
}
