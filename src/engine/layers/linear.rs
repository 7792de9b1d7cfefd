//! Linear layers.

use crate::engine::compute::array::Array;
use crate::engine::compute::matrix::Matrix;
use crate::engine::error::Result;
use crate::engine::layers::slots::Slot;
use crate::engine::layers::weights::Weights;

/// `x · Wᵀ + b`, and next to it the changes of LoRAs. The weights are never changed once loaded.
pub(crate) struct Linear {
    weight: Matrix,
    /// `(out)`
    bias: Option<Array>,
    /// Where LoRAs act.
    slot: Slot,
}

impl Linear {
    /// Loads a map from `input` to `output` features; a bias is used if there is one.
    ///
    /// # Errors
    /// When the weight is missing or has another shape.
    pub(crate) fn load(input: usize, output: usize, weights: &Weights) -> Result<Self> {
        Self::with_weight(weights.matrix("weight", (output, input))?, weights)
    }

    /// Loads a map from `input` features to as many as the file says.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn load_from(input: usize, weights: &Weights) -> Result<Self> {
        let output = weights.any_matrix("weight")?.output();
        Self::load(input, output, weights)
    }

    /// Adds the bias, if there is one.
    fn with_weight(weight: Matrix, weights: &Weights) -> Result<Self> {
        let output = weight.output();
        let bias = if weights.has("bias") {
            Some(weights.get("bias", &[output])?)
        } else {
            None
        };
        let slot = weights.slot();
        Ok(Self { weight, bias, slot })
    }

    /// Features that go in.
    pub(crate) fn input(&self) -> usize {
        self.weight.input()
    }

    /// Features that come out.
    pub(crate) fn output(&self) -> usize {
        self.weight.output()
    }

    /// `(…, in)` → `(…, out)`
    pub(crate) fn forward(&self, x: &Array) -> Result<Array> {
        let mut shape = x.dims().to_vec();
        let input = shape.pop().unwrap_or_default();
        let rows: usize = shape.iter().product();
        shape.push(self.output());
        // One matrix product over all rows is faster than a batched one.
        let x = x.reshape([rows, input])?;
        let y = self.slot.product(&x, &self.weight, self.bias.as_ref())?;
        y.reshape(shape)
    }
}
