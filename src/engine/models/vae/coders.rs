//! Encoder and decoder.

use crate::engine::compute::array::Array;
use crate::engine::error::Result;
use crate::engine::layers::weights::Weights;
use crate::engine::models::vae::blocks::{Conv, GroupNorm, Middle, ResnetBlock, load_level};
use crate::engine::models::vae::config::Config;
use crate::engine::progress::OnLayer;

/// From pixels to the moments of the posterior.
pub(super) struct Encoder {
    conv_in: Conv,
    levels: Vec<DownLevel>,
    mid: Middle,
    norm_out: GroupNorm,
    conv_out: Conv,
    quant_conv: Option<Conv>,
}

/// One level of the encoder.
struct DownLevel {
    resnets: Vec<ResnetBlock>,
    downsample: Option<Conv>,
}

impl Encoder {
    pub(super) fn load(config: &Config, weights: &Weights) -> Result<Self> {
        let root = weights.at("encoder");
        let widths = &config.block_out_channels;
        let (first, last) = (widths[0], widths[widths.len() - 1]);
        let mut levels = Vec::new();
        let mut input = first;
        for (i, &width) in widths.iter().enumerate() {
            let level = root.at("down_blocks").at(i);
            let resnets = load_level((input, width), config.layers_per_block, config, &level)?;
            let is_last = i + 1 == widths.len();
            let down = level.at("downsamplers.0.conv");
            let downsample = if is_last {
                None
            } else {
                Some(Conv::load(width, width, 3, &down)?.downsampling())
            };
            levels.push(DownLevel {
                resnets,
                downsample,
            });
            input = width;
        }
        let moments = 2 * config.latent_channels;
        let quant = weights.at("quant_conv");
        Ok(Self {
            conv_in: Conv::load(config.in_channels, first, 3, &root.at("conv_in"))?,
            levels,
            mid: Middle::load(last, config, &root.at("mid_block"))?,
            norm_out: GroupNorm::load(last, config, &root.at("conv_norm_out"))?,
            conv_out: Conv::load(last, moments, 3, &root.at("conv_out"))?,
            quant_conv: if quant.has("weight") {
                Some(Conv::load(moments, moments, 1, &quant)?)
            } else {
                None
            },
        })
    }

    pub(super) fn forward(&self, picture: &Array, on_block: &mut OnLayer<'_>) -> Result<Array> {
        on_block()?;
        let mut x = self.conv_in.forward(picture)?;
        for level in &self.levels {
            for resnet in &level.resnets {
                on_block()?;
                x = resnet.forward(&x)?;
            }
            if let Some(downsample) = &level.downsample {
                // One row and column of zeros at the far edges only.
                let padded = x.padded(2, 0, 1)?.padded(3, 0, 1)?;
                x = downsample.forward(&padded)?;
            }
        }
        let x = self.mid.forward(&x, on_block)?;
        let moments = self.conv_out.forward(&self.norm_out.forward_silu(&x)?)?;
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
    levels: Vec<UpLevel>,
    norm_out: GroupNorm,
    conv_out: Conv,
}

/// One level of the decoder.
struct UpLevel {
    resnets: Vec<ResnetBlock>,
    upsample: Option<Conv>,
}

impl Decoder {
    pub(super) fn load(config: &Config, weights: &Weights) -> Result<Self> {
        let root = weights.at("decoder");
        let widths: Vec<_> = config.block_out_channels.iter().rev().copied().collect();
        let (first, last) = (widths[0], widths[widths.len() - 1]);
        let mut levels = Vec::new();
        let mut input = first;
        for (i, &width) in widths.iter().enumerate() {
            let level = root.at("up_blocks").at(i);
            let resnets = load_level((input, width), config.layers_per_block + 1, config, &level)?;
            let is_last = i + 1 == widths.len();
            let up = level.at("upsamplers.0.conv");
            let upsample = if is_last {
                None
            } else {
                Some(Conv::load(width, width, 3, &up)?)
            };
            levels.push(UpLevel { resnets, upsample });
            input = width;
        }
        let channels = config.latent_channels;
        let quant = weights.at("post_quant_conv");
        Ok(Self {
            post_quant_conv: if quant.has("weight") {
                Some(Conv::load(channels, channels, 1, &quant)?)
            } else {
                None
            },
            conv_in: Conv::load(channels, first, 3, &root.at("conv_in"))?,
            mid: Middle::load(first, config, &root.at("mid_block"))?,
            levels,
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
        let mut x = self
            .mid
            .forward(&self.conv_in.forward(latents)?, on_block)?;
        for level in &self.levels {
            for resnet in &level.resnets {
                on_block()?;
                x = resnet.forward(&x)?;
            }
            if let Some(upsample) = &level.upsample {
                on_block()?;
                x = upsample.forward(&x.doubled()?)?;
            }
        }
        on_block()?;
        self.conv_out.forward(&self.norm_out.forward_silu(&x)?)
    }
}
