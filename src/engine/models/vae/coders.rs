//! Encoder and decoder.

use crate::engine::compute::array::Array;
use crate::engine::error::Result;
use crate::engine::layers::weights::Weights;
use crate::engine::models::vae::blocks::{Conv, GroupNorm, Level, Middle};
use crate::engine::models::vae::config::Config;
use crate::engine::progress::OnLayer;

/// From pixels to the moments of the posterior.
pub(super) struct Encoder {
    conv_in: Conv,
    levels: Vec<Level>,
    mid: Middle,
    norm_out: GroupNorm,
    conv_out: Conv,
    quant_conv: Option<Conv>,
}

impl Encoder {
    pub(super) fn load(config: &Config, weights: &Weights) -> Result<Self> {
        let root = weights.at("encoder");
        let widths = &config.block_out_channels;
        let (first, last) = (widths[0], widths[widths.len() - 1]);
        let downsampler = |width, level: &Weights| {
            let conv = Conv::load(width, width, 3, &level.at("downsamplers.0.conv"))?;
            Ok(conv.downsampling())
        };
        let moments = 2 * config.latent_channels;
        Ok(Self {
            conv_in: Conv::load(config.in_channels, first, 3, &root.at("conv_in"))?,
            levels: Level::load_all(
                widths,
                config.layers_per_block,
                config,
                &root.at("down_blocks"),
                downsampler,
            )?,
            mid: Middle::load(last, config, &root.at("mid_block"))?,
            norm_out: GroupNorm::load(last, config, &root.at("conv_norm_out"))?,
            conv_out: Conv::load(last, moments, 3, &root.at("conv_out"))?,
            quant_conv: Conv::load_if_there(moments, &weights.at("quant_conv"))?,
        })
    }

    pub(super) fn forward(&self, picture: &Array, on_block: &mut OnLayer<'_>) -> Result<Array> {
        on_block()?;
        let mut x = self.conv_in.forward(picture)?;
        for level in &self.levels {
            x = level.forward(x, on_block)?;
            if let Some(downsampler) = &level.resampler {
                // One row and column of zeros at the far edges only.
                let padded = x.padded(2, 0, 1)?.padded(3, 0, 1)?;
                x = downsampler.forward(&padded)?;
            }
        }
        let x = self.mid.forward(&x, on_block)?;
        let moments = self.conv_out.forward(&self.norm_out.forward(&x, true)?)?;
        match &self.quant_conv {
            Some(quant_conv) => quant_conv.forward(&moments),
            None => Ok(moments),
        }
    }
}

/// From latents to pixels.
pub(super) struct Decoder {
    post_quant_conv: Option<Conv>,
    conv_in: Conv,
    mid: Middle,
    levels: Vec<Level>,
    norm_out: GroupNorm,
    conv_out: Conv,
}

impl Decoder {
    pub(super) fn load(config: &Config, weights: &Weights) -> Result<Self> {
        let root = weights.at("decoder");
        let widths: Vec<_> = config.block_out_channels.iter().rev().copied().collect();
        let (first, last) = (widths[0], widths[widths.len() - 1]);
        let upsampler =
            |width, level: &Weights| Conv::load(width, width, 3, &level.at("upsamplers.0.conv"));
        let blocks = config.layers_per_block + 1;
        let channels = config.latent_channels;
        Ok(Self {
            post_quant_conv: Conv::load_if_there(channels, &weights.at("post_quant_conv"))?,
            conv_in: Conv::load(channels, first, 3, &root.at("conv_in"))?,
            mid: Middle::load(first, config, &root.at("mid_block"))?,
            levels: Level::load_all(&widths, blocks, config, &root.at("up_blocks"), upsampler)?,
            norm_out: GroupNorm::load(last, config, &root.at("conv_norm_out"))?,
            conv_out: Conv::load(last, config.out_channels, 3, &root.at("conv_out"))?,
        })
    }

    pub(super) fn forward(&self, latents: &Array, on_block: &mut OnLayer<'_>) -> Result<Array> {
        on_block()?;
        let latents = match &self.post_quant_conv {
            Some(post_quant_conv) => &post_quant_conv.forward(latents)?,
            None => latents,
        };
        let mut x = self.conv_in.forward(latents)?;
        x = self.mid.forward(&x, on_block)?;
        for level in &self.levels {
            x = level.forward(x, on_block)?;
            if let Some(upsampler) = &level.resampler {
                on_block()?;
                x = upsampler.forward(&x.doubled()?)?;
            }
        }
        on_block()?;
        self.conv_out.forward(&self.norm_out.forward(&x, true)?)
    }
}
