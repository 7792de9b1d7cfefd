//! Safetensors files, one or several to a component, read from the memory map.

use std::collections::HashMap;

use candle_core::{DType, Tensor};
use safetensors::tensor::{Dtype, Metadata, SafeTensors};
use serde_json::Value;

use crate::engine::Error;
use crate::engine::device::Hardware;
use crate::weights::{Contents, ModelSource};

/// Names of an unsharded file and of the index of a sharded one: diffusers' models, then transformers'.
const STEMS: [&str; 2] = ["diffusion_pytorch_model.safetensors", "model.safetensors"];

/// One file with its parsed header.
pub(crate) struct TensorFile {
    name: String,
    contents: Contents,
    metadata: Metadata,
    /// Where the tensors' bytes begin.
    data_start: usize,
}

/// Opens every tensor file of a component's folder.
pub(super) fn open_all(model: &ModelSource, folder: &str) -> Result<Vec<TensorFile>, Error> {
    let failed = |error: crate::weights::Error| Error::Checkpoint(error.to_string());
    for stem in STEMS {
        let name = format!("{folder}/{stem}");
        if let Some(contents) = model.find(&name).map_err(failed)? {
            return Ok(vec![TensorFile::parse(name, contents)?]);
        }
        let index_name = format!("{name}.index.json");
        if model.find(&index_name).map_err(failed)?.is_some() {
            let shards = shard_names(&super::read_json(model, &index_name)?);
            let shards = shards.ok_or_else(|| {
                Error::Checkpoint(format!("{index_name} has no weight_map of file names"))
            })?;
            return shards
                .into_iter()
                .map(|shard| {
                    let name = format!("{folder}/{shard}");
                    let contents = model.read(&name).map_err(failed)?;
                    TensorFile::parse(name, contents)
                })
                .collect();
        }
    }
    let place = model.place();
    Err(Error::Checkpoint(format!(
        "{folder} of {place} has neither {} nor {} nor an index of them",
        STEMS[0], STEMS[1]
    )))
}

/// The distinct file names in a shard index; `None` when it is malformed or would lead out of the folder.
fn shard_names(index: &Value) -> Option<Vec<String>> {
    let map = index.get("weight_map")?.as_object()?;
    let mut names = map
        .values()
        .map(|name| name.as_str().map(str::to_owned))
        .collect::<Option<Vec<_>>>()?;
    names.sort();
    names.dedup();
    let stays_inside = |name: &String| !name.contains(['/', '\\']) && name != "..";
    names.iter().all(stays_inside).then_some(names)
}

impl TensorFile {
    /// Parses the header. The parser checks that every tensor lies inside the file and fits its shape.
    pub(crate) fn parse(name: String, contents: Contents) -> Result<Self, Error> {
        let damaged = |error| {
            Error::Checkpoint(format!(
                "{name} is damaged, or no safetensors file: {error}"
            ))
        };
        let (header, metadata) = SafeTensors::read_metadata(&contents).map_err(damaged)?;
        Ok(Self {
            name,
            contents,
            metadata,
            data_start: header + size_of::<u64>(),
        })
    }

    /// The names of its tensors.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = self.metadata.offset_keys();
        names.sort();
        names
    }

    /// What stands in its header besides the tensors.
    pub(crate) fn notes(&self) -> HashMap<String, String> {
        self.metadata.metadata().clone().unwrap_or_default()
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, tensor: &str) -> Option<&[usize]> {
        Some(&self.metadata.info(tensor)?.shape)
    }

    /// Whether a tensor's numbers can be read.
    pub(crate) fn is_readable(&self, tensor: &str) -> bool {
        let info = self.metadata.info(tensor);
        info.is_some_and(|info| dtype_of(info.dtype).is_some())
    }

    /// Whether it holds the tensor.
    pub(super) fn contains(&self, tensor: &str) -> bool {
        self.metadata.info(tensor).is_some()
    }

    /// The value of a tensor of one number, which may be a whole one.
    pub(crate) fn scalar(&self, tensor: &str) -> Option<f64> {
        let info = self.metadata.info(tensor)?;
        let (start, end) = info.data_offsets;
        let bytes = self
            .contents
            .get(self.data_start + start..self.data_start + end)?;
        match info.dtype {
            Dtype::I64 => Some(i64::from_le_bytes(bytes.try_into().ok()?) as f64),
            Dtype::I32 => Some(i32::from_le_bytes(bytes.try_into().ok()?).into()),
            Dtype::I16 => Some(i16::from_le_bytes(bytes.try_into().ok()?).into()),
            _ => {
                let tensor = self.read(tensor, &Hardware::cpu()).ok()?;
                let number = tensor.flatten_all().ok()?.to_vec1::<f32>().ok()?;
                match *number.as_slice() {
                    [number] => Some(number.into()),
                    _ => None,
                }
            }
        }
    }

    /// Reads a tensor into the computation's precision.
    pub(crate) fn read(&self, tensor: &str, hardware: &Hardware) -> Result<Tensor, Error> {
        let lacking = || {
            Error::Checkpoint(format!(
                "{} lacks the tensor {tensor}, or is cut short",
                self.name
            ))
        };
        let info = self.metadata.info(tensor).ok_or_else(lacking)?;
        let (start, end) = info.data_offsets;
        let bytes = self
            .contents
            .get(self.data_start + start..self.data_start + end)
            .ok_or_else(lacking)?;
        let dtype = dtype_of(info.dtype).ok_or_else(|| {
            Error::Checkpoint(format!(
                "the tensor {tensor} in {} has the number format {:?}, which cannot be read",
                self.name, info.dtype
            ))
        })?;
        let tensor = Tensor::from_raw_buffer(bytes, dtype, &info.shape, &hardware.device)?;
        Ok(tensor.to_dtype(hardware.dtype)?)
    }
}

/// The computation's name of a number format; `None` where it cannot be read.
fn dtype_of(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F64 => DType::F64,
        Dtype::F8_E4M3 => DType::F8E4M3,
        _ => return None,
    })
}
