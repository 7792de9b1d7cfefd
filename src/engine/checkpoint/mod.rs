//! One view of a model's tensors by our names, whatever the files call them and however they write numbers.
//!
//! [`Component`] is one part of a model (transformer, VAE, a text encoder): its tensor files. [`Weights`] is a place inside
//! it, such as `double_blocks.3.img_attn`, from which layers are built.

pub mod diffusers;
pub(crate) mod extent;
pub(crate) mod file;
pub(crate) mod matrix;
pub mod naming;

use std::fmt::Display;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use serde::de::DeserializeOwned;

use crate::engine::Error;
use crate::engine::checkpoint::file::TensorFile;
use crate::engine::checkpoint::matrix::{Matrix, Stored};
use crate::engine::checkpoint::naming::Naming;
use crate::engine::device::Hardware;
use crate::engine::lora::slots::{Slot, Slots};
use crate::schema::request::Request;
use crate::weights::bytes::Piece;
use crate::weights::header::{Entry, Header};
use crate::weights::inspect::{Names, Part};
use crate::weights::model::ModelSource;

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

/// How the matrices of a part are multiplied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// As precisely as the file has them.
    #[default]
    Stored,
    /// Those of the transformer's blocks in 8 bits, where the file has more: `go_fast`.
    EightBit,
}

impl Precision {
    /// The precision of a job.
    pub fn of(request: &Request) -> Self {
        if request.go_fast {
            Self::EightBit
        } else {
            Self::Stored
        }
    }
}

/// What fp8 files write beside a weight: the number that it is to be multiplied by. ComfyUI's first, then what others call
/// it. <https://github.com/comfyanonymous/ComfyUI/blob/v0.3.30/comfy/ops.py> (`scaled_fp8_ops`)
const SCALES: [&str; 2] = ["scale_weight", "weight_scale"];

impl Component {
    /// Opens the part in `folder` of a model, one file or several. No tensor is read yet.
    ///
    /// # Errors
    /// When a file is missing, or is no file of tensors.
    pub fn open(
        model: &ModelSource,
        part: Part,
        folder: &str,
        hardware: &Hardware,
    ) -> Result<Self, Error> {
        let files = model
            .tensors(folder)
            .map_err(|error| Error::Checkpoint(error.to_string()))?;
        let files = files
            .into_iter()
            .map(|(name, contents)| TensorFile::parse(name, contents))
            .collect::<Result<Vec<_>, _>>()?;
        let mut header = Header::default();
        for file in &files {
            header.tensors.extend(file.header().tensors.clone());
        }
        Ok(Self {
            folder: folder.to_owned(),
            place: model.place(),
            naming: Naming::of(part, &header),
            files,
            slots: Slots::default(),
            hardware: hardware.clone(),
        })
    }

    /// Where LoRAs act on the layers that are built of it.
    pub fn slots(&self) -> Slots {
        self.slots.clone()
    }

    /// Whose names its files have.
    pub fn names(&self) -> Names {
        self.naming.names()
    }

    /// The root of its tensors.
    pub fn weights(self) -> Weights {
        Weights {
            component: Arc::new(self),
            prefix: String::new(),
            precision: Precision::Stored,
        }
    }

    /// Reads the tensor of our name `name` in the computation's precision.
    fn read(&self, name: &str) -> Result<Tensor, Error> {
        let source = self.naming.source(name);
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
        let file = self.file_of(part)?;
        let tensor = file.read(part, &self.hardware)?;
        match self.scale_of(part)? {
            None => Ok(tensor),
            Some(scale) => Ok((tensor * scale)?),
        }
    }

    /// The file that holds a tensor.
    fn file_of(&self, part: &str) -> Result<&TensorFile, Error> {
        let found = self.files.iter().find(|file| file.contains(part));
        found.ok_or_else(|| {
            Error::Checkpoint(format!(
                "{} of {} lacks the tensor {part}",
                self.folder, self.place
            ))
        })
    }

    /// What a weight is to be multiplied by, if its file says so.
    fn scale_of(&self, part: &str) -> Result<Option<f64>, Error> {
        let Some(layer) = part.strip_suffix("weight") else {
            return Ok(None);
        };
        for name in SCALES.map(|scale| format!("{layer}{scale}")) {
            let Some(file) = self.files.iter().find(|file| file.contains(&name)) else {
                continue;
            };
            let scale = file.scalar(&name);
            return scale.map(Some).ok_or_else(|| {
                Error::Checkpoint(format!(
                    "{} scales its weights in a way that is not known here: {name} is not one number",
                    file.name()
                ))
            });
        }
        Ok(None)
    }

    /// The matrix of our name `name`.
    fn matrix(&self, name: &str, precision: Precision) -> Result<Matrix, Error> {
        let source = self.naming.source(name);
        let mut stored = Vec::new();
        let mut input = None;
        for part in &source.parts {
            let file = self.file_of(part)?;
            let (entry, bytes) = file.piece(part)?;
            let (rows, columns) = two_sides(entry, source.is_convolution).ok_or_else(|| {
                Error::Checkpoint(format!(
                    "the tensor {part} in {} has the shape {:?}, but it must be a matrix",
                    file.name(),
                    entry.shape
                ))
            })?;
            if *input.get_or_insert(columns) != columns {
                return Err(Error::Checkpoint(format!(
                    "the tensor {part} in {} has {columns} columns, and those beside it another number",
                    file.name()
                )));
            }
            stored.push(Stored {
                bytes,
                format: entry.format,
                scale: self.scale_of(part)?.unwrap_or(1.0) as f32,
                rows,
            });
        }
        if source.halves_swapped {
            stored = swapped(stored, self.file_of(&source.parts[0])?, &source.parts[0])?;
        }
        let in_block = name.starts_with("double_blocks.") || name.starts_with("single_blocks.");
        if precision == Precision::EightBit && in_block {
            stored = stored.into_iter().map(Stored::in_eight_bits).collect();
        }
        Ok(Matrix::of_stored(
            stored,
            input.unwrap_or_default(),
            &self.hardware,
        )?)
    }

    /// The shape of our tensor `name`, from the headers; `None` when a part of it is missing.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let source = self.naming.source(name);
        let mut whole: Option<Vec<usize>> = None;
        for part in &source.parts {
            let entry = self
                .files
                .iter()
                .find_map(|file| file.header().tensors.get(part))?;
            let shape = match two_sides(entry, source.is_convolution) {
                Some((rows, columns)) => vec![rows, columns],
                None => entry.shape.clone(),
            };
            match &mut whole {
                None => whole = Some(shape),
                Some(whole) => *whole.first_mut()? += shape.first()?,
            }
        }
        whole
    }

    /// The shape of our tensor `name`, which must be there.
    ///
    /// # Errors
    /// When it is missing.
    pub fn required_shape(&self, name: &str) -> Result<Vec<usize>, Error> {
        self.shape(name).ok_or_else(|| {
            Error::Checkpoint(format!(
                "{} of {} lacks the tensor {}",
                self.folder,
                self.place,
                self.naming.source(name).parts.join(" and ")
            ))
        })
    }

    /// Whether every part of our tensor `name` is there.
    pub fn has(&self, name: &str) -> bool {
        let source = self.naming.source(name);
        source
            .parts
            .iter()
            .all(|part| self.files.iter().any(|file| file.contains(part)))
    }

    /// How many blocks there are whose tensors' names begin with `kind`, a number and what stands in `tensor`.
    pub fn count(&self, kind: &str, tensor: &str) -> usize {
        let has = |i: &usize| self.has(&format!("{kind}.{i}.{tensor}"));
        (0..MAX_WIDTH).take_while(has).count()
    }
}

/// Rows and columns of a matrix, or of a convolution with a kernel of one place where that is expected.
fn two_sides(entry: &Entry, is_convolution: bool) -> Option<(usize, usize)> {
    match *entry.shape.as_slice() {
        [rows, columns] => Some((rows, columns)),
        [rows, columns, 1, 1] if is_convolution => Some((rows, columns)),
        _ => None,
    }
}

/// The two halves of a matrix's rows the other way round.
fn swapped(stored: Vec<Stored>, file: &TensorFile, name: &str) -> Result<Vec<Stored>, Error> {
    let mut halves = Vec::new();
    for whole in stored {
        let rows = whole.rows / 2;
        let middle = whole.bytes.len() / 2;
        if whole.rows % 2 != 0 {
            return Err(Error::Checkpoint(format!(
                "the tensor {name} in {} has {} rows, which are no two halves",
                file.name(),
                whole.rows
            )));
        }
        for bytes in [&whole.bytes[middle..], &whole.bytes[..middle]] {
            // Copied: it is one small layer.
            halves.push(Stored {
                bytes: Piece::Owned(bytes.into()),
                rows,
                ..whole
            });
        }
    }
    Ok(halves)
}

/// A place in a component from which layers are built.
#[derive(Clone)]
pub struct Weights {
    component: Arc<Component>,
    prefix: String,
    precision: Precision,
}

impl Weights {
    /// The place `part` below this one.
    #[must_use]
    pub fn at(&self, part: impl Display) -> Self {
        Self {
            component: Arc::clone(&self.component),
            prefix: self.name(part),
            precision: self.precision,
        }
    }

    /// The same place with its matrices in another precision.
    #[must_use]
    pub fn in_precision(&self, precision: Precision) -> Self {
        Self {
            precision,
            ..self.clone()
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
        Err(self.wrong_shape(name, tensor.dims(), shape))
    }

    /// The matrix `name`, whatever its sides.
    ///
    /// # Errors
    /// When it is missing, cannot be read, or is no matrix.
    pub(crate) fn any_matrix(&self, name: &str) -> Result<Matrix, Error> {
        self.component.matrix(&self.name(name), self.precision)
    }

    /// The matrix `name`, which must have the shape `(output, input)`.
    ///
    /// # Errors
    /// As [`Self::any_matrix`], and when it has another shape.
    pub(crate) fn matrix(
        &self,
        name: &str,
        (output, input): (usize, usize),
    ) -> Result<Matrix, Error> {
        let matrix = self.any_matrix(name)?;
        if (matrix.output(), matrix.input()) == (output, input) {
            return Ok(matrix);
        }
        Err(self.wrong_shape(name, &[matrix.output(), matrix.input()], &[output, input]))
    }

    /// What is said of a tensor with an unexpected shape.
    fn wrong_shape(&self, name: &str, found: &[usize], wanted: &[usize]) -> Error {
        let Component { folder, place, .. } = self.component.as_ref();
        let name = self.name(name);
        Error::Checkpoint(format!(
            "the tensor {name} in {folder} of {place} has the shape {found:?}, not {wanted:?}"
        ))
    }

    /// The shape of the tensor `name`, from the headers; `None` when it is missing.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.component.shape(&self.name(name))
    }

    /// What tensors are read for.
    pub(crate) fn hardware(&self) -> &Hardware {
        &self.component.hardware
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

/// The configuration of a part: the file `name`, which folders in the layout of diffusers must have, or elsewhere what
/// `of_tensors` tells where there is none.
///
/// # Errors
/// When it is missing where it must be, or lacks a field; those of `of_tensors`.
pub fn read_config<T: DeserializeOwned>(
    model: &ModelSource,
    name: &str,
    of_tensors: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    match model.assembled() {
        None => read_json(model, name),
        Some(_) => match read_json_if_there(model, name)? {
            Some(beside) => Ok(beside),
            None => of_tensors(),
        },
    }
}

/// Reads a JSON file of a model, if it is there.
///
/// # Errors
/// When it lacks a field that must be there.
pub fn read_json_if_there<T: DeserializeOwned>(
    model: &ModelSource,
    name: &str,
) -> Result<Option<T>, Error> {
    let found = model
        .find(name)
        .map_err(|error| Error::Checkpoint(error.to_string()))?;
    found.map(|_| read_json(model, name)).transpose()
}
