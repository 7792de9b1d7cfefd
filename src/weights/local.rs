//! LoRAs in files and folders of the user, which are used where they are.
//!
//! A file is read once: its SHA-256 and what it says of itself stand in a note, which holds for as long as the file's time
//! and length stay.

use std::fs;
use std::path::{Path, PathBuf};

use crate::schema::reference::Reference;
use crate::schema::typed::begins_with_host;
use crate::text::file_name;
use crate::weights::error::Error;
use crate::weights::fetch::sha256_of;
use crate::weights::intake::{PICTURE_BYTES, is_archive};
use crate::weights::library::{Library, LoraInfo};
use crate::weights::metadata;
use crate::weights::notes::{Note, PEFT_CONFIG, PEFT_FILE, changed, key};
use crate::weights::stop::Stop;
use crate::weights::walk::safetensors_in;

/// The most bytes of PEFT's configuration.
const CONFIG_BYTES: u64 = 1 << 20;

impl Library {
    /// A file of the user, or the only one in a folder.
    pub(super) fn local(&self, typed: &Path, stop: &Stop) -> Result<LoraInfo, Error> {
        let mut path = at_home(typed);
        if path.is_dir() {
            path = only_one_in(&path)?;
        }
        if !path.is_file() {
            let is_link = begins_with_host(&typed.to_string_lossy());
            let kind = if is_link {
                Error::NoFileOrLink
            } else {
                Error::NoFile
            };
            return Err(kind(typed.to_owned()));
        }
        // Links of Hugging Face's own tools lead to where nothing lies beside the file.
        let peft_config = peft_config_beside(&path);
        let path = fs::canonicalize(&path).unwrap_or(path);
        let data = fs::metadata(&path).map_err(Error::unreadable(&path))?;
        let key = key(&path.to_string_lossy());
        let note = self.store.note(&key);
        let current = note.filter(|note| note.is_of(&data) && note.peft_config == peft_config);
        // A note without a path is of what was unpacked from an archive.
        if let Some(note) = current
            && let Some(place) = self.placed(&note)
        {
            return Ok(self.info(note, place));
        }
        let fresh = Note {
            size: data.len(),
            changed: changed(&data),
            peft_config,
            ..Note::default()
        };
        self.look_at(&path, &key, fresh, stop)
    }

    /// Looks at a file of the user for the first time, or anew; `fresh` has what can be told without.
    fn look_at(&self, path: &Path, key: &str, fresh: Note, stop: &Stop) -> Result<LoraInfo, Error> {
        let (place, sha256, mut triggers) = if is_archive(path)? {
            self.unpack(path, stop)?
        } else {
            // Taking the sum may take a while, so what is no LoRA is refused before.
            metadata::read(path, path)?;
            (path.to_owned(), sha256_of(path, stop)?, Vec::new())
        };
        let said = metadata::read(&place, path)?;
        self.keep_thumbnail(&sha256, None, said.thumbnail.or_else(|| beside(path)), stop);
        triggers.extend(said.triggers);
        let stem = path.file_stem().unwrap_or_default();
        let note = Note {
            name: stem.to_string_lossy().into_owned(),
            sha256,
            triggers: metadata::tidy(triggers),
            path: (place == path).then(|| path.to_owned()),
            ..fresh
        };
        // Without the note the file is looked at again next time, which is no reason to refuse it.
        let _ = self.store.write_note(key, &note);
        Ok(self.info(note, place))
    }
}

/// A path whose `~` is the user's folder.
fn at_home(path: &Path) -> PathBuf {
    let home = directories::UserDirs::new();
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(user)) => user.home_dir().join(rest),
        _ => path.to_owned(),
    }
}

/// The only `.safetensors` file in a folder.
fn only_one_in(folder: &Path) -> Result<PathBuf, Error> {
    let mut files = safetensors_in(folder).map_err(Error::unreadable(folder))?;
    let choice = |path: PathBuf| (file_name(&path), Reference::Path(path));
    match files.len() {
        0 => Err(Error::NoLora(
            "there is no .safetensors file in this folder".to_owned(),
            folder.to_owned(),
        )),
        1 => Ok(files.remove(0)),
        _ => Err(Error::Several {
            place: "this folder".to_owned(),
            files: files.into_iter().map(choice).collect(),
        }),
    }
}

/// What PEFT has written beside one of its files.
fn peft_config_beside(path: &Path) -> Option<String> {
    let is_of_peft = path.file_name().is_some_and(|name| name == PEFT_FILE);
    let config = path.with_file_name(PEFT_CONFIG);
    let size = fs::metadata(&config).ok().filter(|_| is_of_peft)?.len();
    (size <= CONFIG_BYTES).then(|| fs::read_to_string(config).ok())?
}

/// The picture that other programs keep beside a LoRA: `name.preview.png`, `name.png` and so on.
fn beside(path: &Path) -> Option<Vec<u8>> {
    let endings = ["png", "jpg", "jpeg", "webp"];
    let named = |word| endings.map(|ending| path.with_extension(format!("{word}{ending}")));
    let mut pictures = ["preview.", ""].into_iter().flat_map(named);
    let picture = pictures.find(|path| path.is_file())?;
    let size = fs::metadata(&picture).ok()?.len();
    (size <= PICTURE_BYTES).then(|| fs::read(picture).ok())?
}
