//! The system's dialogs, and what cannot be done with files and the clipboard.

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

sentences! {
    not_opened(path, error) = "{path} could not be opened: {error}";
    not_revealed(path, error) = "{path} could not be shown in its folder: {error}";
    not_copied(error) = "The picture could not be copied: {error}";
    not_kept(error) = "The picture could not be kept: {error}";
    mask_not_saved(error) = "The mask could not be saved: {error}";
}
