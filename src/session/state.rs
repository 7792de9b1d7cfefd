//! What the program remembers from run to run that nobody sets: it is not among the settings.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::schema::params::Params;
use crate::session::folders::Folders;
use crate::session::{settings, stored, text};

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
        match stored::read(&path(&folders.state)) {
            Ok(Some(state)) => (state, None),
            Ok(None) => (Self::among_settings(folders).unwrap_or_default(), None),
            Err(reason) => (Self::default(), Some(text::settings_unreadable(&reason))),
        }
    }

    /// The state as it stands among the settings of an earlier version.
    fn among_settings(folders: &Folders) -> Option<Self> {
        let text = std::fs::read(settings::path(&folders.config)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes the state.
    ///
    /// # Errors
    /// One sentence, when the file cannot be written.
    pub(super) fn write(&self, folders: &Folders) -> Result<(), String> {
        stored::write(&path(&folders.state), self, text::settings_unsaved)
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

/// The file in the state folder.
fn path(folder: &Path) -> PathBuf {
    folder.join("state.json")
}
