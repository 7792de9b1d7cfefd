//! The encoder of T5 v1.1: one vector per token. As in FLUX.1, padding tokens take part like all others.
//!
//! <https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/models/t5/modeling_t5.py>

use serde::Deserialize;

use crate::engine::compute::array::Array;
use crate::engine::compute::attention::{Scores, attend_in_heads};
use crate::engine::compute::matrix::Matrix;
use crate::engine::compute::pointwise::Activation;
use crate::engine::error::{Error, Result};
use crate::engine::layers::blocks::Blocks;
use crate::engine::layers::linear::Linear;
use crate::engine::layers::norm::RmsNorm;
use crate::engine::layers::weights::Weights;
use crate::engine::progress::OnLayer;
use crate::engine::tensors::component::Component;
use crate::engine::tensors::config::{head_size, read_config};
use crate::weights::model::ModelSource;

/// Sizes and habits, from `text_encoder_2/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    d_model: usize,
    d_kv: usize,
    d_ff: usize,
    num_layers: usize,
    num_heads: usize,
    #[serde(default = "default_buckets")]
    relative_attention_num_buckets: usize,
    #[serde(default = "default_distance")]
    relative_attention_max_distance: usize,
    #[serde(default = "default_eps")]
    layer_norm_epsilon: f64,
    #[serde(default = "default_projection")]
    feed_forward_proj: String,
}

fn default_buckets() -> usize {
    32
}

fn default_distance() -> usize {
    128
}

fn default_eps() -> f64 {
    1e-6
}

fn default_projection() -> String {
    "relu".to_owned()
}

impl Config {
    /// The configuration of the encoder: that which lies beside it, or what its tensors tell.
    ///
    /// # Errors
    /// When the configuration is malformed, or tensors that tell the sizes are missing.
    pub fn read(model: &ModelSource, component: &Component) -> Result<Self> {
        read_config(model, "text_encoder_2/config.json", || {
            Self::of_tensors(component)
        })
    }

    /// How many layers the encoder has.
    pub fn layers(&self) -> usize {
        self.num_layers
    }

    fn norm(&self, weights: &Weights) -> Result<RmsNorm> {
        RmsNorm::load(self.d_model, self.layer_norm_epsilon, weights, "weight")
    }

    /// What the tensors of an encoder tell of it.
    fn of_tensors(component: &Component) -> Result<Self> {
        let side = |name: &str, i| component.side(&format!("encoder.{name}"), i);
        let table = "block.0.layer.0.SelfAttention.relative_attention_bias.weight";
        let num_heads = side(table, 1)?;
        let feed_forward = "block.0.layer.1.DenseReluDense";
        let is_gated = component.has(&format!("encoder.{feed_forward}.wi_0.weight"));
        Ok(Self {
            d_model: side("final_layer_norm.weight", 0)?,
            d_kv: side("block.0.layer.0.SelfAttention.q.weight", 0)? / num_heads.max(1),
            d_ff: side(&format!("{feed_forward}.wo.weight"), 1)?,
            num_layers: component.count("encoder.block", "layer.0.SelfAttention.q.weight"),
            num_heads,
            relative_attention_num_buckets: side(table, 0)?,
            relative_attention_max_distance: default_distance(),
            layer_norm_epsilon: default_eps(),
            feed_forward_proj: if is_gated { "gated-gelu" } else { "relu" }.to_owned(),
        })
    }
}

/// The encoder.
pub struct T5 {
    embedding: Matrix,
    layers: Blocks<Layer>,
    final_layer_norm: RmsNorm,
    /// `(buckets, heads)`, added to the scores of every layer.
    relative_attention_bias: Array,
    config: Config,
}

impl T5 {
    /// Loads the encoder, with its first `resident` layers; the others are streamed each time they run.
    ///
    /// # Errors
    /// Those of `on_layer`; when a tensor is missing or has an unexpected shape, or the feed-forward layers are of an unknown kind.
    pub fn load(
        config: &Config,
        weights: &Weights,
        resident: usize,
        on_layer: &mut OnLayer<'_>,
    ) -> Result<Self> {
        let heads = config.num_heads;
        head_size("T5 encoder", heads.saturating_mul(config.d_kv), heads)?;
        let buckets = config.relative_attention_num_buckets;
        let distance = config.relative_attention_max_distance;
        if buckets < 4 || distance <= buckets / 4 {
            return Err(Error::Checkpoint(format!(
                "the configuration of the T5 encoder is inconsistent: {buckets} buckets for distances up to {distance}"
            )));
        }
        // The same tensor under two names, of which either may be missing.
        let name = if weights.has("shared.weight") {
            "shared.weight"
        } else {
            "encoder.embed_tokens.weight"
        };
        let encoder = weights.at("encoder");
        let blocks = encoder.at("block");
        let (sizes, root) = (config.clone(), blocks.clone());
        let mut layers = Blocks::new(config.num_layers, move |i| Layer::load(&sizes, &root.at(i)));
        layers.keep_resident(resident, &mut |_| on_layer())?;
        // A streamed layer is checked as well, so that what is wrong with a file is said at once.
        for i in resident..config.num_layers {
            on_layer()?;
            Layer::load(config, &blocks.at(i))?;
        }
        let bias = "0.layer.0.SelfAttention.relative_attention_bias.weight";
        Ok(Self {
            embedding: weights.any_matrix(name)?,
            layers,
            final_layer_norm: config.norm(&encoder.at("final_layer_norm"))?,
            relative_attention_bias: blocks.get(bias, &[buckets, heads])?,
            config: config.clone(),
        })
    }

    /// The last hidden state for token ids: `(1, l, width)`.
    ///
    /// `on_layer` is called before each layer and may end the work.
    ///
    /// # Errors
    /// Those of `on_layer`, and those of the computation.
    pub fn hidden(&self, ids: &[u32], on_layer: &mut OnLayer<'_>) -> Result<Array> {
        let mut hidden = self.embedding.rows(ids)?.unsqueeze(0)?; // (1, l, width)
        let bias = self.position_bias(ids.len())?;
        for i in 0..self.layers.count() {
            on_layer()?;
            hidden = self.layers.run(i, |layer| layer.forward(&hidden, &bias))?;
        }
        self.final_layer_norm.forward(&hidden)
    }

    /// How many layers it has.
    pub fn depth(&self) -> usize {
        self.layers.count()
    }

    /// What is added to the scores for the distance of two tokens: `(1, heads, l, l)`.
    fn position_bias(&self, l: usize) -> Result<Array> {
        let buckets = self.config.relative_attention_num_buckets;
        let furthest = self.config.relative_attention_max_distance;
        let distances = (0..l).flat_map(|query| (0..l).map(move |key| key as i64 - query as i64));
        let ids = distances.map(|distance| bucket(distance, buckets, furthest));
        let ids: Vec<u32> = ids.collect();
        self.relative_attention_bias
            .rows(&ids)? // (l · l, heads)
            .reshape([l, l, self.config.num_heads])?
            .permute([2, 0, 1])?
            .unsqueeze(0)?
            .contiguous()
    }
}

/// The bucket of a distance between key and query: half of them for each direction, exact for near tokens,
/// logarithmic up to `max_distance`. (`_relative_position_bucket`)
fn bucket(distance: i64, buckets: usize, max_distance: usize) -> u32 {
    let per_direction = buckets / 2;
    let offset = if distance > 0 { per_direction } else { 0 };
    let exact = per_direction / 2;
    let distance = distance.unsigned_abs() as usize;
    let index = if distance < exact {
        distance
    } else {
        // In f32, as the reference computes it: a rounding decides at the edge of a bucket.
        let ratio = (distance as f32 / exact as f32).ln()
            / (max_distance as f64 / exact as f64).ln() as f32;
        let log = exact + (ratio * (per_direction - exact) as f32) as usize;
        log.min(per_direction - 1)
    };
    (offset + index) as u32
}

/// One block: self-attention, then a feed-forward layer, each behind a norm and added to its input.
struct Layer {
    attention_norm: RmsNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    feed_forward_norm: RmsNorm,
    feed_forward: FeedForward,
    heads: usize,
}

impl Layer {
    fn load(config: &Config, weights: &Weights) -> Result<Self> {
        let (width, inner) = (config.d_model, config.num_heads * config.d_kv);
        let attention = weights.at("layer.0.SelfAttention");
        let norm = |name| config.norm(&weights.at(name));
        let into = |name| Linear::load(width, inner, &attention.at(name));
        Ok(Self {
            attention_norm: norm("layer.0.layer_norm")?,
            q: into("q")?,
            k: into("k")?,
            v: into("v")?,
            o: Linear::load(inner, width, &attention.at("o"))?,
            feed_forward_norm: norm("layer.1.layer_norm")?,
            feed_forward: FeedForward::load(config, &weights.at("layer.1.DenseReluDense"))?,
            heads: config.num_heads,
        })
    }

    fn forward(&self, hidden: &Array, bias: &Array) -> Result<Array> {
        let hidden = hidden.plus(&self.attention(&self.attention_norm.forward(hidden)?, bias)?)?;
        let normal = self.feed_forward_norm.forward(&hidden)?;
        hidden.plus(&self.feed_forward.forward(&normal)?)
    }

    /// Scores are not scaled: T5 has that in its weights.
    fn attention(&self, x: &Array, bias: &Array) -> Result<Array> {
        let (q, k, v) = (self.q.forward(x)?, self.k.forward(x)?, self.v.forward(x)?);
        let scores = Scores {
            scale: 1.0,
            bias: Some(bias),
        };
        let mixed = attend_in_heads([&q, &k, &v], self.heads, &scores)?;
        self.o.forward(&mixed)
    }
}

/// The feed-forward layer of v1.1, which is gated, or of the first T5.
struct FeedForward {
    gate: Option<Linear>,
    up: Linear,
    down: Linear,
}

impl FeedForward {
    fn load(config: &Config, weights: &Weights) -> Result<Self> {
        let (width, inner) = (config.d_model, config.d_ff);
        let into = |name| Linear::load(width, inner, &weights.at(name));
        let (gate, up) = match config.feed_forward_proj.as_str() {
            "gated-gelu" => (Some(into("wi_0")?), into("wi_1")?),
            "relu" => (None, into("wi")?),
            other => {
                return Err(Error::Checkpoint(format!(
                    "the T5 encoder has feed-forward layers of an unknown kind: {other}"
                )));
            }
        };
        let down = Linear::load(inner, width, &weights.at("wo"))?;
        Ok(Self { gate, up, down })
    }

    fn forward(&self, x: &Array) -> Result<Array> {
        let inner = match &self.gate {
            Some(gate) => {
                let gate = Activation::GeluNew.apply(&gate.forward(x)?)?;
                gate.times(&self.up.forward(x)?)?
            }
            None => Activation::Relu.apply(&self.up.forward(x)?)?,
        };
        self.down.forward(&inner)
    }
}
