//! The layers that everything is built from: linear maps, norms, GELU.

use candle_core::{DType, Result, Tensor};

use crate::engine::Error;
use crate::engine::checkpoint::Weights;
use crate::engine::checkpoint::matrix::Matrix;
use crate::engine::lora::slots::Slot;

/// `x · Wᵀ + b`, and beside it what LoRAs change. The weights are never changed once loaded.
pub(crate) struct Linear {
    weight: Matrix,
    /// `(out)`
    bias: Option<Tensor>,
    /// Where LoRAs act.
    slot: Slot,
}

impl Linear {
    /// Loads a map from `input` to `output` features; a bias is used if there is one.
    ///
    /// # Errors
    /// When the weight is missing or has another shape.
    pub(crate) fn load(
        input: usize,
        output: usize,
        weights: &Weights,
    ) -> std::result::Result<Self, Error> {
        Self::with_weight(weights.matrix("weight", (output, input))?, weights)
    }

    /// Loads a map from `input` features to as many as the file says.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn load_from(input: usize, weights: &Weights) -> std::result::Result<Self, Error> {
        let output = weights.any_matrix("weight")?.output();
        Self::load(input, output, weights)
    }

    /// Adds the bias, if there is one.
    fn with_weight(weight: Matrix, weights: &Weights) -> std::result::Result<Self, Error> {
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
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut shape = x.dims().to_vec();
        let rows: usize = shape.iter().rev().skip(1).product();
        // One matrix product over all rows is faster than a batched one.
        let x = x.reshape((rows, ()))?;
        let y = self.weight.product(&x)?;
        let y = self.slot.change_linear(&x, &y, &self.weight)?;
        let y = match &self.bias {
            Some(bias) => y.broadcast_add(bias)?,
            None => y,
        };
        if let Some(last) = shape.last_mut() {
            *last = self.output();
        }
        y.reshape(shape)
    }
}

/// Layer normalisation with or without an affine part of its own.
pub(crate) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl LayerNorm {
    /// Loads a norm over `width` features.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub(crate) fn load(
        width: usize,
        eps: f64,
        weights: &Weights,
    ) -> std::result::Result<Self, Error> {
        Ok(Self {
            weight: weights.get("weight", &[width])?,
            bias: weights.get("bias", &[width])?,
            eps: eps as f32,
        })
    }

    /// A norm without weights of its own. It gets ones and zeros, since the fused operation wants both.
    ///
    /// # Errors
    /// When the device has no memory left.
    pub(crate) fn plain(
        width: usize,
        eps: f64,
        weights: &Weights,
    ) -> std::result::Result<Self, Error> {
        let (dtype, device) = (weights.dtype(), weights.device());
        let (weight, bias) = (
            Tensor::ones(width, dtype, device)?,
            Tensor::zeros(width, dtype, device)?,
        );
        Ok(Self {
            weight,
            bias,
            eps: eps as f32,
        })
    }

    /// Normalises the last dimension.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::layer_norm(&x.contiguous()?, &self.weight, &self.bias, self.eps)
    }
}

/// Root-mean-square normalisation.
pub(crate) struct RmsNorm {
    weight: Tensor,
    eps: f32,
    /// Where LoRAs act.
    slot: Slot,
}

impl RmsNorm {
    /// Loads a norm over `width` features whose weight is called `name`.
    ///
    /// # Errors
    /// When the tensor is missing or has another shape.
    pub(crate) fn load(
        width: usize,
        eps: f64,
        weights: &Weights,
        name: &str,
    ) -> std::result::Result<Self, Error> {
        Ok(Self {
            weight: weights.get(name, &[width])?,
            eps: eps as f32,
            slot: weights.slot(),
        })
    }

    /// Normalises the last dimension.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let weight = self.slot.change_norm(&self.weight)?;
        candle_nn::ops::rms_norm(&x.contiguous()?, &weight, self.eps)
    }
}

/// GELU with the tanh approximation, computed in f32 whatever the precision of `x`: candle rounds after every operation.
pub(crate) fn gelu(x: &Tensor) -> Result<Tensor> {
    let wide = x.to_dtype(DType::F32)?.contiguous()?;
    wide.gelu()?.to_dtype(x.dtype())
}
