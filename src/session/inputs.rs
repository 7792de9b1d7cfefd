//! Input pictures and masks that the program keeps: pasted, cut, painted, or used by a job.
//!
//! A file is named after its contents, so that a job that waits keeps its own mask, nothing is kept twice, and the record
//! in a picture can name its starting picture without saying where it lay.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use image::GrayImage;
use sha2::{Digest, Sha256};

use crate::files::{self, Readers};
use crate::imaging::codec;
use crate::session::text;

/// What a reference to contents begins with.
const SCHEME: &str = "sha256:";

/// What the name of a kept mask ends with.
pub const MASK: &str = "mask.png";

/// How long a mask stays that neither the inputs nor a waiting job name.
const MASK_DAYS: u64 = 7;

/// The most bytes that are kept; beyond it the oldest files go.
const MOST_BYTES: u64 = 2 << 30;

/// The reference to a file's contents, the same wherever it lies.
pub fn reference(contents: &[u8]) -> String {
    format!("{SCHEME}{}", hex::encode(Sha256::digest(contents)))
}

/// Keeps a mask as a file.
///
/// # Errors
/// One sentence, when it cannot be written.
pub fn keep_mask(store: &InputStore, mask: &GrayImage) -> Result<PathBuf, String> {
    let file = codec::encode_mask(mask).map_err(text::mask_unkept)?;
    store.keep(&file, MASK).map_err(text::mask_unkept)
}

/// The folder of kept files.
#[derive(Clone, Debug)]
pub struct InputStore {
    folder: PathBuf,
}

impl InputStore {
    /// The store in `folder`, which is made when it is needed.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps contents under a name that ends with `ending`, and returns the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, contents: &[u8], ending: &str) -> Result<PathBuf, files::Error> {
        let name = reference(contents);
        let name = name.strip_prefix(SCHEME).unwrap_or(&name);
        let path = self.folder.join(format!("{name}.{ending}"));
        // A file of this name has these contents: it was written whole.
        if !path.is_file() {
            // It may be a copy of a private picture.
            files::write(&path, contents, Readers::Owner)?;
        }
        Ok(path)
    }

    /// Keeps a copy of a file, so that its reference finds it later. What cannot be copied is not kept.
    pub fn keep_copy(&self, path: &Path) {
        if path.starts_with(&self.folder) {
            return;
        }
        let ending = path.extension().and_then(|ending| ending.to_str());
        if let Ok(contents) = fs::read(path) {
            // Only comfort is lost without it: comparing with the original, and using the settings again.
            let _ = self.keep(&contents, ending.unwrap_or("picture"));
        }
    }

    /// The file that a reference means, if it is kept here.
    pub fn find(&self, reference: &str) -> Option<PathBuf> {
        let name = reference.strip_prefix(SCHEME)?;
        let is_digest = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let files = fs::read_dir(&self.folder).ok()?.flatten();
        files.map(|file| file.path()).find(|path| {
            let own = path.file_name().and_then(|name| name.to_str());
            is_digest && own.is_some_and(|own| own.starts_with(name))
        })
    }

    /// Removes what is kept without need, but nothing in `used`: old masks, and the oldest pictures where there are many.
    pub fn sweep(&self, used: &[PathBuf]) {
        let oldest = SystemTime::now().checked_sub(Duration::from_secs(MASK_DAYS * 24 * 60 * 60));
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let dated = files.filter_map(|file| {
            let data = file.metadata().ok()?;
            Some((data.modified().ok()?, data.len(), file.path()))
        });
        let mut files: Vec<_> = dated.collect();
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (modified, length, path) in files {
            let is_mask = path.to_str().is_some_and(|path| path.ends_with(MASK));
            let is_old = oldest.is_some_and(|oldest| modified < oldest);
            if !used.contains(&path) && (bytes > MOST_BYTES || (is_mask && is_old)) {
                bytes -= length;
                // What cannot be removed now is swept next time.
                let _ = fs::remove_file(path);
            }
        }
    }
}
