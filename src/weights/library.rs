//! The LoRAs on this machine: finds the file that a reference means, and downloads it once.
//!
//! Files are kept under the SHA-256 of their contents, so that one that comes from two places is there once. Beside them
//! stands a note for each reference on what it led to. Files of the user are used where they are. All processes share the
//! folder: notes are written whole, and downloads are locked.

use std::fs::{self, File};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::schema::reference::Reference;
use crate::weights::error::Error;
use crate::weights::fetch::OnBytes;
use crate::weights::http::Network;
use crate::weights::lora::{LoraFile, LoraPlace};
use crate::weights::notes::{Note, Store, key_of};
use crate::weights::partial::wait_for_lock;
use crate::weights::stop::Stop;
use crate::weights::tokens::Tokens;
use crate::weights::{demo, hub};

/// The most LoRAs that count as used lately.
const MOST_RECENT: usize = 12;

/// A LoRA that is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoraInfo {
    /// Its file.
    pub file: LoraFile,
    /// Length of the file in bytes.
    pub size: u64,
    /// Words that a prompt should have.
    pub triggers: Vec<String>,
    /// Its page.
    pub page: Option<String>,
    /// The model it was trained on, in its source's words.
    pub base_model: Option<String>,
    /// A picture of what it does.
    pub thumbnail: Option<PathBuf>,
}

/// The folder of LoRAs, and the way to those that are not there.
#[derive(Clone, Debug)]
pub struct Library {
    pub(super) store: Store,
    pub(super) network: Network,
    /// Where Hugging Face's own tools keep what they have downloaded.
    hub: Option<PathBuf>,
}

impl Library {
    /// The library in `folder`, which is made when it is needed.
    pub fn new(folder: PathBuf, network: Network) -> Self {
        Self {
            store: Store { folder },
            network,
            hub: hub::folder(),
        }
    }

    /// The same with another cache of Hugging Face's own tools.
    #[must_use]
    pub fn with_hub(self, hub: PathBuf) -> Self {
        Self {
            hub: Some(hub),
            ..self
        }
    }

    /// The same without the user's tokens.
    #[must_use]
    pub fn without_tokens(&self) -> Self {
        let mut library = self.clone();
        library.set_tokens(Tokens::default());
        library.network.withholds_tokens = true;
        library
    }

    /// The tokens it uses.
    pub fn tokens(&self) -> &Tokens {
        &self.network.tokens
    }

    /// Takes other tokens.
    pub fn set_tokens(&mut self, tokens: Tokens) {
        self.network.tokens = tokens;
    }

    /// The LoRA that a reference means, if its file is on this machine already. Nothing is downloaded.
    ///
    /// # Errors
    /// When the file is damaged or is no LoRA's, or a folder has none or several.
    pub fn find(&self, reference: &Reference) -> Result<Option<LoraInfo>, Error> {
        self.find_unless(reference, &Stop::default())
    }

    /// Whether the file that a reference means has to be downloaded first. No file is read for it.
    pub fn would_download(&self, reference: &Reference) -> bool {
        use Reference::{Contents, Data, Embedded, Path};
        if matches!(reference, Embedded | Contents(_) | Path(_) | Data(_)) {
            return false;
        }
        let note = self.store.note(&key_of(reference));
        let is_noted = note.is_some_and(|note| self.placed(&note).is_some());
        !is_noted && self.path_in_hub(reference).is_none()
    }

    /// The same as [`Self::find`]; `stop` ends the reading of a large file.
    pub(super) fn find_unless(
        &self,
        reference: &Reference,
        stop: &Stop,
    ) -> Result<Option<LoraInfo>, Error> {
        match reference {
            Reference::Embedded => Ok(Some(embedded())),
            Reference::Contents(sha256) => {
                self.by_contents(sha256, stop).map(Some).ok_or(Error::Gone)
            }
            Reference::Path(path) => self.local(path, stop).map(Some),
            // Without the name of a file, what other tools have is a choice that somebody else has made.
            Reference::HuggingFace { file: Some(_), .. } => match self.noted(&key_of(reference)) {
                Some(info) => Ok(Some(info)),
                None => self.in_hub(reference, stop),
            },
            _ => Ok(self.noted(&key_of(reference))),
        }
    }

    /// The LoRA that a reference means; downloads it if it is not there. `on_bytes` hears of the download.
    ///
    /// # Errors
    /// One sentence on what stands against it; [`Error::Cancelled`].
    pub fn obtain(
        &self,
        reference: &Reference,
        stop: &Stop,
        on_bytes: &mut OnBytes<'_>,
    ) -> Result<LoraInfo, Error> {
        if let Some(info) = self.find_unless(reference, stop)? {
            return Ok(info);
        }
        // Somebody else may be at it; then it is there afterwards.
        let _lock = self.lock(&key_of(reference), stop)?;
        match self.find_unless(reference, stop)? {
            Some(info) => Ok(info),
            None => self.renew(reference, stop, on_bytes),
        }
    }

    /// Waits until nobody else works on what a note is about, and keeps others from it while the lock lives.
    pub(super) fn lock(&self, key: &str, stop: &Stop) -> Result<File, Error> {
        let folder = self.store.folder.join("locks");
        let path = folder.join(key);
        let refused = Error::unwritable(&path);
        let made = fs::create_dir_all(&folder).and_then(|()| File::create(&path));
        let file = made.map_err(&refused)?;
        wait_for_lock(&file, stop)?.map_err(refused)?;
        Ok(file)
    }

    /// The LoRAs that were used last, the latest first: what to ask for, and what is known of each.
    pub fn recent(&self) -> Vec<(String, LoraInfo)> {
        let mut notes = self.store.notes();
        // What lies in the cache of other tools has a name that says nothing, and a note without a reference.
        let is_of_hub = |note: &Note| {
            let mut both = note.path.iter().zip(&self.hub);
            both.any(|(path, hub)| path.starts_with(hub))
        };
        notes.retain(|note| !note.reference.is_empty() || !is_of_hub(note));
        let known = notes.into_iter().filter_map(|note| {
            let place = self.placed(&note)?;
            let typed = match &note.path {
                _ if !note.reference.is_empty() => note.reference.clone(),
                Some(path) => path.to_string_lossy().into_owned(),
                None => format!("sha256:{}", note.sha256),
            };
            Some((typed, self.info(note, place)))
        });
        known.take(MOST_RECENT).collect()
    }

    /// What a reference has led to before, if the file is still there.
    fn noted(&self, key: &str) -> Option<LoraInfo> {
        let note = self.store.note(key)?;
        let path = self.placed(&note)?;
        self.store.touch(key);
        Some(self.info(note, path))
    }

    /// Where the file of a note lies, if it is still there and the same.
    pub(super) fn placed(&self, note: &Note) -> Option<PathBuf> {
        let Some(path) = &note.path else {
            let kept = self.store.lora(&note.sha256);
            return kept.is_file().then_some(kept);
        };
        let data = fs::metadata(path).ok()?;
        note.is_of(&data).then(|| path.clone())
    }

    pub(super) fn info(&self, note: Note, path: PathBuf) -> LoraInfo {
        let thumbnail = self.store.picture(&note.sha256);
        LoraInfo {
            file: LoraFile {
                name: note.name,
                sha256: note.sha256,
                place: LoraPlace::File(path),
                peft_config: note.peft_config,
            },
            size: note.size,
            triggers: note.triggers,
            page: note.page,
            base_model: note.base_model,
            thumbnail: thumbnail.is_file().then_some(thumbnail),
        }
    }

    /// A file by its contents.
    fn by_contents(&self, sha256: &str, stop: &Stop) -> Option<LoraInfo> {
        let demo = embedded();
        if demo.file.sha256 == sha256 {
            return Some(demo);
        }
        let notes = self.store.notes().into_iter();
        let found = notes.filter(|note| note.sha256 == sha256).find_map(|note| {
            let info = match &note.path {
                Some(path) => self.local(path, stop).ok(),
                None => self.placed(&note).map(|path| self.info(note, path)),
            };
            // The note may tell of a newer file by now.
            info.filter(|info| info.file.sha256 == sha256)
        });
        if found.is_some() {
            return found;
        }
        let kept = self.store.lora(sha256);
        let note = Note {
            name: Reference::Contents(sha256.to_owned()).label(),
            sha256: sha256.to_owned(),
            size: fs::metadata(&kept).ok()?.len(),
            ..Note::default()
        };
        Some(self.info(note, kept))
    }

    fn path_in_hub(&self, reference: &Reference) -> Option<PathBuf> {
        hub::find(self.hub.as_ref()?, reference)
    }

    /// A file that Hugging Face's own tools have downloaded.
    pub(super) fn in_hub(
        &self,
        reference: &Reference,
        stop: &Stop,
    ) -> Result<Option<LoraInfo>, Error> {
        let Some(path) = self.path_in_hub(reference) else {
            return Ok(None);
        };
        let mut info = self.local(&path, stop)?;
        info.file.name = reference.label();
        if let Reference::HuggingFace { repository, .. } = reference {
            info.page = Some(format!("https://huggingface.co/{repository}"));
        }
        Ok(Some(info))
    }
}

/// The demo model's LoRA.
fn embedded() -> LoraInfo {
    LoraInfo {
        file: LoraFile {
            name: Reference::Embedded.label(),
            sha256: hex::encode(Sha256::digest(demo::LORA)),
            place: LoraPlace::Embedded,
            peft_config: None,
        },
        size: demo::LORA.len() as u64,
        triggers: vec!["QFACE".to_owned()],
        page: None,
        base_model: Some("the demo model".to_owned()),
        thumbnail: None,
    }
}
