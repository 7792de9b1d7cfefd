//! The two kinds of block: double-stream, in which text and image keep weights of their own and meet in attention, and
//! single-stream, in which both run through the same weights.
//!
//! <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/modules/layers.py>

use candle_core::{Result, Tensor};

use crate::engine::Error;
use crate::engine::checkpoint::Weights;
use crate::engine::flux::NORM_EPS;
use crate::engine::flux::attention::{Rope, rotated_attention};
use crate::engine::flux::linear::{LayerNorm, Linear, RmsNorm, gelu};

/// `x · (1 + scale) + shift`, with `(b, 1, width)` for shift and scale.
pub(super) fn modulate(x: &Tensor, shift: &Tensor, scale: &Tensor) -> Result<Tensor> {
    x.broadcast_mul(&(scale + 1.0)?)?.broadcast_add(shift)
}

/// Shift, scale and gate for one half of a block, each `(b, 1, width)`.
struct Modulation {
    shift: Tensor,
    scale: Tensor,
    gate: Tensor,
}

impl Modulation {
    /// `N` modulations from the steering vector, `(b, width)`.
    fn from_vector<const N: usize>(lin: &Linear, vector: &Tensor) -> Result<[Self; N]> {
        let parts = lin
            .forward(&vector.silu()?)?
            .unsqueeze(1)?
            .chunk(3 * N, 2)?;
        let part = |i: usize| parts[i].clone();
        Ok(std::array::from_fn(|n| Self {
            shift: part(3 * n),
            scale: part(3 * n + 1),
            gate: part(3 * n + 2),
        }))
    }

    /// The input of the half.
    fn before(&self, x: &Tensor) -> Result<Tensor> {
        modulate(x, &self.shift, &self.scale)
    }

    /// The stream after the half has made `change`.
    fn after(&self, stream: &Tensor, change: &Tensor) -> Result<Tensor> {
        stream + change.broadcast_mul(&self.gate)?
    }
}

/// Norms of queries and keys, over the features of a head.
struct QkNorm {
    query_norm: RmsNorm,
    key_norm: RmsNorm,
}

impl QkNorm {
    fn load(head: usize, weights: &Weights) -> std::result::Result<Self, Error> {
        Ok(Self {
            query_norm: RmsNorm::load(head, NORM_EPS, &weights.at("query_norm"), "scale")?,
            key_norm: RmsNorm::load(head, NORM_EPS, &weights.at("key_norm"), "scale")?,
        })
    }

    /// Splits `(b, l, 3 · width)` into normalised queries and keys, and values: `(b, heads, l, d)` each.
    fn split(&self, qkv: &Tensor, heads: usize) -> Result<[Tensor; 3]> {
        let (b, l, width) = qkv.dims3()?;
        let qkv = qkv
            .reshape((b, l, 3, heads, width / 3 / heads))?
            .permute((2, 0, 3, 1, 4))?; // (3, b, heads, l, d)
        Ok([
            self.query_norm.forward(&qkv.get(0)?)?,
            self.key_norm.forward(&qkv.get(1)?)?,
            qkv.get(2)?,
        ])
    }
}

/// One stream of a double block.
struct Stream {
    modulation: Linear,
    norm: LayerNorm,
    qkv: Linear,
    qk_norm: QkNorm,
    proj: Linear,
    mlp_up: Linear,
    mlp_down: Linear,
}

impl Stream {
    fn load(
        width: usize,
        heads: usize,
        kind: &str,
        weights: &Weights,
    ) -> std::result::Result<Self, Error> {
        let part = |name: &str| weights.at(format!("{kind}_{name}"));
        let attention = part("attn");
        let mlp_up = Linear::load_from(width, &part("mlp").at(0))?;
        Ok(Self {
            modulation: Linear::load(width, 6 * width, &part("mod").at("lin"))?,
            norm: LayerNorm::plain(width, NORM_EPS, weights)?,
            qkv: Linear::load(width, 3 * width, &attention.at("qkv"))?,
            qk_norm: QkNorm::load(width / heads, &attention.at("norm"))?,
            proj: Linear::load(width, width, &attention.at("proj"))?,
            mlp_down: Linear::load(mlp_up.output(), width, &part("mlp").at(2))?,
            mlp_up,
        })
    }

    /// Queries, keys and values of this stream.
    fn qkv(&self, x: &Tensor, modulation: &Modulation, heads: usize) -> Result<[Tensor; 3]> {
        self.qk_norm.split(
            &self
                .qkv
                .forward(&modulation.before(&self.norm.forward(x)?)?)?,
            heads,
        )
    }

    /// The rest of the block, once attention has mixed the streams.
    fn finish(
        &self,
        x: &Tensor,
        mixed: &Tensor,
        [attention, mlp]: &[Modulation; 2],
    ) -> Result<Tensor> {
        let x = attention.after(x, &self.proj.forward(mixed)?)?;
        let inner = gelu(&self.mlp_up.forward(&mlp.before(&self.norm.forward(&x)?)?)?)?;
        mlp.after(&x, &self.mlp_down.forward(&inner)?)
    }
}

/// A block in which text and image keep weights of their own.
pub(super) struct DoubleBlock {
    img: Stream,
    txt: Stream,
    heads: usize,
}

impl DoubleBlock {
    pub(super) fn load(
        width: usize,
        heads: usize,
        weights: &Weights,
    ) -> std::result::Result<Self, Error> {
        let stream = |kind| Stream::load(width, heads, kind, weights);
        Ok(Self {
            img: stream("img")?,
            txt: stream("txt")?,
            heads,
        })
    }

    /// Both streams after the block: image `(b, l_img, width)`, text `(b, l_txt, width)`.
    pub(super) fn forward(
        &self,
        img: &Tensor,
        txt: &Tensor,
        vector: &Tensor,
        rope: &Rope,
    ) -> Result<(Tensor, Tensor)> {
        let img_modulation = Modulation::from_vector(&self.img.modulation, vector)?;
        let txt_modulation = Modulation::from_vector(&self.txt.modulation, vector)?;
        let [img_q, img_k, img_v] = self.img.qkv(img, &img_modulation[0], self.heads)?;
        let [txt_q, txt_k, txt_v] = self.txt.qkv(txt, &txt_modulation[0], self.heads)?;

        // Text comes first, as in the rotary tables.
        let joined = |txt: &Tensor, img: &Tensor| Tensor::cat(&[txt, img], 2);
        let mixed = rotated_attention(
            &joined(&txt_q, &img_q)?,
            &joined(&txt_k, &img_k)?,
            &joined(&txt_v, &img_v)?,
            rope,
        )?;
        let text_tokens = txt.dim(1)?;
        let txt_mixed = mixed.narrow(1, 0, text_tokens)?;
        let img_mixed = mixed.narrow(1, text_tokens, img.dim(1)?)?;
        Ok((
            self.img.finish(img, &img_mixed, &img_modulation)?,
            self.txt.finish(txt, &txt_mixed, &txt_modulation)?,
        ))
    }
}

/// A block in which both streams run through the same weights, attention beside the MLP.
pub(super) struct SingleBlock {
    modulation: Linear,
    norm: LayerNorm,
    /// Queries, keys and values, then the MLP's inner features.
    linear1: Linear,
    qk_norm: QkNorm,
    linear2: Linear,
    heads: usize,
}

impl SingleBlock {
    pub(super) fn load(
        width: usize,
        heads: usize,
        weights: &Weights,
    ) -> std::result::Result<Self, Error> {
        let linear1 = Linear::load_from(width, &weights.at("linear1"))?;
        let Some(inner) = linear1.output().checked_sub(3 * width) else {
            return Err(Error::Checkpoint(
                "a single block of the transformer is too narrow for its attention".to_owned(),
            ));
        };
        Ok(Self {
            modulation: Linear::load(width, 3 * width, &weights.at("modulation.lin"))?,
            norm: LayerNorm::plain(width, NORM_EPS, weights)?,
            linear1,
            qk_norm: QkNorm::load(width / heads, &weights.at("norm"))?,
            linear2: Linear::load(width + inner, width, &weights.at("linear2"))?,
            heads,
        })
    }

    /// The joined stream `(b, l, width)` after the block.
    pub(super) fn forward(&self, x: &Tensor, vector: &Tensor, rope: &Rope) -> Result<Tensor> {
        let [modulation] = Modulation::from_vector(&self.modulation, vector)?;
        let wide = self
            .linear1
            .forward(&modulation.before(&self.norm.forward(x)?)?)?;
        let (_, _, width) = x.dims3()?;
        let qkv = wide.narrow(2, 0, 3 * width)?.contiguous()?;
        let inner = wide.narrow(2, 3 * width, wide.dim(2)? - 3 * width)?;
        let [q, k, v] = self.qk_norm.split(&qkv, self.heads)?;
        let mixed = rotated_attention(&q, &k, &v, rope)?;
        modulation.after(
            x,
            &self
                .linear2
                .forward(&Tensor::cat(&[&mixed, &gelu(&inner)?], 2)?)?,
        )
    }
}
