//! The sizes of a transformer.

use serde::Deserialize;

use crate::engine::error::Result;
use crate::engine::tensors::component::Component;
use crate::engine::tensors::config::{read_json, read_json_if_there};
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

/// FLUX.1's share of a head's features for the first axis of its positions; smaller heads have a larger one.
/// <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/util.py> (`axes_dim`)
const FIRST_AXIS: usize = 8;

/// See [`FIRST_AXIS`]: of heads that are narrower than this, a quarter.
const NARROW_HEAD: usize = 64;

impl Config {
    /// The configuration of the transformer in `folder`: that which lies beside it, or what its tensors tell.
    ///
    /// # Errors
    /// When the configuration is malformed, or tensors that tell the sizes are missing.
    pub fn read(model: &ModelSource, folder: &str, component: &Component) -> Result<Self> {
        let name = format!("{folder}/config.json");
        match model {
            ModelSource::Embedded | ModelSource::Folder(_) => read_json(model, &name),
            ModelSource::Files(_) => {
                let told = Self::of_tensors(component)?;
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
        }
    }

    /// What the tensors of a transformer tell of it.
    fn of_tensors(component: &Component) -> Result<Self> {
        let side = |name: &str, i| component.side(name, i);
        let width = side("img_in.weight", 0)?;
        let num_layers = component.count("double_blocks", "img_attn.qkv.weight");
        let num_single_layers = component.count("single_blocks", "linear1.weight");
        let block = if num_layers > 0 {
            "double_blocks.0.img_attn.norm.query_norm.scale"
        } else {
            "single_blocks.0.norm.query_norm.scale"
        };
        let head = side(block, 0)?.max(1);
        let share = if head < NARROW_HEAD {
            FIRST_AXIS / 2
        } else {
            FIRST_AXIS
        };
        let first = head / share;
        let other = (head - first) / 2;
        Ok(Self {
            num_layers,
            num_single_layers,
            attention_head_dim: head,
            num_attention_heads: width / head,
            joint_attention_dim: side("txt_in.weight", 1)?,
            pooled_projection_dim: side("vector_in.in_layer.weight", 1)?,
            in_channels: side("img_in.weight", 1)?,
            out_channels: Some(side("final_layer.linear.weight", 0)?),
            guidance_embeds: component.has("guidance_in.in_layer.weight"),
            axes_dims_rope: vec![head - 2 * other, other, other],
        })
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
