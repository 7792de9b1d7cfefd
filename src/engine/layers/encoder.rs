//! A layer of the encoders that CLIP's two models and ViT consist of: attention and two linear layers, each normalised
//! before. The mathematics is the same in all; how the tensors are called is data.

use crate::engine::compute::array::Array;
use crate::engine::compute::attention::{Scores, attend_in_heads};
use crate::engine::compute::pointwise::Activation;
use crate::engine::error::Result;
use crate::engine::layers::linear::Linear;
use crate::engine::layers::norm::LayerNorm;
use crate::engine::layers::weights::Weights;

/// What the layers of an encoder have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Features of a token.
    pub(crate) width: usize,
    /// Features between the two linear layers.
    pub(crate) inner: usize,
    /// Heads of the attention; their number divides `width`.
    pub(crate) heads: usize,
    /// What keeps the norms from dividing by 0.
    pub(crate) eps: f64,
    /// Between the two linear layers.
    pub(crate) activation: Activation,
}

/// What the modules of a layer are called.
#[derive(Debug)]
pub(crate) struct Names {
    before_attention: &'static str,
    query: &'static str,
    key: &'static str,
    value: &'static str,
    out: &'static str,
    before_linear: &'static str,
    /// The first linear layer, which widens.
    pub(crate) widen: &'static str,
    narrow: &'static str,
}

/// CLIP's names, for text and for pictures.
/// <https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/models/clip/modeling_clip.py> (`CLIPEncoderLayer`)
pub(crate) const CLIP: Names = Names {
    before_attention: "layer_norm1",
    query: "self_attn.q_proj",
    key: "self_attn.k_proj",
    value: "self_attn.v_proj",
    out: "self_attn.out_proj",
    before_linear: "layer_norm2",
    widen: "mlp.fc1",
    narrow: "mlp.fc2",
};

/// ViT's names.
/// <https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/models/vit/modeling_vit.py> (`ViTLayer`)
pub(crate) const VIT: Names = Names {
    before_attention: "layernorm_before",
    query: "attention.attention.query",
    key: "attention.attention.key",
    value: "attention.attention.value",
    out: "attention.output.dense",
    before_linear: "layernorm_after",
    widen: "intermediate.dense",
    narrow: "output.dense",
};

/// One layer.
pub(crate) struct Layer {
    before_attention: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    before_linear: LayerNorm,
    widen: Linear,
    narrow: Linear,
    activation: Activation,
    heads: usize,
}

impl Layer {
    /// Loads the layer at a place.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub(crate) fn load(shape: &Shape, names: &Names, weights: &Weights) -> Result<Self> {
        let Shape { width, inner, .. } = *shape;
        let norm = |name| LayerNorm::load(width, shape.eps, &weights.at(name));
        let linear = |name, input, output| Linear::load(input, output, &weights.at(name));
        Ok(Self {
            before_attention: norm(names.before_attention)?,
            query: linear(names.query, width, width)?,
            key: linear(names.key, width, width)?,
            value: linear(names.value, width, width)?,
            out: linear(names.out, width, width)?,
            before_linear: norm(names.before_linear)?,
            widen: linear(names.widen, width, inner)?,
            narrow: linear(names.narrow, inner, width)?,
            activation: shape.activation,
            heads: shape.heads,
        })
    }

    /// `(b, l, width)` → `(b, l, width)`. `mask`, `(l, l)`, is added to the scores of the attention.
    pub(crate) fn forward(&self, hidden: &Array, mask: Option<&Array>) -> Result<Array> {
        let hidden =
            hidden.plus(&self.attention(&self.before_attention.forward(hidden)?, mask)?)?;
        let inner = self.widen.forward(&self.before_linear.forward(&hidden)?)?;
        hidden.plus(&self.narrow.forward(&self.activation.apply(&inner)?)?)
    }

    fn attention(&self, x: &Array, mask: Option<&Array>) -> Result<Array> {
        let (q, k, v) = (
            self.query.forward(x)?,
            self.key.forward(x)?,
            self.value.forward(x)?,
        );
        let scores = Scores {
            bias: mask,
            ..Scores::of_heads(x.width()? / self.heads)
        };
        let mixed = attend_in_heads([&q, &k, &v], self.heads, &scores)?;
        self.out.forward(&mixed)
    }
}
