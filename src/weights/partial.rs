//! What has arrived of a download, and the note beside it on what it is a part of.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use crate::files::free_bytes;
use crate::text::size_text;
use crate::weights::error::Error;
use crate::weights::stop::Stop;
use crate::weights::text;

/// The bytes that a disk keeps free.
const SPARE_BYTES: u64 = 64 << 20;

/// How often a download that waits for another process looks again.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// How long a part is kept that nobody goes on with.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// What is known of a part.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Note {
    /// The entity tag or the date by which the server recognises the file.
    pub(super) validator: Option<String>,
    /// The length of the whole.
    pub(super) total: Option<u64>,
}

/// A file that is not complete yet.
pub(super) struct Partial {
    pub(super) path: PathBuf,
    pub(super) note_path: PathBuf,
    /// Keeps other processes away.
    pub(super) lock: File,
    pub(super) file: File,
    pub(super) note: Note,
}

impl Partial {
    /// Opens the part of what is at `url`, once no other process works on it.
    pub(super) fn open(folder: &Path, url: &Url, stop: &Stop) -> Result<Self, Error> {
        let path = path_of(folder, url);
        let note_path = path.with_extension("json");
        let refused = Error::unwritable(&path);
        fs::create_dir_all(folder).map_err(&refused)?;
        // The lock is a file of its own that stays: where locks are mandatory, the part itself could not be read.
        let lock = File::create(path.with_extension("lock")).map_err(&refused)?;
        wait_for_lock(&lock, stop)?.map_err(&refused)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(&refused)?;
        file.seek(SeekFrom::End(0)).map_err(&refused)?;
        let note = fs::read(&note_path).ok();
        let note = note.and_then(|text| serde_json::from_slice(&text).ok());
        let note = note.unwrap_or_default();
        Ok(Self {
            path: path.clone(),
            note_path,
            lock,
            file,
            note,
        })
    }

    /// The error for what the system says when it is written.
    pub(super) fn refused(&self) -> impl Fn(std::io::Error) -> Error {
        Error::unwritable(&self.path)
    }

    pub(super) fn length(&self) -> Result<u64, Error> {
        let data = self.file.metadata().map_err(self.refused());
        data.map(|data| data.len())
    }

    pub(super) fn clear(&mut self) -> Result<(), Error> {
        self.note = Note::default();
        let cleared = self.file.set_len(0).and_then(|()| self.file.rewind());
        cleared.map_err(self.refused())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(self.refused())
    }

    /// Notes what is needed to go on later. The file's contents come after, so that a part never lacks its note.
    pub(super) fn write_note(&self) -> Result<(), Error> {
        let text = serde_json::to_vec(&self.note).unwrap_or_default();
        fs::write(&self.note_path, text).map_err(self.refused())
    }

    /// Says whether the disk has room for so many bytes more.
    pub(super) fn check_room(&self, bytes: u64) -> Result<(), Error> {
        let folder = self.path.parent().unwrap_or(&self.path);
        check_room(folder, bytes, SPARE_BYTES, "")
    }
}

/// Says whether the disk of a folder has room for so many bytes more and keeps `spare` bytes; `purpose` is a part of the
/// sentence that says it has not.
pub(super) fn check_room(
    folder: &Path,
    bytes: u64,
    spare: u64,
    purpose: &str,
) -> Result<(), Error> {
    // A system that does not tell how much is free says so when it is full.
    let free = free_bytes(folder).unwrap_or(u64::MAX);
    if free >= bytes.saturating_add(spare) {
        return Ok(());
    }
    let (needed, free) = (size_text(bytes), size_text(free));
    Err(Error::Refused(text::no_room(purpose, needed, free)))
}

/// Throws away what has arrived of what is at `url`, unless somebody goes on with it now.
pub(super) fn forget(folder: &Path, url: &Url) {
    forget_part(&path_of(folder, url));
}

/// How much has arrived of what is at `url`.
pub(super) fn arrived(folder: &Path, url: &Url) -> u64 {
    fs::metadata(path_of(folder, url)).map_or(0, |data| data.len())
}

/// Where the part of what is at `url` lies.
fn path_of(folder: &Path, url: &Url) -> PathBuf {
    // The address itself may hold secrets.
    let name = hex::encode(Sha256::digest(url.as_str()));
    folder.join(format!("{}.part", &name[..32]))
}

/// Throws away a part, if there is one and nobody works on it. The lock stays: somebody may wait for it.
fn forget_part(path: &Path) {
    if !path.is_file() {
        return;
    }
    let lock = File::create(path.with_extension("lock"));
    if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
        let _ = fs::remove_file(path);
        let _ = fs::remove_file(path.with_extension("json"));
    }
}

/// Throws away the parts in a folder that nobody has gone on with for 30 days. What cannot be thrown away stays.
pub(super) fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let is_part = path.extension().is_some_and(|ending| ending == "part");
        let changed = fs::metadata(&path).and_then(|data| data.modified());
        let is_old = changed.is_ok_and(|time| time.elapsed().unwrap_or_default() > KEPT);
        if is_part && is_old {
            forget_part(&path);
        }
    }
}

/// Waits until this process alone works on a file. The inner error is the system's.
pub(super) fn wait_for_lock(file: &File, stop: &Stop) -> Result<std::io::Result<()>, Error> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Ok(())),
            Err(TryLockError::WouldBlock) => stop.sleep(LOCK_INTERVAL)?,
            Err(TryLockError::Error(reason)) => return Ok(Err(reason)),
        }
    }
}
