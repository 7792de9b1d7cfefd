//! Room on the disk.

use std::path::Path;

use fs4::available_space;

use crate::weights::error::Error;
use crate::weights::text;

/// Bytes that are free on the disk of a folder, which may not be there yet; `None` where the platform does not tell.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.is_dir())?;
    available_space(there).ok()
}

/// Says whether the disk of a folder has room for so many bytes more and keeps `spare` bytes; `purpose` is a part of the
/// sentence that says it has not.
///
/// # Errors
/// When it has not.
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
    Err(Error::Refused(text::no_room(purpose, bytes, free)))
}
