//! One file of tensors, read from the memory map.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use crate::engine::Error;
use crate::engine::device::Hardware;
use crate::engine::kernels::decode::decode;
use crate::weights::bytes::{Contents, Piece};
use crate::weights::header::{Entry, Format, Header};

/// One file with its parsed header.
pub(crate) struct TensorFile {
    name: String,
    contents: Contents,
    header: Header,
}

impl TensorFile {
    /// Parses the header. The parser checks that every tensor lies inside the file and fits its shape.
    pub(crate) fn parse(name: String, contents: Contents) -> Result<Self, Error> {
        let header = Header::parse(&contents)
            .map_err(|reason| Error::Checkpoint(format!("{name} {reason}")))?;
        Ok(Self {
            name,
            contents,
            header,
        })
    }

    /// What it is called, for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its header.
    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// The names of its tensors.
    pub(crate) fn names(&self) -> Vec<String> {
        self.header.tensors.keys().cloned().collect()
    }

    /// What stands in its header besides the tensors.
    pub(crate) fn notes(&self) -> &HashMap<String, String> {
        &self.header.notes
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, tensor: &str) -> Option<&[usize]> {
        Some(&self.header.tensors.get(tensor)?.shape)
    }

    /// Whether a tensor's numbers can be read.
    pub(crate) fn is_readable(&self, tensor: &str) -> bool {
        let entry = self.header.tensors.get(tensor);
        entry.is_some_and(|entry| entry.format.is_readable())
    }

    /// Whether it holds the tensor.
    pub(super) fn contains(&self, tensor: &str) -> bool {
        self.header.tensors.contains_key(tensor)
    }

    /// The value of a tensor of one number, which may be a whole one.
    pub(crate) fn scalar(&self, tensor: &str) -> Option<f64> {
        let entry = self.header.tensors.get(tensor)?;
        let bytes = self.contents.get(entry.range.clone())?;
        match entry.format {
            Format::I64 => Some(i64::from_le_bytes(bytes.try_into().ok()?) as f64),
            Format::I32 => Some(i32::from_le_bytes(bytes.try_into().ok()?).into()),
            Format::I16 => Some(i16::from_le_bytes(bytes.try_into().ok()?).into()),
            format => {
                let mut number = [0.0];
                decode(format, bytes, &mut number).then(|| number[0].into())
            }
        }
    }

    /// A tensor's place and its bytes, with a map of their own.
    pub(super) fn piece(&self, tensor: &str) -> Result<(&Entry, Piece), Error> {
        let lacking = || {
            Error::Checkpoint(format!(
                "{} lacks the tensor {tensor}, or is cut short",
                self.name
            ))
        };
        let entry = self.header.tensors.get(tensor).ok_or_else(lacking)?;
        if !entry.format.is_readable() {
            return Err(Error::Checkpoint(format!(
                "the tensor {tensor} in {} has the number format {}, which cannot be read",
                self.name,
                entry.format.label()
            )));
        }
        let piece = self.contents.piece(entry.range.clone());
        let piece = piece.map_err(|error| {
            Error::Checkpoint(format!("{} cannot be read ({error})", self.name))
        })?;
        Ok((entry, piece))
    }

    /// Reads a tensor into the computation's precision.
    pub(crate) fn read(&self, tensor: &str, hardware: &Hardware) -> Result<Tensor, Error> {
        let (entry, piece) = self.piece(tensor)?;
        Ok(to_tensor(entry.format, &piece, &entry.shape, hardware)?)
    }
}

/// Numbers of a format as a tensor in the computation's precision.
pub(super) fn to_tensor(
    format: Format,
    bytes: &[u8],
    shape: &[usize],
    hardware: &Hardware,
) -> candle_core::Result<Tensor> {
    let Hardware { device, dtype } = hardware;
    if let Some(native) = native(format) {
        return Tensor::from_raw_buffer(bytes, native, shape, device)?.to_dtype(*dtype);
    }
    let mut numbers = vec![0.0; shape.iter().product()];
    if !decode(format, bytes, &mut numbers) {
        candle_core::bail!("{} bytes are not a tensor of {shape:?}", bytes.len());
    }
    // Narrowed before it goes to the device, where memory is scarcer.
    Tensor::from_vec(numbers, shape, &Device::Cpu)?
        .to_dtype(*dtype)?
        .to_device(device)
}

/// The tensor library's own name of a format, where it has it.
pub(super) fn native(format: Format) -> Option<DType> {
    Some(match format {
        Format::F64 => DType::F64,
        Format::F32 => DType::F32,
        Format::F16 => DType::F16,
        Format::BF16 => DType::BF16,
        Format::F8E4M3 => DType::F8E4M3,
        _ => return None,
    })
}
