//! The autoencoder between pixels and latents.
//!
//! Widths, depths, channels and the number of norm groups come from its configuration. Tensor names are those of diffusers:
//! <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/models/autoencoders/vae.py>

use candle_core::Tensor;
use serde::Deserialize;

use crate::engine::Error;
use crate::engine::checkpoint::Weights;
use crate::engine::flux::NORM_EPS;
use crate::engine::flux::attention::attend;
use crate::engine::flux::linear::Linear;
use crate::engine::kernels;

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

impl Config {
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
        let divisible = |width: &usize| groups > 0 && *width > 0 && width.is_multiple_of(groups);
        if widths.is_empty() || !widths.iter().all(divisible) {
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

    /// The mean of the posterior for a picture: `(b, 3, h, w)`, −1 to 1 → `(b, c, h/8, w/8)`, neither scaled nor shifted.
    ///
    /// # Errors
    /// Those of `on_block`, and those of the computation.
    pub fn encode_mean(
        &self,
        picture: &Tensor,
        on_block: &mut OnBlock<'_>,
    ) -> Result<Tensor, Error> {
        let moments = self.encoder.forward(picture, on_block)?; // mean, then log-variance
        Ok(moments.narrow(1, 0, self.config.latent_channels)?)
    }

    /// Latents as the transformer knows them, from a posterior's mean or sample.
    ///
    /// # Errors
    /// Those of the computation.
    pub fn scale(&self, latents: &Tensor) -> Result<Tensor, Error> {
        Ok(((latents - self.config.shift())? * self.config.scaling_factor)?)
    }

    /// The picture for the transformer's latents: `(b, c, h/8, w/8)` → `(b, 3, h, w)`, about −1 to 1.
    ///
    /// # Errors
    /// Those of `on_block`, and those of the computation.
    pub fn decode(&self, latents: &Tensor, on_block: &mut OnBlock<'_>) -> Result<Tensor, Error> {
        let latents = ((latents / self.config.scaling_factor)? + self.config.shift())?;
        self.decoder.forward(&latents, on_block)
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
            let mut resnets = Vec::new();
            for j in 0..config.layers_per_block {
                resnets.push(ResnetBlock::load(
                    if j == 0 { input } else { width },
                    width,
                    config,
                    &level.at("resnets").at(j),
                )?);
            }
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
            let mut resnets = Vec::new();
            for j in 0..=config.layers_per_block {
                resnets.push(ResnetBlock::load(
                    if j == 0 { input } else { width },
                    width,
                    config,
                    &level.at("resnets").at(j),
                )?);
            }
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

/// The narrowest place: two residual blocks with attention between them.
struct Middle {
    first: ResnetBlock,
    attention: Option<AttentionBlock>,
    second: ResnetBlock,
}

impl Middle {
    fn load(width: usize, config: &Config, weights: &Weights) -> Result<Self, Error> {
        let resnets = weights.at("resnets");
        let attention = weights.at("attentions.0");
        Ok(Self {
            first: ResnetBlock::load(width, width, config, &resnets.at(0))?,
            attention: if config.mid_block_add_attention {
                Some(AttentionBlock::load(width, config, &attention)?)
            } else {
                None
            },
            second: ResnetBlock::load(width, width, config, &resnets.at(1))?,
        })
    }

    fn forward(&self, x: &Tensor, on_block: &mut OnBlock<'_>) -> Result<Tensor, Error> {
        on_block()?;
        let mut x = self.first.forward(x)?;
        if let Some(attention) = &self.attention {
            on_block()?;
            x = attention.forward(&x)?;
        }
        on_block()?;
        Ok(self.second.forward(&x)?)
    }
}

/// Two convolutions added to their input.
struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv,
    norm2: GroupNorm,
    conv2: Conv,
    /// Where the number of channels changes.
    shortcut: Option<Conv>,
}

impl ResnetBlock {
    fn load(
        input: usize,
        output: usize,
        config: &Config,
        weights: &Weights,
    ) -> Result<Self, Error> {
        let shortcut = weights.at("conv_shortcut");
        Ok(Self {
            norm1: GroupNorm::load(input, config, &weights.at("norm1"))?,
            conv1: Conv::load(input, output, 3, &weights.at("conv1"))?,
            norm2: GroupNorm::load(output, config, &weights.at("norm2"))?,
            conv2: Conv::load(output, output, 3, &weights.at("conv2"))?,
            shortcut: if input == output {
                None
            } else {
                Some(Conv::load(input, output, 1, &shortcut)?)
            },
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let inner = self.conv1.forward(&self.norm1.forward_silu(x)?)?;
        let inner = self.conv2.forward(&self.norm2.forward_silu(&inner)?)?;
        match &self.shortcut {
            Some(shortcut) => shortcut.forward(x)? + inner,
            None => x + inner,
        }
    }
}

/// Attention of every place to every other, with one head, added to its input.
struct AttentionBlock {
    group_norm: GroupNorm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
}

impl AttentionBlock {
    fn load(width: usize, config: &Config, weights: &Weights) -> Result<Self, Error> {
        let projection = |name| Linear::load(width, width, &weights.at(name));
        Ok(Self {
            group_norm: GroupNorm::load(width, config, &weights.at("group_norm"))?,
            to_q: projection("to_q")?,
            to_k: projection("to_k")?,
            to_v: projection("to_v")?,
            to_out: projection("to_out.0")?,
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let (b, c, h, w) = x.dims4()?;
        let places = self
            .group_norm
            .forward(x)?
            .flatten_from(2)?
            .transpose(1, 2)?
            .contiguous()?; // (b, h · w, c)
        let one_head = |projection: &Linear| projection.forward(&places)?.unsqueeze(1); // (b, 1, h · w, c)
        let mixed = attend(
            &one_head(&self.to_q)?,
            &one_head(&self.to_k)?,
            &one_head(&self.to_v)?,
        )?
        .squeeze(1)?;
        let change = self
            .to_out
            .forward(&mixed)?
            .transpose(1, 2)?
            .reshape((b, c, h, w))?;
        x + change
    }
}

/// A convolution with a square kernel that keeps the size, unless told to halve it.
struct Conv {
    weight: Tensor,
    bias: Tensor,
    padding: usize,
    stride: usize,
}

impl Conv {
    fn load(input: usize, output: usize, kernel: usize, weights: &Weights) -> Result<Self, Error> {
        let weight = weights.get("weight", &[output, input, kernel, kernel])?;
        let bias = weights.get("bias", &[output])?;
        Ok(Self {
            weight,
            bias,
            padding: kernel / 2,
            stride: 1,
        })
    }

    /// The same convolution at every second place, on input that is padded already.
    fn downsampling(self) -> Self {
        Self {
            padding: 0,
            stride: 2,
            ..self
        }
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        kernels::conv::conv2d(x, &self.weight, &self.bias, self.padding, self.stride)
    }
}

/// Normalisation over groups of channels.
struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: usize,
}

impl GroupNorm {
    fn load(channels: usize, config: &Config, weights: &Weights) -> Result<Self, Error> {
        Ok(Self {
            weight: weights.get("weight", &[channels])?,
            bias: weights.get("bias", &[channels])?,
            groups: config.norm_num_groups,
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.normalise(x, false)
    }

    /// With SiLU behind it.
    fn forward_silu(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.normalise(x, true)
    }

    fn normalise(&self, x: &Tensor, silu: bool) -> candle_core::Result<Tensor> {
        let norm = kernels::group_norm::GroupNorm {
            groups: self.groups,
            eps: NORM_EPS,
            silu,
        };
        norm.forward(x, &self.weight, &self.bias)
    }
}
