//! Operations number by number: activations, and the gated residual.

use candle_core::DType;
use serde::Deserialize;

use crate::engine::compute::array::Array;
use crate::engine::error::Result;

/// An activation between linear layers, by the names of transformers' configurations.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Activation {
    /// OpenAI's, with a sigmoid.
    #[default]
    QuickGelu,
    /// The exact one, with the error function.
    Gelu,
    /// The approximation with tanh.
    GeluNew,
    /// Without the negative numbers; no configuration that names an activation has it.
    #[serde(skip)]
    Relu,
}

impl Activation {
    /// Every number of `x` through the activation.
    pub(crate) fn apply(self, x: &Array) -> Result<Array> {
        Ok(Array(match self {
            Self::QuickGelu => (&x.0 * candle_nn::ops::sigmoid(&(&x.0 * 1.702)?)?)?,
            Self::Gelu => x.0.gelu_erf()?,
            // In f32 whatever the precision of `x`: the library rounds after every operation.
            Self::GeluNew => {
                let wide = x.0.to_dtype(DType::F32)?.contiguous()?;
                wide.gelu()?.to_dtype(x.0.dtype())?
            }
            Self::Relu => x.0.relu()?,
        }))
    }
}

/// `x / (1 + e⁻ˣ)`
pub(crate) fn silu(x: &Array) -> Result<Array> {
    Ok(Array(x.0.silu()?))
}

/// `stream + gate · change`, with `(b, l, width)` for the stream and the change, and `(b, 1, width)` for the gate.
pub(crate) fn gated(stream: &Array, change: &Array, gate: &Array) -> Result<Array> {
    stream.plus(&change.times(gate)?)
}
