//! Which kind of file a header is of.

use crate::weights::header::{Header, gguf, safetensors};

impl Header {
    /// Parses the header of a safetensors or GGUF file.
    ///
    /// # Errors
    /// What is wrong with the file, or what it is instead: the rest of a sentence that begins with the file's name.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.starts_with(gguf::MAGIC) {
            return gguf::parse(bytes);
        }
        // What begins a file may also be the length of a header, so only a file that is none is looked at closer.
        safetensors::parse(bytes).map_err(|error| match what_else(bytes) {
            Some(other) => format!("is {other}"),
            None => error,
        })
    }
}

/// What a file is that is often taken for a file of weights.
pub(in crate::weights) fn what_else(contents: &[u8]) -> Option<&'static str> {
    let start = contents.get(..contents.len().min(256)).unwrap_or_default();
    let text = String::from_utf8_lossy(start).trim_start().to_lowercase();
    if start.is_empty() {
        return Some("empty");
    }
    let kind = match start {
        [b'P', b'K', ..] => "a zip or PyTorch file, which is not safe to open",
        [0x80, 2..=5, ..] => "a pickle file, which is not safe to open",
        [b'G', b'G', b'U', b'F', ..] => "a GGUF file",
        _ if text.starts_with("<!doctype") || text.starts_with("<html") => "a web page",
        _ if text.starts_with("version https://git-lfs") => {
            "a pointer of Git LFS and not the file itself: fetch it with `git lfs pull`"
        }
        _ => return None,
    };
    Some(kind)
}
