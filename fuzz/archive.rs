//! Any bytes as an archive with a LoRA in it: an error or a file, never a panic, an outsized allocation or a file elsewhere.

#![no_main]

use std::io::{Seek, SeekFrom, Write};

use flux_qfaces::weights::archive::extract;
use flux_qfaces::weights::error::Error;
use libfuzzer_sys::fuzz_target;

/// The most bytes that are unpacked: enough for every branch, little enough for the disk.
const MOST_BYTES: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let mut archive = tempfile::tempfile().expect("a temporary file can be made");
    archive
        .write_all(bytes)
        .expect("a temporary file can be written");
    archive
        .seek(SeekFrom::Start(0))
        .expect("a file can be read from its start");
    let mut target = tempfile::tempfile().expect("a temporary file can be made");
    let _ = extract(archive, &mut target, &|written| {
        if written > MOST_BYTES {
            return Err(Error::Cancelled);
        }
        Ok(())
    });
});
