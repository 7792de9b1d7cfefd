//! Normalisation: over the last dimension, and over groups of channels.

use candle_nn::{Module, ops};

use crate::engine::compute::array::Array;
use crate::engine::compute::cpu::group_norm::Normalisation;
use crate::engine::error::{Error, Result};

/// Layer normalisation with an affine part of `weight` and `bias`, `(width)` each.
pub(crate) fn layer_norm(x: &Array, weight: &Array, bias: &Array, eps: f64) -> Result<Array> {
    let normal = ops::layer_norm(&x.0.contiguous()?, &weight.0, &bias.0, eps as f32)?;
    Ok(Array(normal))
}

/// Layer normalisation without weights of its own, then modulation: `norm(x) · (1 + scale) + shift`.
///
/// `x` is `(b, l, width)`, `shift` and `scale` are `(b, 1, width)`.
pub(crate) fn modulated_norm(x: &Array, shift: &Array, scale: &Array, eps: f64) -> Result<Array> {
    // The library's fused operation wants an affine part.
    let zeros = x.zeros([x.width()?])?;
    let ones = zeros.shifted(1.0)?;
    layer_norm(x, &ones, &zeros, eps)?
        .times(&scale.shifted(1.0)?)?
        .plus(shift)
}

/// Root-mean-square normalisation with `weight`, `(width)`.
pub(crate) fn rms_norm(x: &Array, weight: &Array, eps: f64) -> Result<Array> {
    let normal = ops::rms_norm(&x.0.contiguous()?, &weight.0, eps as f32)?;
    Ok(Array(normal))
}

/// Normalisation over groups of channels, with SiLU behind it if wanted.
#[derive(Clone, Copy, Debug)]
pub struct GroupNorm {
    /// Groups that the channels are divided into.
    pub groups: usize,
    /// Small number under the root.
    pub eps: f64,
    /// Whether SiLU follows.
    pub silu: bool,
}

impl GroupNorm {
    /// Normalises `x`, `(b, c, h, w)`, with `weight` and `bias`, `(c)` each.
    ///
    /// # Errors
    /// When the channels do not divide into the groups, or the shapes do not fit one another.
    pub fn forward(self, x: &Array, weight: &Array, bias: &Array) -> Result<Array> {
        let Self { groups, eps, silu } = self;
        if !x.suits_kernels() {
            let (weight, bias) = (weight.0.clone(), bias.0.clone());
            let channels = weight.elem_count();
            let norm = candle_nn::GroupNorm::new(weight, bias, channels, groups, eps)?;
            let normal = norm.forward(&x.0)?;
            return Ok(Array(if silu { normal.silu()? } else { normal }));
        }
        let [_, channels, h, w] = x.shape()?;
        let divisible = groups > 0 && channels.is_multiple_of(groups);
        if !divisible || weight.count() != channels || bias.count() != channels {
            return Err(Error::compute(format!(
                "{channels} channels cannot be normalised in {groups} groups with {} weights",
                weight.count()
            )));
        }
        let x = x.contiguous()?;
        let kernel = Normalisation { groups, eps, silu };
        let numbers = kernel.normalise(&x.numbers()?, h * w, &weight.numbers()?, &bias.numbers()?);
        Array::of_kernel(numbers, x.dims())
    }
}
