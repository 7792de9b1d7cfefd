//! The settings' dialog, and the tokens for downloads.

use crate::schema::choices::Fidelity;
use crate::session::settings::Theme;

pub(crate) const BEHAVIOUR: &str = "Behaviour";
pub(crate) const BEHAVIOURS: [(Fidelity, &str); 2] = [
    (Fidelity::Corrected, "Corrected"),
    (Fidelity::AsReplicate, "As Replicate"),
];
pub(crate) const BRUSH_KEEPS_SIZE: &str = "The brush keeps its size on the screen";
pub(crate) const CANVAS: &str = "Canvas";
pub(crate) const CHOOSE_FOLDER: &str = "Choose folder…";
pub(crate) const CTRL_ZOOMS: &str = "The wheel sets the brush, Ctrl and the wheel zoom";
pub(crate) const FILE_NAMES: &str = "Names of the files";
pub(crate) const FOLDER: &str = "Folder for pictures";
pub(crate) const MEMORY: &str = "Memory";
pub(crate) const METADATA: &str = "Write the settings into each picture";
pub(crate) const METADATA_HINT: &str =
    "Prompt, seed and the rest, so that the gallery can show them and use them again";
pub(crate) const OPEN_FOLDER: &str = "Open folder";
pub(crate) const THEME: &str = "Theme";
pub(crate) const THEMES: [(Theme, &str); 3] = [
    (Theme::System, "System"),
    (Theme::Light, "Light"),
    (Theme::Dark, "Dark"),
];
pub(crate) const TOKENS: &str = "Tokens for downloads";
pub(crate) const TOKENS_HINT: &str = "For private and gated LoRAs. A token is kept in a file that only you can read, and goes to its own service alone";

pub(crate) const TOKEN_OF_TOOLS: &str = "From huggingface-cli";
pub(crate) const TOKEN_KNOWN: &str = "A token is set";
pub(crate) const TOKEN_UNKNOWN: &str = "Paste a token";

pub(crate) fn behaviour(fidelity: Fidelity) -> &'static str {
    match fidelity {
        Fidelity::Corrected => "Every input does what its description promises",
        Fidelity::AsReplicate => "Every input does what it does on Replicate, oddities included",
    }
}

/// What a memory limit in GiB means.
pub(crate) fn memory(gib: Option<u32>) -> String {
    match gib {
        None => "Jobs take as much of what is free as makes them faster".to_owned(),
        Some(gib) => {
            format!("Jobs take at most {gib} GiB: with less, the model is read piece by piece")
        }
    }
}

sentences! {
    file_names_hint(words) = "{words} are filled in. No file is ever replaced";
    token(service) = "Token for {service}";
    token_from(variable) = "From {variable}";
    make_token(service) = "Make a token for {service}";
    remove_token(service) = "Remove the token for {service}";
}
