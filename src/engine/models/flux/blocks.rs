//! The two kinds of block: double-stream, in which text and image keep weights of their own and meet in attention, and
//! single-stream, in which both run through the same weights.
//!
//! <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/modules/layers.py>

use crate::engine::compute::array::Array;
use crate::engine::compute::attention::{QkNorm, Scores, attend, rotated_heads};
use crate::engine::compute::norm::modulated_norm;
use crate::engine::compute::pointwise::{Activation, gated, silu};
use crate::engine::compute::rotary::Rope;
use crate::engine::error::{Error, Result};
use crate::engine::layers::linear::Linear;
use crate::engine::layers::norm::RmsNorm;
use crate::engine::layers::weights::Weights;
use crate::engine::models::flux::config::NORM_EPS;

/// Shift, scale and gate for one half of a block, each `(b, 1, width)`.
struct Modulation {
    shift: Array,
    scale: Array,
    gate: Array,
}

impl Modulation {
    /// `N` modulations from the steering vector, `(b, width)`.
    fn from_vector<const N: usize>(lin: &Linear, vector: &Array) -> Result<[Self; N]> {
        let all = lin.forward(&silu(vector)?)?.unsqueeze(1)?;
        let parts = all.pieces(3 * N, 2)?;
        let part = |i: usize| parts[i].clone();
        Ok(std::array::from_fn(|n| Self {
            shift: part(3 * n),
            scale: part(3 * n + 1),
            gate: part(3 * n + 2),
        }))
    }

    /// The input of the half: the stream normalised and modulated.
    fn before(&self, x: &Array) -> Result<Array> {
        modulated_norm(x, &self.shift, &self.scale, NORM_EPS)
    }

    /// The stream after the half has made `change`.
    fn after(&self, stream: &Array, change: &Array) -> Result<Array> {
        gated(stream, change, &self.gate)
    }
}

/// Norms of queries and keys, over the features of a head.
struct QkNorms {
    query_norm: RmsNorm,
    key_norm: RmsNorm,
}

impl QkNorms {
    fn load(head: usize, weights: &Weights) -> Result<Self> {
        Ok(Self {
            query_norm: RmsNorm::load(head, NORM_EPS, &weights.at("query_norm"), "scale")?,
            key_norm: RmsNorm::load(head, NORM_EPS, &weights.at("key_norm"), "scale")?,
        })
    }

    /// Splits `(b, l, 3 · width)` into normalised and rotated queries and keys, and values: `(b, heads, l, d)` each.
    fn split(&self, qkv: &Array, heads: usize, rope: &Rope) -> Result<[Array; 3]> {
        let norm = QkNorm {
            query: self.query_norm.weight()?,
            key: self.key_norm.weight()?,
            eps: NORM_EPS,
        };
        rotated_heads(qkv, heads, &norm, rope)
    }
}

/// Attention over heads of the usual scale.
fn mixed([q, k, v]: [&Array; 3]) -> Result<Array> {
    attend(q, k, v, &Scores::of_heads(q.width()?))
}

/// One stream of a double block.
struct Stream {
    modulation: Linear,
    qkv: Linear,
    qk_norm: QkNorms,
    proj: Linear,
    mlp_up: Linear,
    mlp_down: Linear,
}

impl Stream {
    fn load(width: usize, heads: usize, kind: &str, weights: &Weights) -> Result<Self> {
        let part = |name: &str| weights.at(format!("{kind}_{name}"));
        let attention = part("attn");
        let mlp_up = Linear::load_from(width, &part("mlp").at(0))?;
        Ok(Self {
            modulation: Linear::load(width, 6 * width, &part("mod").at("lin"))?,
            qkv: Linear::load(width, 3 * width, &attention.at("qkv"))?,
            qk_norm: QkNorms::load(width / heads, &attention.at("norm"))?,
            proj: Linear::load(width, width, &attention.at("proj"))?,
            mlp_down: Linear::load(mlp_up.output(), width, &part("mlp").at(2))?,
            mlp_up,
        })
    }

    /// Queries, keys and values of this stream, whose tokens `rope` is for.
    fn qkv(
        &self,
        x: &Array,
        modulation: &Modulation,
        heads: usize,
        rope: &Rope,
    ) -> Result<[Array; 3]> {
        let qkv = self.qkv.forward(&modulation.before(x)?)?;
        self.qk_norm.split(&qkv, heads, rope)
    }

    /// The rest of the block, once attention has mixed the streams.
    fn finish(
        &self,
        x: &Array,
        mixed: &Array,
        [attention, mlp]: &[Modulation; 2],
    ) -> Result<Array> {
        let x = attention.after(x, &self.proj.forward(mixed)?)?;
        let inner = self.mlp_up.forward(&mlp.before(&x)?)?;
        let inner = Activation::GeluNew.apply(&inner)?;
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
    pub(super) fn load(width: usize, heads: usize, weights: &Weights) -> Result<Self> {
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
        img: &Array,
        txt: &Array,
        vector: &Array,
        rope: &Rope,
    ) -> Result<(Array, Array)> {
        let (img_tokens, txt_tokens) = (img.dim(1)?, txt.dim(1)?);
        let img_modulation = Modulation::from_vector(&self.img.modulation, vector)?;
        let txt_modulation = Modulation::from_vector(&self.txt.modulation, vector)?;
        // Text comes first, as in the rotary tables.
        let txt_rope = rope.narrow(0, txt_tokens)?;
        let img_rope = rope.narrow(txt_tokens, img_tokens)?;
        let (image, text, heads) = (&self.img, &self.txt, self.heads);
        let [img_q, img_k, img_v] = image.qkv(img, &img_modulation[0], heads, &img_rope)?;
        let [txt_q, txt_k, txt_v] = text.qkv(txt, &txt_modulation[0], heads, &txt_rope)?;
        let joined = |txt: Array, img: Array| Array::cat(&[txt, img], 2);
        let both = mixed([
            &joined(txt_q, img_q)?,
            &joined(txt_k, img_k)?,
            &joined(txt_v, img_v)?,
        ])?;
        let txt_mixed = both.narrow(1, 0, txt_tokens)?;
        let img_mixed = both.narrow(1, txt_tokens, img_tokens)?;
        Ok((
            image.finish(img, &img_mixed, &img_modulation)?,
            text.finish(txt, &txt_mixed, &txt_modulation)?,
        ))
    }
}

/// A block in which both streams run through the same weights, attention beside the MLP.
pub(super) struct SingleBlock {
    modulation: Linear,
    /// Queries, keys and values, then the MLP's inner features.
    linear1: Linear,
    qk_norm: QkNorms,
    linear2: Linear,
    heads: usize,
}

impl SingleBlock {
    pub(super) fn load(width: usize, heads: usize, weights: &Weights) -> Result<Self> {
        let linear1 = Linear::load_from(width, &weights.at("linear1"))?;
        let Some(inner) = linear1.output().checked_sub(3 * width) else {
            let sentence = "a single block of the transformer is too narrow for its attention";
            return Err(Error::Checkpoint(sentence.to_owned()));
        };
        Ok(Self {
            modulation: Linear::load(width, 3 * width, &weights.at("modulation.lin"))?,
            linear1,
            qk_norm: QkNorms::load(width / heads, &weights.at("norm"))?,
            linear2: Linear::load(width + inner, width, &weights.at("linear2"))?,
            heads,
        })
    }

    /// The joined stream `(b, l, width)` after the block.
    pub(super) fn forward(&self, x: &Array, vector: &Array, rope: &Rope) -> Result<Array> {
        let [modulation] = Modulation::from_vector(&self.modulation, vector)?;
        let wide = self.linear1.forward(&modulation.before(x)?)?;
        let width = x.width()?;
        let qkv = wide.narrow(2, 0, 3 * width)?;
        let inner = wide.narrow(2, 3 * width, wide.width()? - 3 * width)?;
        let [q, k, v] = self.qk_norm.split(&qkv, self.heads, rope)?;
        let features = [mixed([&q, &k, &v])?, Activation::GeluNew.apply(&inner)?];
        let change = self.linear2.forward(&Array::cat(&features, 2)?)?;
        modulation.after(x, &change)
    }
}
