//! The settings' dialog with the tokens for downloads, and the list of shortcuts.

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

pub(crate) const OPEN: &str = "Open a starting picture";
pub(crate) const GENERATE: &str = "Generate";
pub(crate) const RESULTS: &str = "Results";
pub(crate) const UNDO: &str = "Take the last step on the mask back";
pub(crate) const REDO: &str = "Do it again";
pub(crate) const FIT: &str = "Fit the picture; with 1 to 4 in place of 0: 100, 200, 400, 800 %";
pub(crate) const CANCEL: &str = "Cancel what is running";
pub(crate) const PANELS: &str = "Hide or show the panels at the sides";
pub(crate) const QUEUE: &str = "Hide or show the queue";
pub(crate) const LIST: &str = "This list";

/// Keys of the list that are not shortcuts of one kind.
pub(crate) const ALSO: [(&str, &str); 4] = [
    ("← →", "Newer and older picture"),
    ("Home End", "Newest and oldest picture"),
    (
        "Wheel",
        "Zoom the picture; drag moves it, a double click fits it",
    ),
    ("Hold C", "The starting picture in place of the result"),
];

/// Keys of the canvas besides the letters of its tools.
pub(crate) const ON_CANVAS: [(&str, &str); 10] = [
    ("Enter, Esc", "Finish or give up a polygon or a part to cut"),
    (
        "[  ]",
        "Narrower and wider brush; with Shift softer and harder",
    ),
    (
        "Wheel with Ctrl",
        "Width of the brush (the settings turn it round)",
    ),
    ("X", "Brush or eraser"),
    (
        "Alt, right button",
        "Erase in place of painting, and the reverse",
    ),
    (
        "Shift",
        "Straight line from the last stroke; square, circle",
    ),
    (
        "Space, middle button",
        "Move the picture, also during a stroke",
    ),
    ("Alt+right button", "Drag: width and hardness of the brush"),
    ("M, hold \\", "Hide the mask"),
    ("Shift+V", "Invert the mask"),
];

sentences! {
    file_names_hint(words) = "{words} are filled in. No file is ever replaced";
    token(service) = "Token for {service}";
    token_from(variable) = "From {variable}";
    make_token(service) = "Make a token for {service}";
    remove_token(service) = "Remove the token for {service}";
}
