//! The sizes of an autoencoder.

use serde::Deserialize;

use crate::engine::error::Result;
use crate::engine::tensors::component::Component;
use crate::engine::tensors::config::read_config;
use crate::weights::model::ModelSource;

/// Small number in every norm of the autoencoder.
pub(super) const NORM_EPS: f64 = 1e-6;

/// Sizes, from `vae/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    pub(super) latent_channels: usize,
    pub(super) block_out_channels: Vec<usize>,
    pub(super) layers_per_block: usize,
    pub(super) norm_num_groups: usize,
    pub(super) scaling_factor: f64,
    #[serde(default)]
    shift_factor: Option<f64>,
    #[serde(default = "yes")]
    pub(super) mid_block_add_attention: bool,
}

fn yes() -> bool {
    true
}

/// FLUX.1's norm groups, and what its latents are scaled and shifted by.
/// <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/util.py> (`ae_params`)
const NORM_GROUPS: usize = 32;
const SCALING_FACTOR: f64 = 0.3611;
const SHIFT_FACTOR: f64 = 0.1159;

impl Config {
    /// The configuration of the VAE: that which lies beside it, or what its tensors tell, with FLUX.1's factors.
    ///
    /// # Errors
    /// When the configuration is malformed, or tensors that tell the sizes are missing.
    pub fn read(model: &ModelSource, component: &Component) -> Result<Self> {
        read_config(model, "vae/config.json", || Self::of_tensors(component))
    }

    /// What the tensors of a VAE tell of it.
    fn of_tensors(component: &Component) -> Result<Self> {
        let levels = component.count("encoder.down_blocks", "resnets.0.conv1.weight");
        let names = (0..levels).map(|i| format!("encoder.down_blocks.{i}.resnets.0.conv1.weight"));
        let widths = names.map(|name| component.side(&name, 0));
        let widths = widths.collect::<Result<Vec<_>>>()?;
        // In small models fewer channels are divided among fewer groups, never one alone.
        let divides = |groups: &usize| widths.iter().all(|width| width.is_multiple_of(2 * groups));
        let norm_num_groups = (1..=NORM_GROUPS).rev().find(divides).unwrap_or(1);
        Ok(Self {
            in_channels: component.side("encoder.conv_in.weight", 1)?,
            out_channels: component.side("decoder.conv_out.weight", 0)?,
            latent_channels: component.side("decoder.conv_in.weight", 1)?,
            layers_per_block: component.count("encoder.down_blocks.0.resnets", "conv1.weight"),
            block_out_channels: widths,
            norm_num_groups,
            scaling_factor: SCALING_FACTOR,
            shift_factor: Some(SHIFT_FACTOR),
            mid_block_add_attention: component.has("decoder.mid_block.attentions.0.to_q.weight"),
        })
    }

    /// Channels of the latents.
    pub fn latent_channels(&self) -> usize {
        self.latent_channels
    }

    /// Pixels a latent stands for, along each side.
    pub fn factor(&self) -> usize {
        1 << self.block_out_channels.len().saturating_sub(1)
    }

    pub(super) fn shift(&self) -> f64 {
        self.shift_factor.unwrap_or(0.0)
    }
}
