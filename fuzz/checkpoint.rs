//! Any bytes as the file of a model: what is said of it, never a panic or an outsized allocation.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use flux_qfaces::weights::survey::candidate::Candidate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path = PATH
        .get_or_init(|| std::env::temp_dir().join(format!("fuzz-{}.gguf", std::process::id())));
    fs::write(path, bytes).expect("a temporary file can be written");
    if let Ok(candidate) = Candidate::look(&[path.clone()]) {
        let _ = candidate.obstacle();
    }
});
