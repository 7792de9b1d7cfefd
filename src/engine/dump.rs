//! Comparing with other implementations: noise that comes from a file, and intermediate tensors that go into one.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, TensorView};

use crate::engine::Error;

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
pub struct Noise(Tensor);

impl Noise {
    /// Reads the tensor `noise`, `(n, c, h/8, w/8)`, from a safetensors file.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no such tensor.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |reason: &dyn std::fmt::Display| {
            Error::File(format!(
                "the noise cannot be read ({reason}): {}",
                path.display()
            ))
        };
        let file = std::fs::read(path).map_err(|error| failed(&error))?;
        let tensors = candle_core::safetensors::load_buffer(&file, &Device::Cpu)
            .map_err(|error| failed(&error))?;
        let Some(noise) = tensors.get(NOISE) else {
            return Err(failed(&"it has no tensor called noise"));
        };
        Ok(Self(noise.to_dtype(DType::F32)?))
    }

    /// The noise for a job of this shape.
    ///
    /// # Errors
    /// When it has another shape.
    pub(super) fn for_shape(&self, shape: (usize, usize, usize, usize)) -> Result<Tensor, Error> {
        if self.0.dims4().ok() == Some(shape) {
            return Ok(self.0.clone());
        }
        let (found, (n, c, h, w)) = (self.0.dims(), shape);
        Err(Error::File(format!(
            "the noise has the shape {found:?}, but this job needs [{n}, {c}, {h}, {w}]"
        )))
    }
}

/// Intermediate tensors of a job, all f32.
#[derive(Default)]
pub struct Dump {
    tensors: Vec<(String, Tensor)>,
    /// The latents of each picture, step by step.
    latents: Vec<Vec<Tensor>>,
    pictures: Vec<Tensor>,
}

impl Dump {
    /// Keeps a tensor.
    pub(super) fn keep(&mut self, name: &str, tensor: &Tensor) {
        self.tensors.push((name.to_owned(), tensor.clone()));
    }

    /// Keeps the latents of one picture, from before step 0 to after the last, each `(1, c, h/8, w/8)`.
    pub(super) fn keep_latents(&mut self, steps: Vec<Tensor>) {
        self.latents.push(steps);
    }

    /// Keeps a finished picture, `(1, 3, h, w)`.
    pub(super) fn keep_picture(&mut self, picture: &Tensor) {
        self.pictures.push(picture.clone());
    }

    /// Every tensor with its name, those of several pictures put together.
    ///
    /// # Errors
    /// Those of the computation.
    pub fn tensors(&self) -> Result<Vec<(String, Tensor)>, Error> {
        let mut tensors = self.tensors.clone();
        let steps = self.latents.first().map_or(0, Vec::len);
        for step in 0..steps {
            let batch: Vec<_> = self
                .latents
                .iter()
                .filter_map(|picture| picture.get(step))
                .collect();
            tensors.push((format!("latents_{step}"), Tensor::cat(&batch, 0)?));
        }
        if !self.pictures.is_empty() {
            tensors.push(("image".to_owned(), Tensor::cat(&self.pictures, 0)?));
        }
        tensors
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F32)?.to_device(&Device::Cpu)?)))
            .collect()
    }

    /// Everything as a safetensors file.
    ///
    /// # Errors
    /// Those of the computation.
    pub fn to_file(&self) -> Result<Vec<u8>, Error> {
        let tensors = self.tensors()?;
        let bytes = tensors
            .iter()
            .map(|(name, tensor)| {
                let values = tensor.flatten_all()?.to_vec1::<f32>()?;
                Ok((
                    name,
                    tensor.dims().to_vec(),
                    values
                        .iter()
                        .flat_map(|value| value.to_le_bytes())
                        .collect::<Vec<u8>>(),
                ))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let failed = |error: safetensors::SafeTensorError| {
            Error::File(format!("the tensors cannot be written: {error}"))
        };
        let views = bytes
            .iter()
            .map(|(name, shape, bytes)| {
                Ok((*name, TensorView::new(Dtype::F32, shape.clone(), bytes)?))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        safetensors::serialize(views, None).map_err(failed)
    }
}
