//! A layer of the encoders that CLIP's two models and ViT consist of: attention and two linear layers, each normalised
//! before. The mathematics is the same in all; how the tensors are called is data.

use candle_core::{D, Result, Tensor};
use candle_nn::ops::softmax_last_dim;
use serde::Deserialize;

use crate::engine::Error;
use crate::engine::checkpoint::Weights;
use crate::engine::flux::linear::{LayerNorm, Linear};

/// The activation of the feed-forward layers.
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
}

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
    pub(crate) fn load(
        shape: &Shape,
        names: &Names,
        weights: &Weights,
    ) -> std::result::Result<Self, Error> {
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
    pub(crate) fn forward(&self, hidden: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let hidden = (hidden + self.attention(&self.before_attention.forward(hidden)?, mask)?)?;
        let inner = self.widen.forward(&self.before_linear.forward(&hidden)?)?;
        let inner = match self.activation {
            Activation::QuickGelu => (&inner * candle_nn::ops::sigmoid(&(&inner * 1.702)?)?)?,
            Activation::Gelu => inner.gelu_erf()?,
            Activation::GeluNew => inner.gelu()?,
        };
        hidden + self.narrow.forward(&inner)?
    }

    fn attention(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let (b, l, width) = x.dims3()?;
        let d = width / self.heads;
        let split = |t: Tensor| {
            t.reshape((b, l, self.heads, d))?
                .transpose(1, 2)?
                .contiguous()
        }; // (b, heads, l, d)
        let q = split((self.query.forward(x)? * (d as f64).powf(-0.5))?)?;
        let k = split(self.key.forward(x)?)?;
        let v = split(self.value.forward(x)?)?;
        let scores = q.matmul(&k.transpose(D::Minus2, D::Minus1)?)?;
        let scores = match mask {
            Some(mask) => scores.broadcast_add(mask)?,
            None => scores,
        };
        let mixed = softmax_last_dim(&scores)?.matmul(&v)?;
        self.out
            .forward(&mixed.transpose(1, 2)?.reshape((b, l, width))?)
    }
}
