//! Norms with weights of their own.

use crate::engine::compute::array::Array;
use crate::engine::compute::norm;
use crate::engine::error::Result;
use crate::engine::layers::slots::Slot;
use crate::engine::layers::weights::Weights;

/// Layer normalisation with an affine part.
pub(crate) struct LayerNorm {
    weight: Array,
    bias: Array,
    eps: f64,
}

impl LayerNorm {
    /// Loads a norm over `width` features.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub(crate) fn load(width: usize, eps: f64, weights: &Weights) -> Result<Self> {
        Ok(Self {
            weight: weights.get("weight", &[width])?,
            bias: weights.get("bias", &[width])?,
            eps,
        })
    }

    /// Normalises the last dimension.
    pub(crate) fn forward(&self, x: &Array) -> Result<Array> {
        norm::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

/// Root-mean-square normalisation.
pub(crate) struct RmsNorm {
    weight: Array,
    eps: f64,
    /// Where LoRAs act.
    slot: Slot,
}

impl RmsNorm {
    /// Loads a norm over `width` features whose weight is called `name`.
    ///
    /// # Errors
    /// When the tensor is missing or has another shape.
    pub(crate) fn load(width: usize, eps: f64, weights: &Weights, name: &str) -> Result<Self> {
        Ok(Self {
            weight: weights.get(name, &[width])?,
            eps,
            slot: weights.slot(),
        })
    }

    /// The weight with the changes of LoRAs, `(width)`.
    pub(crate) fn weight(&self) -> Result<Array> {
        self.slot.change_norm(&self.weight)
    }

    /// Normalises the last dimension.
    pub(crate) fn forward(&self, x: &Array) -> Result<Array> {
        norm::rms_norm(x, &self.weight()?, self.eps)
    }
}
