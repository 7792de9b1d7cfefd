//! The sizes of a transformer.

use serde::Deserialize;

use crate::engine::error::Result;
use crate::engine::tensors::component::Component;
use crate::engine::tensors::config::{read_json, read_json_if_there};
use crate::weights::architecture::Architecture;
use crate::weights::model::ModelSource;

/// Small number in every norm of the transformer.
pub(super) const NORM_EPS: f64 = 1e-6;

/// Sizes, from `transformer/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub(super) num_layers: usize,
    pub(super) num_single_layers: usize,
    pub(super) attention_head_dim: usize,
    pub(super) num_attention_heads: usize,
    pub(super) joint_attention_dim: usize,
    pub(super) pooled_projection_dim: usize,
    pub(super) in_channels: usize,
    pub(super) out_channels: Option<usize>,
    pub(super) guidance_embeds: bool,
    pub(super) axes_dims_rope: Vec<usize>,
}

impl Config {
    /// The configuration of the transformer in `folder`: that which lies beside it, or what its tensors tell.
    ///
    /// # Errors
    /// When the configuration is malformed, or tensors that tell the sizes are missing.
    pub fn read(model: &ModelSource, folder: &str, component: &Component) -> Result<Self> {
        let name = format!("{folder}/config.json");
        if model.assembled().is_none() {
            return read_json(model, &name);
        }
        let told = Self::of(component.architecture()?);
        let beside: Option<Self> = read_json_if_there(model, &name)?;
        // Only the axes cannot be told from tensors.
        Ok(match beside {
            Some(beside) if beside.attention_head_dim == told.attention_head_dim => Self {
                axes_dims_rope: beside.axes_dims_rope,
                ..told
            },
            _ => told,
        })
    }

    /// The configuration that the headers tell.
    fn of(architecture: Architecture) -> Self {
        Self {
            num_layers: architecture.double_blocks,
            num_single_layers: architecture.single_blocks,
            attention_head_dim: architecture.head,
            num_attention_heads: architecture.heads(),
            joint_attention_dim: architecture.text,
            pooled_projection_dim: architecture.pooled,
            in_channels: architecture.token_features(),
            out_channels: Some(architecture.latent),
            guidance_embeds: architecture.has_guidance,
            axes_dims_rope: architecture.axes().to_vec(),
        }
    }

    /// Whether guidance goes into the model, as in dev.
    pub fn has_guidance(&self) -> bool {
        self.guidance_embeds
    }

    /// Features of an image token.
    pub fn token_features(&self) -> usize {
        self.in_channels
    }

    /// Width of the stream.
    pub(super) fn width(&self) -> usize {
        self.attention_head_dim
            .saturating_mul(self.num_attention_heads)
    }
}
