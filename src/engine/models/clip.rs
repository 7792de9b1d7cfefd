//! CLIP's text encoder: one vector for the whole prompt.
//!
//! <https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/models/clip/modeling_clip.py>

use serde::Deserialize;

use crate::engine::compute::array::Array;
use crate::engine::compute::matrix::Matrix;
use crate::engine::compute::pointwise::Activation;
use crate::engine::error::Result;
use crate::engine::layers::encoder::{self, Layer};
use crate::engine::layers::norm::LayerNorm;
use crate::engine::layers::weights::Weights;
use crate::engine::progress::OnLayer;
use crate::engine::tensors::component::Component;
use crate::engine::tensors::config::{head_size, read_config};
use crate::weights::model::ModelSource;

/// Sizes and habits, from `text_encoder/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    vocab_size: usize,
    #[serde(default = "default_eps")]
    layer_norm_eps: f64,
    #[serde(default)]
    hidden_act: Activation,
    /// 2 in older files, where it means "the highest id".
    #[serde(default = "default_end")]
    eos_token_id: u32,
}

fn default_eps() -> f64 {
    1e-5
}

fn default_end() -> u32 {
    2
}

/// Features of a head of CLIP ViT-L. <https://huggingface.co/openai/clip-vit-large-patch14/blob/main/config.json>
const HEAD: usize = 64;

/// Features of a head of encoders too narrow for [`HEAD`].
const NARROW_HEAD: usize = 8;

impl Config {
    /// The configuration of the encoder: that which lies beside it, or what its tensors tell, with CLIP ViT-L's habits and
    /// `end`, the tokenizer's end token.
    ///
    /// # Errors
    /// When the configuration is malformed, or tensors that tell the sizes are missing.
    pub fn read(model: &ModelSource, component: &Component, end: Option<u32>) -> Result<Self> {
        read_config(model, "text_encoder/config.json", || {
            Self::of_tensors(component, end)
        })
    }

    /// The most tokens that the encoder can read.
    pub fn max_length(&self) -> usize {
        self.max_position_embeddings
    }

    /// What the tensors of an encoder tell of it.
    fn of_tensors(component: &Component, end: Option<u32>) -> Result<Self> {
        let side = |name: &str, i| component.side(&format!("text_model.{name}"), i);
        let width = side("embeddings.token_embedding.weight", 1)?;
        let is_wide = width.is_multiple_of(HEAD);
        let head = if is_wide { HEAD } else { NARROW_HEAD };
        Ok(Self {
            hidden_size: width,
            num_hidden_layers: component.count("text_model.encoder.layers", "mlp.fc1.weight"),
            num_attention_heads: width / head,
            intermediate_size: side("encoder.layers.0.mlp.fc1.weight", 0)?,
            max_position_embeddings: side("embeddings.position_embedding.weight", 0)?,
            vocab_size: side("embeddings.token_embedding.weight", 0)?,
            layer_norm_eps: default_eps(),
            hidden_act: Activation::default(),
            eos_token_id: end.unwrap_or_else(default_end),
        })
    }
}

/// The encoder.
pub struct Clip {
    token_embedding: Matrix,
    position_embedding: Array,
    layers: Vec<Layer>,
    final_layer_norm: LayerNorm,
    config: Config,
}

impl Clip {
    /// Loads the encoder.
    ///
    /// # Errors
    /// Those of `on_layer`; when a tensor is missing or has an unexpected shape.
    pub fn load(config: &Config, weights: &Weights, on_layer: &mut OnLayer<'_>) -> Result<Self> {
        let (width, heads) = (config.hidden_size, config.num_attention_heads);
        head_size("CLIP encoder", width, heads)?;
        let root = weights.at("text_model");
        let shape = encoder::Shape {
            width,
            inner: config.intermediate_size,
            heads,
            eps: config.layer_norm_eps,
            activation: config.hidden_act,
        };
        let layers = (0..config.num_hidden_layers).map(|i| {
            on_layer()?;
            Layer::load(&shape, &encoder::CLIP, &root.at("encoder.layers").at(i))
        });
        let tokens = root.at("embeddings.token_embedding");
        let positions = root.at("embeddings.position_embedding");
        let places = config.max_position_embeddings;
        Ok(Self {
            token_embedding: tokens.matrix("weight", (config.vocab_size, width))?,
            position_embedding: positions.get("weight", &[places, width])?,
            layers: layers.collect::<Result<_>>()?,
            final_layer_norm: LayerNorm::load(width, shape.eps, &root.at("final_layer_norm"))?,
            config: config.clone(),
        })
    }

    /// The pooled output for token ids: the last hidden state at the end token, `(1, width)`.
    ///
    /// `on_layer` is called before each layer and may end the work.
    ///
    /// # Errors
    /// Those of `on_layer`, and those of the computation.
    pub fn pooled(&self, ids: &[u32], on_layer: &mut OnLayer<'_>) -> Result<Array> {
        let tokens = self.token_embedding.rows(ids)?; // (l, width)
        let positions = self.position_embedding.narrow(0, 0, ids.len())?;
        let mut hidden = tokens.plus(&positions)?.unsqueeze(0)?; // (1, l, width)
        let mask = self.causal_mask(ids.len())?;
        for layer in &self.layers {
            on_layer()?;
            hidden = layer.forward(&hidden, Some(&mask))?;
        }
        let hidden = self.final_layer_norm.forward(&hidden)?;
        hidden.narrow(1, self.end_position(ids), 1)?.squeeze(1)
    }

    /// Where the pooled vector is taken from.
    fn end_position(&self, ids: &[u32]) -> usize {
        let end = self.config.eos_token_id;
        // Configurations from before transformers 4.24 say 2, whatever the end token is; it then is the highest id.
        let highest = ids.iter().copied().max().filter(|_| end == 2);
        let wanted = highest.unwrap_or(end);
        ids.iter().position(|&id| id == wanted).unwrap_or(0)
    }

    /// `(l, l)`: 0 where a token may look, minus infinity at the tokens behind it.
    fn causal_mask(&self, l: usize) -> Result<Array> {
        let row =
            |row| (0..l).map(move |column| if column > row { f32::NEG_INFINITY } else { 0.0 });
        let mask = (0..l).flat_map(row).collect();
        let hardware = self.token_embedding.hardware();
        Array::new(mask, [l, l], hardware)?.on(hardware)
    }
}
