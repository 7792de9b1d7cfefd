//! Rotary positions and attention.

use candle_core::{D, DType, Result, Tensor};
use candle_nn::ops::softmax_last_dim;
use candle_nn::rotary_emb::rope_i;

/// The most scores that are held at once: 16 Mi, which are 64 MiB in f32. Longer sequences are done in slices of queries.
pub(crate) const MAX_SCORES: usize = 1 << 24;

/// Cosines and sines of every token's rotation.
pub struct Rope {
    /// `(l, d/2)`
    cos: Tensor,
    /// `(l, d/2)`
    sin: Tensor,
}

impl Rope {
    /// Tables for positions `ids`, `(l, axes)`, with `axes_dims[i]` features for axis `i`.
    ///
    /// Angles are computed in f64, as in the reference:
    /// <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/models/embeddings.py> (`get_1d_rotary_pos_embed`)
    pub(super) fn new(ids: &Tensor, axes_dims: &[usize], theta: f64) -> Result<Self> {
        let positions = ids.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        let angles = |token: &Vec<f32>| {
            let axes = axes_dims
                .iter()
                .zip(token)
                .flat_map(|(&features, &position)| {
                    let frequency =
                        move |pair: usize| theta.powf(-((2 * pair) as f64) / features as f64);
                    (0..features / 2).map(move |pair| f64::from(position) * frequency(pair))
                });
            axes.collect::<Vec<f64>>()
        };
        let angles: Vec<f64> = positions.iter().flat_map(angles).collect();
        let shape = (positions.len(), axes_dims.iter().sum::<usize>() / 2);
        let table = |of: fn(f64) -> f64| {
            let values: Vec<f32> = angles.iter().map(|&angle| of(angle) as f32).collect();
            Tensor::from_vec(values, shape, ids.device())
        };
        Ok(Self {
            cos: table(f64::cos)?,
            sin: table(f64::sin)?,
        })
    }

    /// Rotates queries or keys `(b, heads, l, d)`, in f32.
    fn rotate(&self, x: &Tensor) -> Result<Tensor> {
        rope_i(&x.to_dtype(DType::F32)?.contiguous()?, &self.cos, &self.sin)?.to_dtype(x.dtype())
    }
}

/// Attention of every token to every token, after rotating queries and keys.
///
/// `(b, heads, l, d)` each → `(b, l, heads · d)`
pub(super) fn rotated_attention(q: &Tensor, k: &Tensor, v: &Tensor, rope: &Rope) -> Result<Tensor> {
    let (b, heads, l, d) = q.dims4()?;
    attend(&rope.rotate(q)?, &rope.rotate(k)?, v)?
        .transpose(1, 2)?
        .reshape((b, l, heads * d))
}

/// Attention of every token to every token: `(b, heads, l, d)` each, and so is the result.
pub(super) fn attend(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let (b, heads, l, d) = q.dims4()?;
    let q = (q * (d as f64).powf(-0.5))?;
    let k = k.transpose(D::Minus2, D::Minus1)?.contiguous()?;
    let v = v.contiguous()?;
    let slice = (MAX_SCORES / (b * heads * l)).clamp(1, l);
    let mixed = (0..l)
        .step_by(slice)
        .map(|start| {
            let queries = q.narrow(2, start, slice.min(l - start))?.contiguous()?;
            softmax_last_dim(&queries.matmul(&k)?)?.matmul(&v)
        })
        .collect::<Result<Vec<_>>>()?;
    Tensor::cat(&mixed, 2)
}
