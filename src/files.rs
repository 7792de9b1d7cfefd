//! Files that are written whole or not at all: under a temporary name, synced, and renamed.

use std::fs;
use std::io::{self, Write};
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, PersistError};

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something of this name is there already.
    #[error("this file exists already and is kept: {}", .0.display())]
    Exists(PathBuf),
    /// The system refused.
    #[error("the file cannot be written ({}): {}", .0, .1.display())]
    Refused(io::Error, PathBuf),
}

impl Error {
    /// The error for what the system said of `path`.
    pub fn refused(reason: io::Error, path: &Path) -> Self {
        let path = path.to_owned();
        if reason.kind() == io::ErrorKind::AlreadyExists {
            Self::Exists(path)
        } else {
            Self::Refused(reason, path)
        }
    }
}

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// The user alone.
    Owner,
    /// Whoever may read the user's other files.
    Usual,
}

/// Writes `contents` to `path`, in place of what was there.
///
/// # Errors
/// When the folder cannot be made or written to.
pub fn write(path: &Path, contents: &[u8], readers: Readers) -> Result<(), Error> {
    let file = stage(path, contents, readers)?;
    persist(file, path, true).map_err(|error| Error::refused(error.error, path))
}

/// Says whether a file can be written at `path`, by writing an empty one under a temporary name beside it.
///
/// # Errors
/// When the folder cannot be made or written to, or `path` is a folder.
pub fn check_writable(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Err(Error::refused(io::ErrorKind::IsADirectory.into(), path));
    }
    stage(path, &[], Readers::Usual).map(drop)
}

/// Writes `contents` to the disk under a temporary name in the folder of `path`, to be renamed by [`persist`].
///
/// # Errors
/// When the folder cannot be made or written to.
pub fn stage(path: &Path, contents: &[u8], readers: Readers) -> Result<NamedTempFile, Error> {
    let refused = |reason| Error::refused(reason, path);
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut file = temporary(folder, readers).map_err(refused)?;
    let written = file.write_all(contents);
    let written = written.and_then(|()| file.as_file().sync_all());
    written.map(|()| file).map_err(refused)
}

/// A new file under a temporary name in `folder`, which is made if it is not there.
///
/// # Errors
/// The system's.
pub fn temporary(folder: &Path, readers: Readers) -> io::Result<NamedTempFile> {
    // A folder without a name is the current one.
    let folder = Path::new(".").join(folder);
    fs::create_dir_all(&folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".flux-qfaces-");
    // Temporary files are readable by the user alone from the start.
    #[cfg(unix)]
    if readers == Readers::Usual {
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    #[cfg(not(unix))]
    let _ = readers;
    builder.tempfile_in(folder)
}

/// Renames a temporary file, whose contents are on the disk, to `path`.
///
/// # Errors
/// The system's, with the file; without `overwrite`, when `path` exists.
pub fn persist(file: NamedTempFile, path: &Path, overwrite: bool) -> Result<(), PersistError> {
    let persisted = if overwrite {
        file.persist(path)
    } else {
        file.persist_noclobber(path)
    };
    persisted.map(drop)
}

/// Takes the right to read a file from everybody but the user, where the system has a way to say so.
///
/// # Errors
/// The system's.
pub fn keep_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Bytes that are free on the disk of a folder, which may not be there yet; `None` where the platform does not tell.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.is_dir())?;
    fs4::available_space(there).ok()
}
