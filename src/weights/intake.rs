//! How a LoRA comes into the library: downloaded, unpacked, checked, and noted.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use url::Url;

use crate::files::{self, Readers};
use crate::schema::reference::Reference;
use crate::weights::archive::{self, Kind};
use crate::weights::bytes::Contents;
use crate::weights::error::Error;
use crate::weights::fetch::{OnBytes, Wanted, fetch, sha256_of};
use crate::weights::library::{Library, LoraInfo};
use crate::weights::lora::{LoraFile, LoraPlace};
use crate::weights::metadata;
use crate::weights::notes::{Note, changed, keep, key_of};
use crate::weights::source::{About, Located, locate};
use crate::weights::stop::Stop;
use crate::weights::text;

/// The most bytes of a picture that shows what a LoRA does.
pub(super) const PICTURE_BYTES: u64 = 16 << 20;

impl Library {
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
        if let Reference::Data(data) = reference {
            return self.unpack_data(data, stop);
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
        if let Some((path, sha256)) = self.exact_in_hub(&located, stop)? {
            return self.note(reference, &path, sha256, located.about, stop);
        }
        let Located { wanted, mut about } = located;
        // Another reference may have brought the very file, or be at it.
        let sha256 = wanted.sha256.as_ref().map(|sum| sum.to_ascii_lowercase());
        let lock = sha256.as_ref().map(|sha256| self.lock(sha256, stop));
        let _lock = lock.transpose()?;
        let own = sha256.map(|sha256| (self.store.lora(&sha256), sha256));
        let (path, sha256) = match own.filter(|(path, _)| path.is_file()) {
            Some(own) => own,
            None => self.download(&wanted, &mut about, stop, on_bytes)?,
        };
        self.note(reference, &path, sha256, about, stop)
    }

    /// The very file that a source means, if other tools have it and not an older one under the same name; with its SHA-256.
    fn exact_in_hub(
        &self,
        located: &Located,
        stop: &Stop,
    ) -> Result<Option<(PathBuf, String)>, Error> {
        let Some(exact) = &located.about.exact else {
            return Ok(None);
        };
        let meant = located.wanted.sha256.as_ref();
        let file = self.in_hub(exact, stop)?.map(|info| info.file);
        let is_meant =
            |file: &LoraFile| meant.is_none_or(|sum| sum.eq_ignore_ascii_case(&file.sha256));
        Ok(file.filter(is_meant).and_then(|file| match file.place {
            LoraPlace::File(path) => Some((path, file.sha256)),
            LoraPlace::Embedded => None,
        }))
    }

    /// Downloads a file and puts it among the others.
    fn download(
        &self,
        wanted: &Wanted,
        about: &mut About,
        stop: &Stop,
        on_bytes: &mut OnBytes<'_>,
    ) -> Result<(PathBuf, String), Error> {
        let parts = self.store.folder.join("parts");
        let fetched = fetch(&self.network, &parts, wanted, stop, on_bytes)?;
        let done = self.take_in(&fetched.path, &fetched.sha256, about, stop);
        // What cannot be used is not kept, so that the next try starts afresh; what was only cut short is.
        if matches!(done, Ok(_) | Err(Error::NoLora { .. } | Error::Refused(_))) {
            fetched.discard();
        }
        done
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
            let (path, sha256, triggers) = self.unpack(downloaded, stop)?;
            if about.triggers.is_empty() {
                about.triggers = triggers;
            }
            return Ok((path, sha256));
        }
        metadata::read(downloaded, Path::new("the downloaded file"))?;
        let path = self.store.lora(sha256);
        fs::rename(downloaded, &path).map_err(Error::unwritable(&path))?;
        Ok((path, sha256.to_owned()))
    }

    /// Unpacks the LoRA of an archive and puts it among the others; with its SHA-256 and trigger words.
    pub(super) fn unpack(
        &self,
        archive: &Path,
        stop: &Stop,
    ) -> Result<(PathBuf, String, Vec<String>), Error> {
        let mut temporary = self.store.temporary()?;
        let file = File::open(archive).map_err(Error::unreadable(archive))?;
        let triggers = archive::extract(file, temporary.as_file_mut(), &|_| stop.check())?;
        metadata::read(temporary.path(), Path::new("the file in the archive"))?;
        let sha256 = sha256_of(temporary.path(), stop)?;
        let path = self.store.lora(&sha256);
        keep(temporary, &path)?;
        Ok((path, sha256, triggers))
    }

    /// An archive in a `data:` address.
    fn unpack_data(&self, data: &str, stop: &Stop) -> Result<LoraInfo, Error> {
        let (_, body) = data.split_once(',').unwrap_or_default();
        let body: String = body.split_whitespace().collect();
        let bytes = BASE64.decode(body);
        let bytes = bytes.map_err(|_| Error::Refused(text::DAMAGED_DATA.to_owned()))?;
        let mut archive = self.store.temporary()?;
        let written = archive.write_all(&bytes);
        written.map_err(Error::unwritable(archive.path()))?;
        let (path, sha256, triggers) = self.unpack(archive.path(), stop)?;
        let reference = Reference::Data(data.to_owned());
        let about = About {
            name: Some(reference.label()),
            triggers,
            ..About::default()
        };
        self.note(&reference, &path, sha256, about, stop)
    }

    /// Writes down what a reference led to, with what the file says of itself.
    fn note(
        &self,
        reference: &Reference,
        path: &Path,
        sha256: String,
        about: About,
        stop: &Stop,
    ) -> Result<LoraInfo, Error> {
        let said = metadata::read(path, path)?;
        let mut triggers = about.triggers;
        triggers.extend(said.triggers);
        let data = fs::metadata(path).map_err(Error::unreadable(path))?;
        let is_own = path.starts_with(&self.store.folder);
        let name = about.name.or(said.title);
        let note = Note {
            reference: reference.lasting().unwrap_or_default(),
            name: name.unwrap_or_else(|| reference.label()),
            size: data.len(),
            sha256,
            triggers: metadata::tidy(triggers),
            page: about.page,
            base_model: about.base_model,
            peft_config: about.peft_config,
            path: (!is_own).then(|| path.to_owned()),
            changed: if is_own { 0 } else { changed(&data) },
        };
        self.store.write_note(&key_of(reference), &note)?;
        self.keep_thumbnail(&note.sha256, about.picture.as_ref(), said.thumbnail, stop);
        Ok(self.info(note, path.to_owned()))
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
        // Somebody has written the address on a page.
        let may_show =
            |url: &&Url| url.scheme() == "https" || self.network.service_of(url).is_some();
        let picture = own.or_else(|| {
            let url = elsewhere.filter(may_show)?;
            self.network.body(url, PICTURE_BYTES, stop).ok()
        });
        if let Some(picture) = picture {
            let _ = files::write(&path, &picture, Readers::Owner);
        }
    }
}

pub(super) fn is_archive(path: &Path) -> Result<bool, Error> {
    let contents = Contents::open(path)?;
    let head = contents.get(..contents.len().min(512)).unwrap_or_default();
    Ok(match Kind::of(head) {
        // Of a zip file it is said what it is when it is opened as a LoRA.
        Kind::File | Kind::Other("zip") => false,
        _ => true,
    })
}
