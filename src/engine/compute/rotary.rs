//! Rotary positions.

use candle_nn::rotary_emb::rope_i;

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::error::Result;

/// The position of a token along each axis.
pub type Position = [f32; 3];

/// Cosines and sines of every token's rotation, in f32.
pub struct Rope {
    /// `(l, d/2)`
    cos: Array,
    /// `(l, d/2)`
    sin: Array,
}

impl Rope {
    /// Tables for tokens at these positions, with `axes[i]` features of a head for axis `i`.
    ///
    /// Angles are computed in f64, as in the reference:
    /// <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/models/embeddings.py> (`get_1d_rotary_pos_embed`)
    pub(crate) fn new(
        positions: &[Position],
        axes: &[usize],
        theta: f64,
        hardware: &Hardware,
    ) -> Result<Self> {
        let angles = |token: &Position| {
            let axes = axes.iter().zip(*token);
            let angles = axes.flat_map(|(&features, position)| {
                let frequency =
                    move |pair: usize| theta.powf(-((2 * pair) as f64) / features as f64);
                (0..features / 2).map(move |pair| f64::from(position) * frequency(pair))
            });
            angles.collect::<Vec<f64>>()
        };
        let angles: Vec<f64> = positions.iter().flat_map(angles).collect();
        let shape = [positions.len(), axes.iter().sum::<usize>() / 2];
        let table = |of: fn(f64) -> f64| {
            let numbers = angles.iter().map(|&angle| of(angle) as f32).collect();
            Array::new(numbers, shape, hardware)
        };
        Ok(Self {
            cos: table(f64::cos)?,
            sin: table(f64::sin)?,
        })
    }

    /// The tables of `length` tokens from `start` on.
    pub(crate) fn narrow(&self, start: usize, length: usize) -> Result<Self> {
        Ok(Self {
            cos: self.cos.narrow(0, start, length)?,
            sin: self.sin.narrow(0, start, length)?,
        })
    }

    /// Rotates queries or keys, `(b, heads, l, d)`, in f32.
    pub(super) fn rotate(&self, x: &Array) -> Result<Array> {
        let wide = x.to_f32()?.contiguous()?;
        Array(rope_i(&wide.0, &self.cos.0, &self.sin.0)?).in_precision_of(x)
    }
}
