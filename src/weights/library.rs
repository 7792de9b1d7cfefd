//! The LoRAs on this machine: finds the file that a reference means, and downloads it once.
//!
//! Files are kept under the SHA-256 of their contents, so that one that comes from two places is there once. Beside them
//! stands a note for each reference on what it led to. Files of the user are used where they are. All processes share the
//! folder: notes are written whole, and downloads are locked.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use url::Url;

use crate::files::{self, Readers};
use crate::schema::reference::Reference;
use crate::weights::archive::{self, Kind};
use crate::weights::bytes::Contents;
use crate::weights::error::Error;
use crate::weights::fetch::{OnBytes, fetch, sha256_of};
use crate::weights::http::Network;
use crate::weights::lora::{LoraFile, LoraPlace};
use crate::weights::notes::{Note, Store, changed, keep, key_of};
use crate::weights::partial::wait_for_lock;
use crate::weights::source::{About, locate};
use crate::weights::stop::Stop;
use crate::weights::tokens::Tokens;
use crate::weights::{demo, hub, metadata};

/// The most bytes of a picture that shows what a LoRA does.
pub(super) const PICTURE_BYTES: u64 = 16 << 20;

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
    network: Network,
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
        match reference {
            Reference::Embedded
            | Reference::Contents(_)
            | Reference::Path(_)
            | Reference::Data(_) => false,
            _ => {
                let note = self.store.note(&key_of(reference));
                let is_noted = note.is_some_and(|note| self.placed(&note).is_some());
                let hub = self.hub.as_ref();
                !is_noted && hub.is_none_or(|hub| hub::find(hub, reference).is_none())
            }
        }
    }

    /// The same as [`Self::find`]; `stop` ends the reading of a large file.
    fn find_unless(&self, reference: &Reference, stop: &Stop) -> Result<Option<LoraInfo>, Error> {
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
    fn lock(&self, key: &str, stop: &Stop) -> Result<File, Error> {
        let folder = self.store.folder.join("locks");
        let path = folder.join(key);
        let refused = Error::unwritable(&path);
        fs::create_dir_all(&folder).map_err(&refused)?;
        let file = File::create(&path).map_err(&refused)?;
        wait_for_lock(&file, stop)?.map_err(refused)?;
        Ok(file)
    }

    /// The LoRAs that were used last, the latest first: what to ask for, and what is known of each.
    pub fn recent(&self) -> Vec<(String, LoraInfo)> {
        let mut notes = self.store.notes();
        // What lies in the cache of other tools has a name that says nothing, and a note without a reference.
        let hub = self.hub.as_deref();
        let is_of_hub = |note: &Note| {
            let path = note.path.as_deref();
            path.zip(hub)
                .is_some_and(|(path, hub)| path.starts_with(hub))
        };
        notes.retain(|note| !note.reference.is_empty() || !is_of_hub(note));
        let known = notes.into_iter().filter_map(|note| {
            let place = self.placed(&note)?;
            let typed = match &note.path {
                _ if !note.reference.is_empty() => note.reference.clone(),
                Some(path) => path.to_string_lossy().into_owned(),
                None => format!("sha256:{}", note.sha256),
            };
            Some((typed, self.info(note, LoraPlace::File(place))))
        });
        known.take(MOST_RECENT).collect()
    }

    /// Asks the source again what a reference means, and downloads that if it is not there.
    ///
    /// # Errors
    /// As [`Self::obtain`].
    pub fn renew(
        &self,
        reference: &Reference,
        stop: &Stop,
        on_bytes: &mut OnBytes<'_>,
    ) -> Result<LoraInfo, Error> {
        if let Reference::Data(text) = reference {
            return self.unpack_data(text, stop);
        }
        let located = match locate(&self.network, reference, stop) {
            Ok(Some(located)) => located,
            Ok(None) => return self.find_unless(reference, stop)?.ok_or(Error::Gone),
            // Where nobody tells which file is meant, the one that other tools have will do.
            Err(error) if !matches!(error, Error::Cancelled | Error::Several { .. }) => {
                return self.in_hub(reference, stop)?.ok_or(error);
            }
            Err(error) => return Err(error),
        };
        let key = key_of(reference);
        let exact = located.about.exact.as_ref();
        let in_hub = exact.map_or(Ok(None), |exact| self.in_hub(exact, stop))?;
        // Other tools may have an older file under the same name.
        let is_meant = |sha256: &str| {
            let meant = located.wanted.sha256.as_ref();
            meant.is_none_or(|meant| meant.eq_ignore_ascii_case(sha256))
        };
        if let Some(LoraFile {
            sha256,
            place: LoraPlace::File(path),
            ..
        }) = in_hub.map(|info| info.file)
            && is_meant(&sha256)
        {
            return self.note(&key, reference, &path, sha256, located.about, stop);
        }
        // Another reference may have brought the very file, or be at it.
        let sha256 = located.wanted.sha256.as_ref();
        let sha256 = sha256.map(|sum| sum.to_ascii_lowercase());
        let _lock = match &sha256 {
            Some(sha256) => Some(self.lock(sha256, stop)?),
            None => None,
        };
        if let Some(sha256) = sha256 {
            let path = self.store.lora(&sha256);
            if path.is_file() {
                return self.note(&key, reference, &path, sha256, located.about, stop);
            }
        }
        let parts = self.store.folder.join("parts");
        let fetched = fetch(&self.network, &parts, &located.wanted, stop, on_bytes)?;
        let mut about = located.about;
        let done = self.take_in(&fetched.path, &fetched.sha256, &mut about, stop);
        // What cannot be used is not kept, so that the next try starts afresh; what was only cut short is.
        if matches!(done, Ok(_) | Err(Error::NoLora { .. } | Error::Refused(_))) {
            fetched.discard();
        }
        let (path, sha256) = done?;
        self.note(&key, reference, &path, sha256, about, stop)
    }

    /// Puts a downloaded file, or the one in a downloaded archive, among the others.
    fn take_in(
        &self,
        downloaded: &Path,
        sha256: &str,
        about: &mut About,
        stop: &Stop,
    ) -> Result<(PathBuf, String), Error> {
        if is_archive(downloaded)? {
            let (temporary, found) = self.unpack(downloaded, stop)?;
            if about.triggers.is_empty() {
                about.triggers = found.triggers;
            }
            return self.keep_unpacked(temporary, stop);
        }
        metadata::read(
            &Contents::open(downloaded)?,
            Path::new("the downloaded file"),
        )?;
        let path = self.store.lora(sha256);
        fs::rename(downloaded, &path).map_err(Error::unwritable(&path))?;
        Ok((path, sha256.to_owned()))
    }

    /// Unpacks the LoRA of an archive into a temporary file.
    pub(super) fn unpack(
        &self,
        archive: &Path,
        stop: &Stop,
    ) -> Result<(NamedTempFile, archive::Found), Error> {
        let mut temporary = self.store.temporary()?;
        let file = File::open(archive).map_err(Error::unreadable(archive))?;
        let found = archive::extract(file, temporary.as_file_mut(), &|_| stop.check())?;
        metadata::read(
            &Contents::open(temporary.path())?,
            Path::new("the file in the archive"),
        )?;
        Ok((temporary, found))
    }

    /// Puts an unpacked file among the others.
    pub(super) fn keep_unpacked(
        &self,
        temporary: NamedTempFile,
        stop: &Stop,
    ) -> Result<(PathBuf, String), Error> {
        let sha256 = sha256_of(temporary.path(), stop)?;
        let path = self.store.lora(&sha256);
        keep(temporary, &path)?;
        Ok((path, sha256))
    }

    /// An archive in a `data:` address.
    fn unpack_data(&self, text: &str, stop: &Stop) -> Result<LoraInfo, Error> {
        let body: String = text
            .split_once(',')
            .map(|(_, body)| {
                body.chars()
                    .filter(|letter| !letter.is_whitespace())
                    .collect()
            })
            .unwrap_or_default();
        let bytes = BASE64.decode(body).map_err(|_| {
            Error::Refused("the data address is damaged: it is no base64".to_owned())
        })?;
        let mut archive = self.store.temporary()?;
        let written = archive.write_all(&bytes);
        written.map_err(Error::unwritable(archive.path()))?;
        let (temporary, found) = self.unpack(archive.path(), stop)?;
        let (path, sha256) = self.keep_unpacked(temporary, stop)?;
        let reference = Reference::Data(text.to_owned());
        let about = About {
            name: Some(reference.label()),
            triggers: found.triggers,
            ..About::default()
        };
        self.note(&key_of(&reference), &reference, &path, sha256, about, stop)
    }

    /// Writes down what a reference led to, with what the file says of itself.
    fn note(
        &self,
        key: &str,
        reference: &Reference,
        path: &Path,
        sha256: String,
        about: About,
        stop: &Stop,
    ) -> Result<LoraInfo, Error> {
        let said = metadata::read(&Contents::open(path)?, path)?;
        let picture = about.picture;
        let mut triggers = about.triggers;
        triggers.extend(said.triggers);
        let data = fs::metadata(path).map_err(Error::unreadable(path))?;
        let is_own = path.starts_with(&self.store.folder);
        let note = Note {
            reference: reference.lasting().unwrap_or_default(),
            name: about
                .name
                .or(said.title)
                .unwrap_or_else(|| reference.label()),
            size: data.len(),
            sha256,
            triggers: metadata::tidy(triggers),
            page: about.page,
            base_model: about.base_model,
            peft_config: about.peft_config,
            path: (!is_own).then(|| path.to_owned()),
            changed: if is_own { 0 } else { changed(&data) },
        };
        self.store.write_note(key, &note)?;
        self.keep_thumbnail(&note.sha256, picture.as_ref(), said.thumbnail, stop);
        Ok(self.info(note, LoraPlace::File(path.to_owned())))
    }

    /// What a reference has led to before, if the file is still there.
    fn noted(&self, key: &str) -> Option<LoraInfo> {
        let note = self.store.note(key)?;
        let path = self.placed(&note)?;
        self.store.touch(key);
        Some(self.info(note, LoraPlace::File(path)))
    }

    /// Where the file of a note lies, if it is still there and the same.
    fn placed(&self, note: &Note) -> Option<PathBuf> {
        let Some(path) = &note.path else {
            let kept = self.store.lora(&note.sha256);
            return kept.is_file().then_some(kept);
        };
        let data = fs::metadata(path).ok()?;
        note.is_of(&data).then(|| path.clone())
    }

    pub(super) fn info(&self, note: Note, place: LoraPlace) -> LoraInfo {
        let thumbnail = self.store.picture(&note.sha256);
        LoraInfo {
            file: LoraFile {
                name: note.name,
                sha256: note.sha256,
                place,
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
        for note in notes.filter(|note| note.sha256 == sha256) {
            let kept = self.store.lora(sha256);
            match &note.path {
                Some(path) => {
                    let found = self.local(path, stop).ok();
                    if let Some(info) = found.filter(|info| info.file.sha256 == sha256) {
                        return Some(info);
                    }
                }
                None if kept.is_file() => return Some(self.info(note, LoraPlace::File(kept))),
                None => {}
            }
        }
        // The note may tell of a newer file by now.
        let kept = self.store.lora(sha256);
        let note = Note {
            name: Reference::Contents(sha256.to_owned()).label(),
            sha256: sha256.to_owned(),
            size: fs::metadata(&kept).ok()?.len(),
            ..Note::default()
        };
        Some(self.info(note, LoraPlace::File(kept)))
    }

    /// A file that Hugging Face's own tools have downloaded.
    fn in_hub(&self, reference: &Reference, stop: &Stop) -> Result<Option<LoraInfo>, Error> {
        let Some(path) = self.hub.as_ref().and_then(|hub| hub::find(hub, reference)) else {
            return Ok(None);
        };
        let mut info = self.local(&path, stop)?;
        info.file.name = reference.label();
        if let Reference::HuggingFace { repository, .. } = reference {
            info.page = Some(format!("https://huggingface.co/{repository}"));
        }
        Ok(Some(info))
    }

    /// Whether a picture may come from an address that somebody has written on a page.
    fn may_show(&self, url: &Url) -> bool {
        url.scheme() == "https" || self.network.service_of(url).is_some()
    }

    /// Keeps a picture that shows what a LoRA does. Only comfort is lost without it.
    pub(super) fn keep_thumbnail(
        &self,
        sha256: &str,
        elsewhere: Option<&Url>,
        own: Option<Vec<u8>>,
        stop: &Stop,
    ) {
        let path = self.store.picture(sha256);
        if path.is_file() {
            return;
        }
        let picture = own.or_else(|| {
            let mut answer = self
                .network
                .get(
                    elsewhere.filter(|url| self.may_show(url))?,
                    &[],
                    stop,
                    &mut |_| (),
                )
                .ok()?;
            let is_there = answer.status().is_success();
            let mut bytes = Vec::new();
            let body = answer
                .body_mut()
                .with_config()
                .limit(PICTURE_BYTES)
                .reader();
            body.take(PICTURE_BYTES).read_to_end(&mut bytes).ok()?;
            is_there.then_some(bytes)
        });
        if let Some(picture) = picture {
            let _ = files::write(&path, &picture, Readers::Owner);
        }
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

/// Whether a file is an archive.
pub(super) fn is_archive(path: &Path) -> Result<bool, Error> {
    let contents = Contents::open(path)?;
    let head = contents.get(..contents.len().min(512)).unwrap_or_default();
    Ok(match Kind::of(head) {
        // Of a zip file it is said what it is when it is opened as a LoRA.
        Kind::File | Kind::Other("zip") => false,
        _ => true,
    })
}
