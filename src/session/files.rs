//! Files that are written whole or not at all, and where a job's pictures go.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use image::RgbImage;
use tempfile::NamedTempFile;

use crate::imaging::codec;
use crate::schema::request::Encoding;
use crate::session::record::Record;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something of this name is there already.
    #[error("this file exists already and is kept (--overwrite replaces it): {}", .0.display())]
    Exists(PathBuf),
    /// The system refused.
    #[error("the file cannot be written ({reason}): {}", path.display())]
    Refused {
        /// The system's reason.
        reason: io::Error,
        /// The file or folder.
        path: PathBuf,
    },
    /// The picture could not be encoded.
    #[error(transparent)]
    Codec(#[from] codec::Error),
    /// The record could not be turned into text.
    #[error("the record of the picture cannot be written: {0}")]
    Record(#[from] serde_json::Error),
}

/// Writes `contents` under a temporary name in the same folder, syncs it and renames it to `path`.
///
/// # Errors
/// When the folder cannot be made or written to, or, without `overwrite`, when `path` exists.
pub fn write_whole(path: &Path, contents: &[u8], overwrite: bool) -> Result<(), Error> {
    let refused = |reason: io::Error| {
        if reason.kind() == io::ErrorKind::AlreadyExists {
            Error::Exists(path.to_owned())
        } else {
            Error::Refused {
                reason,
                path: path.to_owned(),
            }
        }
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(refused)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".flux-qfaces-");
    share_with_others(&mut builder);
    let mut file = builder.tempfile_in(folder).map_err(refused)?;
    file.write_all(contents)
        .and_then(|()| file.as_file().sync_all())
        .map_err(refused)?;
    persist(file, path, overwrite).map_err(refused)
}

/// Gives a temporary file the name it is meant to have.
fn persist(file: NamedTempFile, path: &Path, overwrite: bool) -> io::Result<()> {
    let persisted = if overwrite {
        file.persist(path)
    } else {
        file.persist_noclobber(path)
    };
    persisted.map(drop).map_err(|error| error.error)
}

/// Asks for the usual permissions, where a temporary file would be private to its user.
fn share_with_others(builder: &mut tempfile::Builder<'_, '_>) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    #[cfg(not(unix))]
    let _ = builder;
}

/// How the pictures of a job are called.
#[derive(Clone, Debug)]
enum Naming {
    /// `out-0`, `out-1`, …, which must not exist unless they may be overwritten.
    Numbered { overwrite: bool },
    /// A stem that is told apart from earlier files by a suffix.
    Dated(String),
}

/// Where the pictures of a job go.
#[derive(Clone, Debug)]
pub struct Target {
    folder: PathBuf,
    naming: Naming,
}

impl Target {
    /// Files `out-0.webp` and so on in `folder`, as the reference names them.
    pub fn numbered(folder: &Path, overwrite: bool) -> Self {
        Self {
            folder: folder.to_owned(),
            naming: Naming::Numbered { overwrite },
        }
    }

    /// Files named after the present moment and the seed; never one that exists.
    pub fn dated(folder: &Path, seed: u64) -> Self {
        let now = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S");
        Self {
            folder: folder.to_owned(),
            naming: Naming::Dated(format!("{now}-{seed}")),
        }
    }

    /// Says before any work begins whether `count` files can be written.
    ///
    /// # Errors
    /// When a file of that name exists and may not be overwritten, or the folder cannot be made.
    pub fn check(&self, count: usize, encoding: Encoding) -> Result<(), Error> {
        fs::create_dir_all(&self.folder).map_err(|reason| Error::Refused {
            reason,
            path: self.folder.clone(),
        })?;
        if let Naming::Numbered { overwrite: false } = self.naming {
            let taken = (0..count)
                .map(|index| self.path(index, 0, encoding))
                .find(|path| path.exists());
            return taken.map_or(Ok(()), |path| Err(Error::Exists(path)));
        }
        Ok(())
    }

    /// Writes the pictures, all of them or none, and returns their paths in order.
    ///
    /// # Errors
    /// When a picture cannot be encoded or a file cannot be written; files already written are taken back.
    pub fn save(
        &self,
        pictures: &[RgbImage],
        encoding: Encoding,
        record: Option<&Record>,
    ) -> Result<Vec<PathBuf>, Error> {
        let files = pictures.iter().enumerate().map(|(index, picture)| {
            let record = record
                .map(|record| serde_json::to_string(&record.of_picture(index)))
                .transpose()?;
            Ok(codec::encode(picture, encoding, record.as_deref())?)
        });
        let files = files.collect::<Result<Vec<_>, Error>>()?;
        let mut written = Vec::new();
        for (index, contents) in files.iter().enumerate() {
            match self.write(index, contents, encoding) {
                Ok(path) => written.push(path),
                Err(error) => {
                    for path in &written {
                        // Best effort: the error that led here is the one to report.
                        let _ = fs::remove_file(path);
                    }
                    return Err(error);
                }
            }
        }
        Ok(written)
    }

    /// Writes one picture under the first name that is free, or the one name it may have.
    fn write(&self, index: usize, contents: &[u8], encoding: Encoding) -> Result<PathBuf, Error> {
        let (overwrite, attempts) = match self.naming {
            Naming::Numbered { overwrite } => (overwrite, 1),
            Naming::Dated(_) => (false, 10_000),
        };
        let mut attempt = 0;
        loop {
            let path = self.path(index, attempt, encoding);
            attempt += 1;
            match write_whole(&path, contents, overwrite) {
                Err(Error::Exists(_)) if attempt < attempts => {}
                result => return result.map(|()| path),
            }
        }
    }

    /// The name of picture `index` at the given attempt.
    fn path(&self, index: usize, attempt: u32, encoding: Encoding) -> PathBuf {
        let extension = encoding.format.extension();
        self.folder.join(match &self.naming {
            Naming::Numbered { .. } => format!("out-{index}.{extension}"),
            Naming::Dated(stem) if attempt == 0 => format!("{stem}-{index}.{extension}"),
            Naming::Dated(stem) => format!("{stem}-{index}-{attempt}.{extension}"),
        })
    }
}
