//! The folder of LoRAs: their files under the SHA-256 of their contents, pictures of what they do, and for each reference a
//! note on what it led to.

use std::cmp::Reverse;
use std::fs::{self, File, Metadata};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::files::{self, Readers};
use crate::schema::reference::Reference;
use crate::weights::error::Error;

/// What a reference led to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Note {
    /// The reference without secrets; empty where it would tell about this machine.
    pub(super) reference: String,
    pub(super) name: String,
    /// SHA-256 of the LoRA's file.
    pub(super) sha256: String,
    /// Length of its file in bytes.
    pub(super) size: u64,
    /// Words that a prompt should have.
    pub(super) triggers: Vec<String>,
    pub(super) page: Option<String>,
    /// The model it was trained on, in its source's words.
    pub(super) base_model: Option<String>,
    /// What PEFT has written beside its file, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peft_config: Option<String>,
    /// Where a file of the user lies; those that were downloaded lie in the folder.
    pub(super) path: Option<PathBuf>,
    /// When a file of the user was changed, in nanoseconds: with another time or size the note is void.
    pub(super) changed: u128,
}

impl Note {
    /// Whether it is of the file of the user that lies there now.
    pub(super) fn is_of(&self, data: &Metadata) -> bool {
        data.is_file() && self.changed == changed(data) && self.size == data.len()
    }
}

/// When a file was changed, in nanoseconds; 0 where the system does not tell.
pub(super) fn changed(data: &Metadata) -> u128 {
    let time = data.modified().ok();
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.unwrap_or_default().as_nanos()
}

/// The name that PEFT gives to its files, and that of the configuration that it writes beside them.
/// <https://github.com/huggingface/peft/blob/v0.17.0/src/peft/utils/constants.py>
pub(super) const PEFT_FILE: &str = "adapter_model.safetensors";
/// See [`PEFT_FILE`].
pub(super) const PEFT_CONFIG: &str = "adapter_config.json";

/// The folder, which is made when it is needed.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) folder: PathBuf,
}

impl Store {
    /// Where the LoRA with these contents lies.
    pub(super) fn lora(&self, sha256: &str) -> PathBuf {
        self.folder.join(format!("{sha256}.safetensors"))
    }

    /// Where the picture of the LoRA with these contents lies.
    pub(super) fn picture(&self, sha256: &str) -> PathBuf {
        self.folder.join(format!("{sha256}.picture"))
    }

    /// A new file in the folder that has no name yet.
    pub(super) fn temporary(&self) -> Result<NamedTempFile, Error> {
        let made = files::temporary(&self.folder, Readers::Owner);
        made.map_err(Error::unwritable(&self.folder))
    }

    /// The note of this name, if there is one that can be read.
    pub(super) fn note(&self, key: &str) -> Option<Note> {
        read(&self.note_path(key))
    }

    pub(super) fn write_note(&self, key: &str, note: &Note) -> Result<(), Error> {
        let text = serde_json::to_vec(note).unwrap_or_default();
        Ok(files::write(&self.note_path(key), &text, Readers::Owner)?)
    }

    /// Marks a note as used now. Only the order of [`Self::notes`] depends on it.
    pub(super) fn touch(&self, key: &str) {
        let file = File::options().append(true).open(self.note_path(key));
        let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// Every note, the one that was used last first.
    pub(super) fn notes(&self) -> Vec<Note> {
        let entries = fs::read_dir(self.folder.join("notes"));
        let entries = entries.into_iter().flatten().flatten();
        let dated = entries.filter_map(|entry| {
            let used = entry.metadata().ok()?.modified().ok()?;
            Some((used, read(&entry.path())?))
        });
        let mut notes: Vec<(SystemTime, Note)> = dated.collect();
        notes.sort_by_key(|(used, _)| Reverse(*used));
        notes.into_iter().map(|(_, note)| note).collect()
    }

    fn note_path(&self, key: &str) -> PathBuf {
        self.folder.join("notes").join(format!("{key}.json"))
    }
}

fn read(path: &Path) -> Option<Note> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Gives a file of [`Store::temporary`] its name, once all of it is on the disk.
pub(super) fn keep(temporary: NamedTempFile, path: &Path) -> Result<(), Error> {
    let refused = Error::unwritable(path);
    temporary.as_file().sync_all().map_err(&refused)?;
    files::persist(temporary, path, true).map_err(|error| refused(error.error))
}

pub(super) fn key(text: &str) -> String {
    hex::encode(Sha256::digest(text))[..32].to_owned()
}

/// The name of the note on a reference to another place.
pub(super) fn key_of(reference: &Reference) -> String {
    match reference {
        // What is left out of a shareable address may lead to another file.
        Reference::Link(url) => key(url.as_str()),
        Reference::Data(text) => key(text),
        other => key(&other.shareable().unwrap_or_default()),
    }
}
