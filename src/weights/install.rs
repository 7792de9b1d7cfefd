//! Several published files into the folder of models, one after the other.
//!
//! A file gets its place when it is complete and its sum is right, so whatever lies there is whole. What has arrived of the
//! others stays for the next time ([`fetch`]).

use std::collections::HashSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use url::Url;

use crate::weights::catalog::Published;
use crate::weights::error::Error;
use crate::weights::fetch::{Bytes, Wanted, fetch};
use crate::weights::http::Network;
use crate::weights::partial::{self, check_room};
use crate::weights::stop::Stop;
use crate::weights::text;

/// The folder in the folder of models that holds what has arrived so far. Its name hides it from searches.
const PARTS: &str = ".parts";

/// Bytes that a disk keeps free beside a model.
const SPARE_BYTES: u64 = 1 << 30;

/// How far an installation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Which of the files comes now, counted from 0.
    pub file: usize,
    /// Whether all of it has arrived, and its sum is being taken.
    pub is_complete: bool,
    /// Bytes of all files: those that have arrived, and all.
    pub bytes: Bytes,
}

/// Hears of an installation, and says whether it goes on.
pub type OnArrival<'a> = dyn FnMut(Arrival) -> ControlFlow<()> + 'a;

/// The files that are not in their places, each once.
pub fn missing(folder: &Path, files: &[Published]) -> Vec<Published> {
    let mut seen = HashSet::new();
    let files = files.iter().filter(|file| seen.insert(&file.place));
    let missing = files.filter(|file| !is_there(folder, file));
    missing.cloned().collect()
}

/// Whether a file is in its place. One of another length is something else.
fn is_there(folder: &Path, file: &Published) -> bool {
    let data = fs::metadata(folder.join(&file.place));
    data.is_ok_and(|data| data.is_file() && data.len() == file.bytes)
}

/// Checks that the place of a file is free, or holds it already.
fn check_place(folder: &Path, file: &Published) -> Result<(), Error> {
    let path = folder.join(&file.place);
    if is_there(folder, file) || !path.exists() {
        return Ok(());
    }
    let place = path.display();
    Err(Error::Refused(text::place_is_taken(&file.path, place)))
}

/// Bytes of files that have arrived, complete or not.
pub fn arrived(network: &Network, folder: &Path, files: &[Published]) -> u64 {
    let parts = folder.join(PARTS);
    let arrived = files.iter().map(|file| {
        let of_part = || partial::arrived(&parts, &address(network, file)).min(file.bytes);
        let whole = is_there(folder, file).then_some(file.bytes);
        whole.unwrap_or_else(of_part)
    });
    arrived.sum()
}

/// Downloads what is missing of `files` into their places in `folder`.
///
/// `on_arrival` hears of each file before it is asked for, too.
///
/// # Errors
/// One sentence on what stands against it; [`Error::Cancelled`]. What has arrived stays for the next time. Another file that
/// is in the place of one is not touched.
pub fn install(
    network: &Network,
    folder: &Path,
    files: &[Published],
    stop: &Stop,
    on_arrival: &mut OnArrival<'_>,
) -> Result<(), Error> {
    let parts = folder.join(PARTS);
    let total: u64 = files.iter().map(|file| file.bytes).sum();
    let have = arrived(network, folder, files);
    fs::create_dir_all(folder).map_err(Error::unwritable(folder))?;
    let lacking = total.saturating_sub(have);
    check_room(folder, lacking, SPARE_BYTES.min(lacking), " for the model")?;
    for file in files {
        check_place(folder, file)?;
    }
    let mut done = 0;
    for (index, file) in files.iter().enumerate() {
        if !is_there(folder, file) {
            let wanted = Wanted {
                url: address(network, file),
                size: Some(file.bytes),
                sha256: file.sha256.clone(),
            };
            let mut on_done = |of_file: u64| {
                on_arrival(Arrival {
                    file: index,
                    is_complete: of_file == file.bytes,
                    bytes: Bytes {
                        done: done + of_file,
                        total: Some(total),
                    },
                })
            };
            let begun = partial::arrived(&parts, &wanted.url).min(file.bytes);
            if on_done(begun).is_break() {
                return Err(Error::Cancelled);
            }
            let mut on_bytes = |bytes: Bytes| on_done(bytes.done);
            let fetched = fetch(network, &parts, &wanted, stop, &mut on_bytes)?;
            put(&fetched.path, &folder.join(&file.place))?;
            fetched.discard();
        }
        done += file.bytes;
    }
    Ok(())
}

/// Throws away what has arrived of files that are not complete.
pub fn forget(network: &Network, folder: &Path, files: &[Published]) {
    for file in files {
        partial::forget(&folder.join(PARTS), &address(network, file));
    }
}

/// Moves a complete file to its place.
fn put(from: &Path, to: &Path) -> Result<(), Error> {
    let moved = to.parent().map_or(Ok(()), fs::create_dir_all);
    let moved = moved.and_then(|()| fs::rename(from, to));
    moved.map_err(Error::unwritable(to))
}

/// Where a file can be downloaded.
fn address(network: &Network, file: &Published) -> Url {
    network.file_in(&file.repository, &file.revision, &file.path)
}

/// The page of the repository of a file, where a licence can be accepted.
pub fn page(file: &Published) -> String {
    format!("https://huggingface.co/{}", file.repository)
}

/// Where a file lies among `paths`: one of the same name and length, which need not be downloaded again.
pub fn held_in<'a>(paths: &'a [PathBuf], file: &Published) -> Option<&'a PathBuf> {
    let name = Path::new(&file.path).file_name();
    let is_as_long = |path: &Path| fs::metadata(path).is_ok_and(|data| data.len() == file.bytes);
    let mut paths = paths.iter();
    paths.find(|path| path.file_name() == name && is_as_long(path))
}
