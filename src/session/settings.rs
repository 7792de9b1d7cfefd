//! What is kept between runs: what the user chose, and what the program remembers besides.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::schema::choices::Fidelity;
use crate::schema::params::Params;
use crate::session::folders::Folders;
use crate::session::{naming, stored, text};

/// The settings' file in the configuration folder.
const SETTINGS: &str = "settings.json";

/// The state's file in the state folder.
const STATE: &str = "state.json";

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// A tool of the canvas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(
    missing_docs,
    reason = "tools are called what every paint program calls them"
)]
pub enum Tool {
    #[default]
    Brush,
    Eraser,
    Rectangle,
    Ellipse,
    Lasso,
    Polygon,
    Bucket,
    Hand,
    Crop,
}

/// How the user paints on the canvas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Painting {
    /// The tool that was used last.
    pub tool: Tool,
    /// Width of the brush in pixels of the picture, or in points where it keeps its size on the screen; 0 until the
    /// first picture suggests one.
    pub width: f32,
    /// The longest side of the picture that the width was set for, in pixels: on another one it is scaled.
    pub width_for: u32,
    /// The part of the brush's radius that paints fully, 0 to 1.
    pub hardness: f32,
    /// How far colours may differ for the bucket, 0 to 255.
    pub tolerance: u8,
    /// Which of the window's colours the mask is shown in.
    pub colour: usize,
    /// How dense the mask is shown, 0 to 1.
    pub opacity: f32,
    /// Whether the brush keeps its size on the screen when the picture is zoomed.
    pub brush_keeps_size: bool,
    /// Whether the wheel zooms only with Ctrl, and without it sets the width of the brush.
    pub ctrl_zooms: bool,
}

impl Default for Painting {
    fn default() -> Self {
        Self {
            tool: Tool::Brush,
            width: 0.0,
            width_for: 0,
            hardness: 0.9,
            tolerance: 24,
            colour: 0,
            opacity: 0.6,
            brush_keeps_size: false,
            ctrl_zooms: false,
        }
    }
}

/// What the user chose.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where pictures go.
    pub output_folder: PathBuf,
    /// Light or dark.
    pub theme: Theme,
    /// Whose behaviour is wanted.
    pub fidelity: Fidelity,
    /// Whether pictures carry the record of how they were made.
    pub metadata: bool,
    /// How the files of pictures are called, with words in brackets that are filled in ([`naming`]).
    pub file_names: String,
    /// How the user paints.
    pub painting: Painting,
    /// The most memory that the program may hold, in GiB; `None` for as much as is free.
    pub memory_gib: Option<u32>,
    /// The model that runs: the file of its transformer or its folder; `None` for the demo model.
    pub model: Option<PathBuf>,
    /// Folders in which models are looked for besides the usual ones.
    pub model_folders: Vec<PathBuf>,
    /// The inputs as they stood last.
    pub params: Params,
}

/// The settings as they stand in the file; everything may be absent.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct File {
    output_folder: Option<PathBuf>,
    theme: Theme,
    fidelity: Fidelity,
    leave_metadata_out: bool,
    names: Option<String>,
    /// A [`Painting`]; what another version has written may not be one.
    painting: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_gib: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<PathBuf>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_folders: Vec<PathBuf>,
    inputs: Map<String, Value>,
}

impl Settings {
    /// Reads the settings. A file that cannot be read gives the defaults and a warning.
    pub(super) fn read(folders: &Folders) -> (Self, Option<String>) {
        let path = folders.config.join(SETTINGS);
        let (file, warning) = stored::read::<File>(&path, text::settings_unreadable);
        let file = file.unwrap_or_default();
        let settings = Self {
            output_folder: file.output_folder.unwrap_or(folders.pictures.clone()),
            theme: file.theme,
            fidelity: file.fidelity,
            metadata: !file.leave_metadata_out,
            file_names: file.names.unwrap_or_else(|| naming::DEFAULT.to_owned()),
            painting: serde_json::from_value(file.painting).unwrap_or_default(),
            memory_gib: file.memory_gib.filter(|&gib| gib > 0),
            model: file.model,
            model_folders: file.model_folders,
            params: stored::params(&file.inputs),
        };
        (settings, warning)
    }

    /// The most memory that the program may hold, in bytes.
    pub fn memory_limit(&self) -> Option<u64> {
        self.memory_gib.map(|gib| u64::from(gib) << 30)
    }

    /// Writes the settings, or says in one sentence why it cannot.
    pub(super) fn write(&self, folders: &Folders) -> Result<(), String> {
        let chosen = self.output_folder != folders.pictures;
        let file = File {
            output_folder: chosen.then(|| self.output_folder.clone()),
            theme: self.theme,
            fidelity: self.fidelity,
            leave_metadata_out: !self.metadata,
            names: (self.file_names != naming::DEFAULT).then(|| self.file_names.clone()),
            painting: serde_json::to_value(self.painting).map_err(|error| error.to_string())?,
            memory_gib: self.memory_gib,
            model: self.model.clone(),
            model_folders: self.model_folders.clone(),
            inputs: self.params.to_json(),
        };
        let path = folders.config.join(SETTINGS);
        stored::write(&path, &file, text::settings_unsaved)
    }
}

/// What the program remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The offers whose downloads are not complete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub downloads: Vec<String>,
    /// Whether the user has seen what models there are.
    pub knows_models: bool,
    /// The LoRAs of the form that are disabled, as they were typed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loras_off: Vec<String>,
    /// The LoRAs of the form that come from a picture's settings and are downloaded only when the user says so: anybody may
    /// have made the picture.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loras_held: Vec<String>,
}

impl State {
    /// Reads the state. Until it has a file, it is what earlier versions kept among the settings; a file that cannot be read
    /// gives a warning.
    pub(super) fn read(folders: &Folders) -> (Self, Option<String>) {
        let read = stored::read(&folders.state.join(STATE), text::settings_unreadable);
        let (mut state, warning) = read;
        if state.is_none() && warning.is_none() {
            let settings = std::fs::read(folders.config.join(SETTINGS)).unwrap_or_default();
            state = serde_json::from_slice(&settings).ok();
        }
        (state.unwrap_or_default(), warning)
    }

    /// Writes the state, or says in one sentence why it cannot.
    pub(super) fn write(&self, folders: &Folders) -> Result<(), String> {
        stored::write(&folders.state.join(STATE), self, text::settings_unsaved)
    }

    /// Whether a LoRA is disabled.
    pub fn is_off(&self, typed: &str) -> bool {
        self.loras_off.iter().any(|off| off == typed.trim())
    }

    /// Whether a LoRA waits for the user's word.
    pub fn is_held(&self, typed: &str) -> bool {
        self.loras_held.iter().any(|held| held == typed.trim())
    }

    /// Forgets what was said of LoRAs that the inputs do not name any more.
    pub(super) fn forget_loras(&mut self, params: &Params) {
        for names in [&mut self.loras_off, &mut self.loras_held] {
            names.retain(|name| params.loras().any(|(_, typed)| typed == name));
        }
    }
}
