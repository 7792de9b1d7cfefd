//! Comparing with other implementations: noise that comes from a file, and intermediate tensors that go into one.

use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::error::{Error, Result};
use crate::engine::tensors::file::TensorFile;
use crate::weights::bytes::Contents;

/// The tensor in a noise file.
const NOISE: &str = "noise";

/// What a job takes from outside and gives away for comparison; nothing of either by default.
#[derive(Default)]
pub struct Probe {
    /// Used in place of the seed's noise.
    pub noise: Option<Noise>,
    /// Filled with intermediate tensors.
    pub dump: Option<Dump>,
}

impl Probe {
    /// Forgets what a run has filled in, before another one.
    pub(super) fn restart(&mut self) {
        if let Some(dump) = &mut self.dump {
            *dump = Dump::default();
        }
    }
}

/// Noise from a file.
#[derive(Clone, Debug)]
pub struct Noise(Array);

impl Noise {
    /// Reads the tensor `noise`, `(n, c, h/8, w/8)`, from a safetensors file.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no such tensor.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |reason: &dyn std::fmt::Display| {
            Error::File(format!(
                "the noise cannot be read ({reason}): {}",
                path.display()
            ))
        };
        let contents = Contents::open(path).map_err(|error| failed(&error))?;
        let file = TensorFile::parse("the file".to_owned(), contents);
        let file = file.map_err(|error| failed(&error))?;
        if file.shape(NOISE).is_none() {
            return Err(failed(&"it has no tensor called noise"));
        }
        Ok(Self(file.read(NOISE, &Hardware::cpu())?))
    }

    /// The noise for a job of this shape.
    ///
    /// # Errors
    /// When it has another shape.
    pub(super) fn for_shape(&self, shape: [usize; 4]) -> Result<Array> {
        if self.0.dims() == shape {
            return Ok(self.0.clone());
        }
        let found = self.0.dims();
        Err(Error::File(format!(
            "the noise has the shape {found:?}, but this job needs {shape:?}"
        )))
    }
}

/// Intermediate tensors of a job, all f32.
#[derive(Default)]
pub struct Dump {
    tensors: Vec<(String, Array)>,
    /// The latents of each picture, step by step.
    latents: Vec<Vec<Array>>,
    pictures: Vec<Array>,
}

impl Dump {
    /// Keeps a tensor.
    pub(super) fn keep(&mut self, name: &str, tensor: &Array) {
        self.tensors.push((name.to_owned(), tensor.clone()));
    }

    /// Keeps the latents of one picture, from before step 0 to after the last, each `(1, c, h/8, w/8)`.
    pub(super) fn keep_latents(&mut self, steps: Vec<Array>) {
        self.latents.push(steps);
    }

    /// Keeps a finished picture, `(1, 3, h, w)`.
    pub(super) fn keep_picture(&mut self, picture: &Array) {
        self.pictures.push(picture.clone());
    }

    /// Every tensor with its name, those of several pictures put together.
    ///
    /// # Errors
    /// Those of the computation.
    pub fn tensors(&self) -> Result<Vec<(String, Array)>> {
        let mut tensors = self.tensors.clone();
        let steps = self.latents.first().map_or(0, Vec::len);
        for step in 0..steps {
            let pictures = self.latents.iter();
            let batch: Vec<_> = pictures.filter_map(|picture| picture.get(step)).collect();
            tensors.push((format!("latents_{step}"), Array::cat(&batch, 0)?));
        }
        if !self.pictures.is_empty() {
            tensors.push(("image".to_owned(), Array::cat(&self.pictures, 0)?));
        }
        Ok(tensors)
    }

    /// Everything as a safetensors file.
    ///
    /// # Errors
    /// Those of the computation.
    pub fn to_file(&self) -> Result<Vec<u8>> {
        let tensors = self.tensors()?;
        let bytes = tensors.iter().map(|(name, tensor)| {
            let numbers = tensor.to_vec()?.into_iter();
            let bytes: Vec<u8> = numbers.flat_map(f32::to_le_bytes).collect();
            Ok((name, tensor.dims().to_vec(), bytes))
        });
        let bytes = bytes.collect::<Result<Vec<_>>>()?;
        let failed = |error: safetensors::SafeTensorError| {
            Error::File(format!("the tensors cannot be written: {error}"))
        };
        let views = bytes.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
            Ok((*name, view.map_err(failed)?))
        });
        safetensors::serialize(views.collect::<Result<Vec<_>>>()?, None).map_err(failed)
    }
}
