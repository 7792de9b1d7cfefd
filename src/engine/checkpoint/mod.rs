//! One view of a model's tensors by our names, whatever the files call them.
//!
//! [`Component`] is one part of a model (transformer, VAE, a text encoder): its configuration and its tensor files.
//! [`Weights`] is a place inside it, such as `double_blocks.3.img_attn`, from which layers are built.

pub mod diffusers;
pub(crate) mod safetensors;

use std::fmt::Display;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use serde::de::DeserializeOwned;

use crate::engine::Error;
use crate::engine::checkpoint::safetensors::TensorFile;
use crate::engine::device::Hardware;
use crate::engine::lora::slots::{Slot, Slots};
use crate::weights::ModelSource;

/// One part of a model: the tensors of all its files.
pub struct Component {
    /// Its folder in the model.
    folder: String,
    /// Where the model is, for messages.
    place: String,
    files: Vec<TensorFile>,
    /// Which of the files' tensors make up one of ours.
    naming: Naming,
    /// Where LoRAs act on its layers.
    slots: Slots,
    hardware: Hardware,
}

/// How our names become the files' names.
pub type Naming = fn(&str) -> Source;

/// The tensors of a file that make up one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Names in the file. Several are put below one another along the first dimension.
    pub parts: Vec<String>,
    /// Whether the two halves of the first dimension stand the other way round in the file.
    pub halves_swapped: bool,
}

impl Source {
    /// The tensor of the same name.
    pub fn same(name: &str) -> Self {
        Self {
            parts: vec![name.to_owned()],
            halves_swapped: false,
        }
    }
}

impl Component {
    /// Opens the part in `folder` of a diffusers-layout model, sharded or not. No tensor is read yet.
    ///
    /// # Errors
    /// When a file is missing, or is no safetensors file.
    pub fn open(
        model: &ModelSource,
        folder: &str,
        naming: Naming,
        hardware: &Hardware,
    ) -> Result<Self, Error> {
        let files = safetensors::open_all(model, folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            place: model.place(),
            files,
            naming,
            slots: Slots::default(),
            hardware: hardware.clone(),
        })
    }

    /// Where LoRAs act on the layers that are built of it.
    pub fn slots(&self) -> Slots {
        self.slots.clone()
    }

    /// The root of its tensors.
    pub fn weights(self) -> Weights {
        Weights {
            component: Arc::new(self),
            prefix: String::new(),
        }
    }

    /// Reads the tensor of our name `name` in the computation's precision.
    fn read(&self, name: &str) -> Result<Tensor, Error> {
        let source = (self.naming)(name);
        let parts = source
            .parts
            .iter()
            .map(|part| self.read_part(part))
            .collect::<Result<Vec<_>, _>>()?;
        let tensor = match parts.as_slice() {
            [only] => only.clone(),
            several => Tensor::cat(several, 0)?,
        };
        if source.halves_swapped {
            let halves = tensor.chunk(2, 0)?;
            let swapped: Vec<_> = halves.into_iter().rev().collect();
            return Ok(Tensor::cat(&swapped, 0)?);
        }
        Ok(tensor)
    }

    /// Reads one tensor of the files.
    fn read_part(&self, part: &str) -> Result<Tensor, Error> {
        let Some(file) = self.files.iter().find(|file| file.contains(part)) else {
            return Err(Error::Checkpoint(format!(
                "{} of {} lacks the tensor {part}",
                self.folder, self.place
            )));
        };
        file.read(part, &self.hardware)
    }

    /// The shape of our tensor `name`, from the headers; `None` when a part of it is missing.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let parts = (self.naming)(name).parts;
        let mut whole: Option<Vec<usize>> = None;
        for part in &parts {
            let shape = self.files.iter().find_map(|file| file.shape(part))?;
            match &mut whole {
                None => whole = Some(shape.to_vec()),
                Some(whole) => *whole.first_mut()? += shape.first()?,
            }
        }
        whole
    }

    /// Whether every part of our tensor `name` is there.
    pub fn has(&self, name: &str) -> bool {
        let source = (self.naming)(name);
        source
            .parts
            .iter()
            .all(|part| self.files.iter().any(|file| file.contains(part)))
    }
}

/// A place in a component from which layers are built.
#[derive(Clone)]
pub struct Weights {
    component: Arc<Component>,
    prefix: String,
}

impl Weights {
    /// The place `part` below this one.
    #[must_use]
    pub fn at(&self, part: impl Display) -> Self {
        Self {
            component: Arc::clone(&self.component),
            prefix: self.name(part),
        }
    }

    /// Whether there is a tensor `name` here.
    pub fn has(&self, name: &str) -> bool {
        self.component.has(&self.name(name))
    }

    /// The tensor `name`, of whatever shape it has.
    ///
    /// # Errors
    /// When it is missing, or in a number format that cannot be read.
    pub fn any(&self, name: &str) -> Result<Tensor, Error> {
        self.component.read(&self.name(name))
    }

    /// The tensor `name`, which must have `shape`.
    ///
    /// # Errors
    /// When it is missing, cannot be read, or has another shape.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        let tensor = self.any(name)?;
        if tensor.dims() == shape {
            return Ok(tensor);
        }
        let Component { folder, place, .. } = self.component.as_ref();
        let name = self.name(name);
        let found = tensor.dims();
        Err(Error::Checkpoint(format!(
            "the tensor {name} in {folder} of {place} has the shape {found:?}, not {shape:?}"
        )))
    }

    /// Where LoRAs act on the layer that is built here.
    pub(crate) fn slot(&self) -> Slot {
        self.component.slots.at(&self.prefix)
    }

    /// The device that tensors are read to.
    pub fn device(&self) -> &Device {
        &self.component.hardware.device
    }

    /// The precision that tensors are read in.
    pub fn dtype(&self) -> DType {
        self.component.hardware.dtype
    }

    /// The full name of `name` here.
    fn name(&self, name: impl Display) -> String {
        if self.prefix.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.prefix)
        }
    }
}

/// The most features or channels that a configuration may ask for; real models have thousands. Arithmetic on widths
/// within it cannot overflow.
pub const MAX_WIDTH: usize = 1 << 20;

/// Features of one head when `width` features are divided among `heads`.
///
/// # Errors
/// When that does not come out even. `part` is the part of the model whose configuration says so.
pub fn head_size(part: &str, width: usize, heads: usize) -> Result<usize, Error> {
    if heads > 0 && (1..=MAX_WIDTH).contains(&width) && width.is_multiple_of(heads) {
        return Ok(width / heads);
    }
    let sentence = format!(
        "the configuration of the {part} is inconsistent: {width} features for {heads} heads"
    );
    Err(Error::Checkpoint(sentence))
}

/// Reads a JSON file of a model.
///
/// # Errors
/// When it is missing, or lacks a field that must be there.
pub fn read_json<T: DeserializeOwned>(model: &ModelSource, name: &str) -> Result<T, Error> {
    let contents = model
        .read(name)
        .map_err(|error| Error::Checkpoint(error.to_string()))?;
    serde_json::from_slice(&contents).map_err(|error| {
        Error::Checkpoint(format!(
            "{name} of {} is not what it should be: {error}",
            model.place()
        ))
    })
}
