//! Headers of safetensors files. <https://github.com/huggingface/safetensors/blob/v0.5.0/README.md#format>

use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, Metadata, SafeTensors};

use crate::weights::header::{Entry, Format, Header};

/// Parses a header. The parser checks that every tensor lies inside the file and fits its shape.
///
/// # Errors
/// See [`Header::parse`].
pub(super) fn parse(bytes: &[u8]) -> Result<Header, String> {
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
    Ok(of(&metadata, data_start))
}

fn of(metadata: &Metadata, data_start: usize) -> Header {
    let tensors = metadata.tensors().into_iter().map(|(name, info)| {
        let (start, end) = info.data_offsets;
        let entry = Entry {
            format: format_of(info.dtype),
            shape: info.shape.clone(),
            range: data_start + start..data_start + end,
        };
        (name, entry)
    });
    Header {
        tensors: tensors.collect(),
        notes: metadata.metadata().clone().unwrap_or_default(),
    }
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
