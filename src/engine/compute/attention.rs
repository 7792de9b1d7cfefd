//! Attention, and what queries, keys and values go through before it.
//!
//! Letters: b batch, l tokens, d features of a head.

use candle_nn::ops::softmax_last_dim;

use crate::engine::compute::array::Array;
use crate::engine::compute::norm::rms_norm;
use crate::engine::compute::rotary::Rope;
use crate::engine::error::Result;

/// The most scores in memory at once: 16 Mi, which are 64 MiB in f32. Longer sequences are done in slices of queries.
pub(crate) const MAX_SCORES: usize = 1 << 24;

/// Weights of the norms of queries and keys, over the features of a head.
pub(crate) struct QkNorm {
    /// `(d)`
    pub(crate) query: Array,
    /// `(d)`
    pub(crate) key: Array,
    /// Small number under the root.
    pub(crate) eps: f64,
}

/// Splits `(b, l, 3 · heads · d)` into queries, keys and values, `(b, heads, l, d)` each; queries and keys are normalised and
/// rotated.
pub(crate) fn rotated_heads(
    qkv: &Array,
    heads: usize,
    norm: &QkNorm,
    rope: &Rope,
) -> Result<[Array; 3]> {
    let [b, l, width] = qkv.shape()?;
    let split = qkv
        .reshape([b, l, 3, heads, width / 3 / heads])?
        .permute([2, 0, 3, 1, 4])?; // (3, b, heads, l, d)
    let part = |i| split.narrow(0, i, 1)?.squeeze(0);
    let ready = |i, weight| rope.rotate(&rms_norm(&part(i)?, weight, norm.eps)?);
    Ok([ready(0, &norm.query)?, ready(1, &norm.key)?, part(2)?])
}

/// How scores become weights.
#[derive(Clone, Copy)]
pub(crate) struct Scores<'a> {
    /// Factor on the products of queries and keys.
    pub(crate) scale: f64,
    /// Summand of the scaled products, `(l, l)` or `(1, heads, l, l)`.
    pub(crate) bias: Option<&'a Array>,
}

impl Scores<'_> {
    /// The usual ones, for heads of `d` features: 1 / √d, and nothing is added.
    pub(crate) fn of_heads(d: usize) -> Self {
        Self {
            scale: (d as f64).powf(-0.5),
            bias: None,
        }
    }

    /// The weights for some queries, from query `start` on.
    fn weights(&self, queries: &Array, keys: &Array, start: usize) -> Result<Array> {
        let scores = queries.matmul(keys)?;
        let scores = match self.bias {
            None => scores,
            Some(bias) => {
                let rows = bias.dims().len() - 2;
                scores.plus(&bias.narrow(rows, start, queries.dim(2)?)?)?
            }
        };
        Ok(Array(softmax_last_dim(&scores.to_f32()?.0)?))
    }
}

/// Attention of every token to every token: `(b, heads, l, d)` each → `(b, l, heads · d)`.
pub(crate) fn attend(q: &Array, k: &Array, v: &Array, scores: &Scores<'_>) -> Result<Array> {
    let [b, heads, l, d] = q.shape()?;
    let q = q.scaled(scores.scale)?;
    let k = k.transpose(2, 3)?;
    let v = v.contiguous()?;
    let slice = (MAX_SCORES / (b * heads * l)).clamp(1, l);
    let mixed = (0..l).step_by(slice).map(|start| {
        let queries = q.narrow(2, start, slice.min(l - start))?.contiguous()?;
        let weights = scores.weights(&queries, &k, start)?;
        weights.in_precision_of(&v)?.matmul(&v)
    });
    Array::cat(&mixed.collect::<Result<Vec<_>>>()?, 2)?
        .transpose(1, 2)?
        .reshape([b, l, heads * d])
}

/// [`attend`] for queries, keys and values that are not split into heads yet: `(b, l, heads · d)` each, and so is the result.
pub(crate) fn attend_in_heads(
    [q, k, v]: [&Array; 3],
    heads: usize,
    scores: &Scores<'_>,
) -> Result<Array> {
    let split = |x: &Array| {
        let [b, l, width] = x.shape()?;
        x.reshape([b, l, heads, width / heads])?
            .transpose(1, 2)?
            .contiguous() // (b, heads, l, d)
    };
    attend(&split(q)?, &split(k)?, &split(v)?, scores)
}
