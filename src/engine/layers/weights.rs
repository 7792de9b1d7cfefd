//! A place in a part of a model, such as `double_blocks.3.img_attn`, from which layers are built.

use std::fmt::Display;
use std::sync::Arc;

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::matrix::Matrix;
use crate::engine::compute::stored::Precision;
use crate::engine::error::{Error, Result};
use crate::engine::layers::slots::{Slot, Slots};
use crate::engine::tensors::component::Component;

/// A place in a component from which layers are built.
#[derive(Clone)]
pub struct Weights {
    component: Arc<Component>,
    /// Where LoRAs act on the layers that are built of it.
    slots: Slots,
    prefix: String,
    precision: Precision,
}

impl Weights {
    /// The root of a part's tensors.
    pub fn of(component: Component) -> Self {
        Self {
            component: Arc::new(component),
            slots: Slots::default(),
            prefix: String::new(),
            precision: Precision::Stored,
        }
    }

    /// Where LoRAs act on the layers that are built of it.
    pub fn slots(&self) -> Slots {
        self.slots.clone()
    }

    /// The place `part` below this one.
    #[must_use]
    pub fn at(&self, part: impl Display) -> Self {
        Self {
            prefix: self.name(part),
            ..self.clone()
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
    pub fn any(&self, name: &str) -> Result<Array> {
        self.component.read(&self.name(name))
    }

    /// The tensor `name`, which must have `shape`.
    ///
    /// # Errors
    /// When it is missing, cannot be read, or has another shape.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<Array> {
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
    pub(crate) fn any_matrix(&self, name: &str) -> Result<Matrix> {
        self.component.matrix(&self.name(name), self.precision)
    }

    /// The matrix `name`, which must have the shape `(output, input)`.
    ///
    /// # Errors
    /// As [`Self::any_matrix`], and when it has another shape.
    pub(crate) fn matrix(&self, name: &str, (output, input): (usize, usize)) -> Result<Matrix> {
        let matrix = self.any_matrix(name)?;
        let found = (matrix.output(), matrix.input());
        if found == (output, input) {
            return Ok(matrix);
        }
        Err(self.wrong_shape(name, &[found.0, found.1], &[output, input]))
    }

    fn wrong_shape(&self, name: &str, found: &[usize], wanted: &[usize]) -> Error {
        self.component.wrong_shape(&self.name(name), found, wanted)
    }

    /// The device and precision that tensors are read for.
    pub fn hardware(&self) -> &Hardware {
        self.component.hardware()
    }

    /// Where LoRAs act on the layer that is built here.
    pub(crate) fn slot(&self) -> Slot {
        self.slots.at(&self.prefix)
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
