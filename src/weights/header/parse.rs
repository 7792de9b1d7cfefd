//! Which kind of file a header is of, and headers of safetensors files.
//! <https://github.com/huggingface/safetensors/blob/v0.5.0/README.md#format>

use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, SafeTensors};

use crate::weights::header::{Entry, Format, Header, gguf};

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
        let other = |error| what_else(bytes).map_or(error, |other| format!("is {other}"));
        safetensors(bytes).map_err(other)
    }
}

/// Parses the header of a safetensors file. The parser checks that every tensor lies inside the file and fits its shape.
fn safetensors(bytes: &[u8]) -> Result<Header, String> {
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| match error {
        SafeTensorError::MetadataIncompleteBuffer
        | SafeTensorError::InvalidHeaderLength
        | SafeTensorError::HeaderTooSmall => {
            "is cut short, or longer than its header says: its download or copy has to be completed"
                .to_owned()
        }
        _ => format!("is damaged, or no safetensors file: {error}"),
    })?;
    let data_start = header + size_of::<u64>();
    let tensors = metadata.tensors().into_iter().map(|(name, info)| {
        let (start, end) = info.data_offsets;
        let entry = Entry {
            format: format_of(info.dtype),
            shape: info.shape.clone(),
            range: data_start + start..data_start + end,
        };
        (name, entry)
    });
    Ok(Header {
        tensors: tensors.collect(),
        notes: metadata.metadata().clone().unwrap_or_default(),
    })
}

fn format_of(dtype: Dtype) -> Format {
    match dtype {
        Dtype::F64 => Format::F64,
        Dtype::F32 => Format::F32,
        Dtype::F16 => Format::F16,
        Dtype::BF16 => Format::BF16,
        Dtype::F8_E4M3 => Format::F8E4M3,
        Dtype::F8_E5M2 => Format::F8E5M2,
        Dtype::I64 => Format::I64,
        Dtype::I32 => Format::I32,
        Dtype::I16 => Format::I16,
        Dtype::U8 => Format::U8,
        Dtype::I8 => Format::Other("i8"),
        Dtype::U16 => Format::Other("u16"),
        Dtype::U32 => Format::Other("u32"),
        Dtype::U64 => Format::Other("u64"),
        Dtype::BOOL => Format::Other("bool"),
        Dtype::C64 => Format::Other("c64"),
        Dtype::F4 => Format::Other("fp4"),
        Dtype::F8_E8M0 => Format::Other("fp8 (e8m0)"),
        _ => Format::Other("of an unknown kind"),
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
