//! The autoencoder between pixels and latents.
//!
//! Widths, depths, channels and the number of norm groups come from its configuration. Tensor names are those of diffusers:
//! <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/models/autoencoders/vae.py>

mod blocks;
mod tiles;

use candle_core::Tensor;
use serde::Deserialize;

use crate::engine::Error;
use crate::engine::checkpoint::{Component, MAX_WIDTH, Weights, read_config};
use crate::engine::flux::vae::blocks::{Conv, GroupNorm, Middle, ResnetBlock, load_level};
use crate::engine::flux::vae::tiles::Tiles;
use crate::weights::model::ModelSource;

/// Sizes, from `vae/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    in_channels: usize,
    out_channels: usize,
    latent_channels: usize,
    block_out_channels: Vec<usize>,
    layers_per_block: usize,
    norm_num_groups: usize,
    scaling_factor: f64,
    #[serde(default)]
    shift_factor: Option<f64>,
    #[serde(default = "yes")]
    mid_block_add_attention: bool,
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
    pub fn read(model: &ModelSource, component: &Component) -> Result<Self, Error> {
        read_config(model, "vae/config.json", || Self::of_tensors(component))
    }

    /// What the tensors of a VAE tell of it.
    fn of_tensors(component: &Component) -> Result<Self, Error> {
        let side = |name: &str, i: usize| {
            let shape = component.required_shape(name)?;
            Ok::<_, Error>(shape.get(i).copied().unwrap_or(0))
        };
        let levels = component.count("encoder.down_blocks", "resnets.0.conv1.weight");
        let widths: Vec<_> = (0..levels)
            .map(|i| {
                side(
                    &format!("encoder.down_blocks.{i}.resnets.0.conv1.weight"),
                    0,
                )
            })
            .collect::<Result<_, _>>()?;
        // In small models fewer channels are divided among fewer groups, never one alone.
        let divides = |groups: &usize| widths.iter().all(|width| width.is_multiple_of(2 * groups));
        let norm_num_groups = (1..=NORM_GROUPS).rev().find(divides).unwrap_or(1);
        Ok(Self {
            in_channels: side("encoder.conv_in.weight", 1)?,
            out_channels: side("decoder.conv_out.weight", 0)?,
            latent_channels: side("decoder.conv_in.weight", 1)?,
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

    fn shift(&self) -> f64 {
        self.shift_factor.unwrap_or(0.0)
    }
}

/// Called before each block and may end the work.
pub type OnBlock<'a> = dyn FnMut() -> Result<(), Error> + 'a;

/// The autoencoder.
pub struct Vae {
    encoder: Encoder,
    decoder: Decoder,
    config: Config,
}

impl Vae {
    /// Loads both halves.
    ///
    /// # Errors
    /// When a tensor is missing or has an unexpected shape, or the configuration has no levels.
    pub fn load(config: &Config, weights: &Weights) -> Result<Self, Error> {
        let (widths, groups) = (&config.block_out_channels, config.norm_num_groups);
        let divisible = |width: &usize| {
            groups > 0 && (1..=MAX_WIDTH).contains(width) && width.is_multiple_of(groups)
        };
        if widths.is_empty() || !widths.iter().all(divisible) || config.latent_channels > MAX_WIDTH
        {
            return Err(Error::Checkpoint(format!(
                "the configuration of the VAE is inconsistent: levels of {widths:?} channels in {groups} norm groups"
            )));
        }
        Ok(Self {
            encoder: Encoder::load(config, weights)?,
            decoder: Decoder::load(config, weights)?,
            config: config.clone(),
        })
    }

    /// The sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The posterior for a picture: `(b, 3, h, w)`, −1 to 1.
    ///
    /// # Errors
    /// Those of `on_block`, and those of the computation.
    pub fn encode(&self, picture: &Tensor, on_block: &mut OnBlock<'_>) -> Result<Posterior, Error> {
        let moments = self.encoder.forward(picture, on_block)?; // (b, 2c, h/8, w/8)
        let channels = self.config.latent_channels;
        Ok(Posterior {
            mean: moments.narrow(1, 0, channels)?,
            log_variance: moments.narrow(1, channels, channels)?,
        })
    }

    /// Latents as the transformer knows them, from a posterior's mean or sample.
    ///
    /// # Errors
    /// Those of the computation.
    pub fn scale(&self, latents: &Tensor) -> Result<Tensor, Error> {
        Ok(((latents - self.config.shift())? * self.config.scaling_factor)?)
    }

    /// The picture for the transformer's latents: `(b, c, h/8, w/8)` → `(b, 3, h, w)`, about −1 to 1. With `tile`, so many
    /// latents along a side are decoded at once, where there are more.
    ///
    /// # Errors
    /// Those of `on_block`, and those of the computation.
    pub fn decode(
        &self,
        latents: &Tensor,
        tile: Option<usize>,
        on_block: &mut OnBlock<'_>,
    ) -> Result<Tensor, Error> {
        let latents = ((latents / self.config.scaling_factor)? + self.config.shift())?;
        let (_, _, h, w) = latents.dims4()?;
        match tile {
            Some(side) if h.max(w) > side => {
                let factor = self.config.factor();
                Tiles { side, factor }
                    .decode(&latents, &mut |tile| self.decoder.forward(tile, on_block))
            }
            _ => self.decoder.forward(&latents, on_block),
        }
    }
}

/// A diagonal Gaussian over latents, `(b, c, h/8, w/8)`, neither scaled nor shifted.
pub struct Posterior {
    /// Its mean.
    pub mean: Tensor,
    log_variance: Tensor,
}

impl Posterior {
    /// The sample that standard normals of its shape give.
    ///
    /// <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/models/autoencoders/vae.py>
    /// (`DiagonalGaussianDistribution`)
    ///
    /// # Errors
    /// Those of the computation.
    pub fn sample(&self, normals: &Tensor) -> Result<Tensor, Error> {
        let deviation = (self.log_variance.clamp(-30f32, 20f32)? * 0.5)?.exp()?;
        Ok((&self.mean + (deviation * normals)?)?)
    }
}

/// From pixels to the moments of the posterior.
struct Encoder {
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
    fn load(config: &Config, weights: &Weights) -> Result<Self, Error> {
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

    fn forward(&self, picture: &Tensor, on_block: &mut OnBlock<'_>) -> Result<Tensor, Error> {
        on_block()?;
        let mut x = self.conv_in.forward(picture)?;
        for level in &self.levels {
            for resnet in &level.resnets {
                on_block()?;
                x = resnet.forward(&x)?;
            }
            if let Some(downsample) = &level.downsample {
                // One row and column of zeros at the far edges only.
                let padded = x.pad_with_zeros(2, 0, 1)?.pad_with_zeros(3, 0, 1)?;
                x = downsample.forward(&padded)?;
            }
        }
        let x = self.mid.forward(&x, on_block)?;
        let moments = self.conv_out.forward(&self.norm_out.forward_silu(&x)?)?;
        Ok(match &self.quant_conv {
            Some(quant_conv) => quant_conv.forward(&moments)?,
            None => moments,
        })
    }
}

/// From latents to pixels.
struct Decoder {
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
    fn load(config: &Config, weights: &Weights) -> Result<Self, Error> {
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

    fn forward(&self, latents: &Tensor, on_block: &mut OnBlock<'_>) -> Result<Tensor, Error> {
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
                let (_, _, h, w) = x.dims4()?;
                x = upsample.forward(&x.upsample_nearest2d(2 * h, 2 * w)?)?;
            }
        }
        on_block()?;
        Ok(self.conv_out.forward(&self.norm_out.forward_silu(&x)?)?)
    }
}
