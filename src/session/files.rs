//! Where a job's pictures go.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use image::RgbImage;
use tempfile::NamedTempFile;

use crate::engine::job::Outcome;
use crate::files::{self, Readers};
use crate::imaging::codec;
use crate::schema::choices::Encoding;
use crate::schema::notes::Note;
use crate::schema::request::Request;
use crate::session::record::Record;
use crate::session::{naming, text};

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] files::Error),
    /// The picture could not be encoded.
    #[error(transparent)]
    Codec(#[from] codec::Error),
    /// The record could not be turned into text.
    #[error("the record of the picture cannot be written: {0}")]
    Record(#[from] serde_json::Error),
}

/// What of a record can be left out of a file, from the least to all of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum LeftOut {
    Mask,
    Record,
}

/// How the pictures of a job are called.
#[derive(Clone, Debug)]
enum Naming {
    /// `out-0`, `out-1`, …, which must not exist unless they may be overwritten.
    Numbered { overwrite: bool },
    /// A stem for each picture, told apart from earlier files by a suffix.
    Stems(Vec<String>),
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

    /// Files named after a pattern ([`naming`]); never one that exists.
    pub fn named(folder: &Path, pattern: &str, request: &Request) -> Self {
        let now = jiff::Zoned::now();
        let stem = |index| naming::stem(pattern, request, index, &now);
        Self {
            folder: folder.to_owned(),
            naming: Naming::Stems((0..request.num_outputs).map(stem).collect()),
        }
    }

    /// Says before any work begins whether `count` files can be written.
    ///
    /// # Errors
    /// When a file of that name exists and may not be overwritten, or the folder cannot be made.
    pub fn check(&self, count: usize, encoding: Encoding) -> Result<(), Error> {
        fs::create_dir_all(&self.folder)
            .map_err(|reason| files::Error::refused(reason, &self.folder))?;
        let Naming::Numbered { overwrite } = self.naming else {
            return Ok(());
        };
        for path in (0..count).map(|index| self.path(index, 0, encoding)) {
            // A link that leads nowhere is in the way as well.
            if !overwrite && path.symlink_metadata().is_ok() {
                return Err(files::Error::Exists(path).into());
            }
            files::check_writable(&path)?;
        }
        Ok(())
    }

    /// Writes the pictures of a job, all of them or none. Those that were withheld are left out, and the others keep their
    /// numbers. Returns the files in order, each with the place of its picture in the job.
    ///
    /// Every file is complete under a temporary name before the first gets its own. A record that does not fit into the
    /// format is left out with a note, for the picture matters more.
    ///
    /// # Errors
    /// When a picture cannot be encoded or a file cannot be written. Files that were new are taken back then.
    pub fn save(
        &self,
        outcome: &mut Outcome,
        encoding: Encoding,
        record: Option<&Record>,
    ) -> Result<Vec<(usize, PathBuf)>, Error> {
        let mut most_left_out = None;
        let mut staged = Vec::new();
        let numbered = outcome.pictures.iter().enumerate();
        let shown = numbered.filter_map(|(index, picture)| Some((index, picture.shown()?)));
        for (index, picture) in shown {
            let (contents, left_out) = encoded(picture, encoding, record, index)?;
            most_left_out = most_left_out.max(left_out);
            let path = self.path(index, 0, encoding);
            staged.push((index, files::stage(&path, &contents, Readers::Usual)?));
        }
        let mut saved = Vec::new();
        let mut new = Vec::new();
        for (index, file) in staged {
            let existed = self.path(index, 0, encoding).exists();
            match self.name(index, file, encoding) {
                Ok(path) => {
                    if !existed {
                        new.push(path.clone());
                    }
                    saved.push((index, path));
                }
                Err(error) => {
                    for path in &new {
                        // Best effort: the error that led here is the one to report.
                        let _ = fs::remove_file(path);
                    }
                    return Err(error);
                }
            }
        }
        let message = most_left_out.map(|left_out| match left_out {
            LeftOut::Mask => text::MASK_LEFT_OUT,
            LeftOut::Record => text::RECORD_LEFT_OUT,
        });
        let note = message.map(|message| Note::on("output_format", message));
        outcome.notes.extend(note);
        Ok(saved)
    }

    /// Gives a finished file the first name that is free, or the one name it may have.
    fn name(
        &self,
        index: usize,
        mut file: NamedTempFile,
        encoding: Encoding,
    ) -> Result<PathBuf, Error> {
        let (overwrite, attempts) = match self.naming {
            Naming::Numbered { overwrite } => (overwrite, 1),
            Naming::Stems(_) => (false, 10_000),
        };
        let mut attempt = 0;
        loop {
            let path = self.path(index, attempt, encoding);
            attempt += 1;
            match files::persist(file, &path, overwrite) {
                Ok(()) => return Ok(path),
                Err(error)
                    if error.error.kind() == ErrorKind::AlreadyExists && attempt < attempts =>
                {
                    file = error.file;
                }
                Err(error) => return Err(files::Error::refused(error.error, &path).into()),
            }
        }
    }

    /// The name of picture `index` at the given attempt.
    fn path(&self, index: usize, attempt: u32, encoding: Encoding) -> PathBuf {
        let extension = encoding.format.extension();
        self.folder.join(match &self.naming {
            Naming::Numbered { .. } => format!("out-{index}.{extension}"),
            Naming::Stems(stems) => {
                let stem = stems.get(index).map_or("picture", String::as_str);
                if attempt == 0 {
                    format!("{stem}.{extension}")
                } else {
                    format!("{stem}-{attempt}.{extension}")
                }
            }
        })
    }
}

/// Picture `index` as a file, with as much of the record as fits.
fn encoded(
    picture: &RgbImage,
    encoding: Encoding,
    record: Option<&Record>,
    index: usize,
) -> Result<(Vec<u8>, Option<LeftOut>), Error> {
    let Some(record) = record.map(|record| record.of_picture(index)) else {
        return Ok((codec::encode(picture, encoding, None)?, None));
    };
    let maskless = (record.without_mask(), Some(LeftOut::Mask));
    for (record, left_out) in [(record, None), maskless] {
        match codec::encode(picture, encoding, Some(&serde_json::to_string(&record)?)) {
            Err(codec::Error::RecordTooLong(_)) => {}
            encoded => return Ok((encoded?, left_out)),
        }
    }
    let bare = codec::encode(picture, encoding, None)?;
    Ok((bare, Some(LeftOut::Record)))
}
