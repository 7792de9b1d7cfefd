//! One file of tensors, read from the memory map.

use std::collections::HashMap;

use crate::engine::compute::array::Array;
use crate::engine::compute::cpu::decode::decode;
use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::stored;
use crate::engine::error::{Error, Result};
use crate::weights::bytes::{Contents, Piece};
use crate::weights::header::{Entry, Format, Header};

/// One file with its parsed header.
pub(crate) struct TensorFile {
    /// What it is called, for messages.
    pub(super) name: String,
    contents: Contents,
    pub(super) header: Header,
}

impl TensorFile {
    /// Parses the header. The parser checks that every tensor lies inside the file and fits its shape.
    pub(crate) fn parse(name: String, contents: Contents) -> Result<Self> {
        let header = Header::parse(&contents)
            .map_err(|reason| Error::Checkpoint(format!("{name} {reason}")))?;
        Ok(Self {
            name,
            contents,
            header,
        })
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
    pub(super) fn piece(&self, tensor: &str) -> Result<(&Entry, Piece)> {
        let name = &self.name;
        let Some(entry) = self.header.tensors.get(tensor) else {
            let sentence = format!("{name} lacks the tensor {tensor}, or is cut short");
            return Err(Error::Checkpoint(sentence));
        };
        if !entry.format.is_readable() {
            let format = entry.format.label();
            let what = format!("has the number format {format}, which cannot be read");
            return self.wrong(tensor, &what);
        }
        let piece = self.contents.piece(entry.range.clone());
        let failed = |error| Error::Checkpoint(format!("{name} cannot be read ({error})"));
        Ok((entry, piece.map_err(failed)?))
    }

    /// What is said of a tensor that cannot be used.
    pub(super) fn wrong<T>(&self, tensor: &str, what: &str) -> Result<T> {
        let name = &self.name;
        Err(Error::Checkpoint(format!(
            "the tensor {tensor} in {name} {what}"
        )))
    }

    /// Reads a tensor into the computation's precision.
    pub(crate) fn read(&self, tensor: &str, hardware: &Hardware) -> Result<Array> {
        let (entry, piece) = self.piece(tensor)?;
        stored::array(entry.format, &piece, &entry.shape, hardware)
    }
}
