//! What encoder and decoder are built from.

use crate::engine::compute::array::Array;
use crate::engine::compute::attention::{Scores, attend_in_heads};
use crate::engine::compute::conv::conv2d;
use crate::engine::compute::norm;
use crate::engine::error::Result;
use crate::engine::layers::linear::Linear;
use crate::engine::layers::weights::Weights;
use crate::engine::models::vae::config::{Config, NORM_EPS};
use crate::engine::progress::OnLayer;

/// The narrowest place: two residual blocks with attention between them.
pub(super) struct Middle {
    first: ResnetBlock,
    attention: Option<AttentionBlock>,
    second: ResnetBlock,
}

impl Middle {
    pub(super) fn load(width: usize, config: &Config, weights: &Weights) -> Result<Self> {
        let resnets = weights.at("resnets");
        let attention = || AttentionBlock::load(width, config, &weights.at("attentions.0"));
        Ok(Self {
            first: ResnetBlock::load(width, width, config, &resnets.at(0))?,
            attention: (config.mid_block_add_attention.then(attention)).transpose()?,
            second: ResnetBlock::load(width, width, config, &resnets.at(1))?,
        })
    }

    pub(super) fn forward(&self, x: &Array, on_block: &mut OnLayer<'_>) -> Result<Array> {
        on_block()?;
        let mut x = self.first.forward(x)?;
        if let Some(attention) = &self.attention {
            on_block()?;
            x = attention.forward(&x)?;
        }
        on_block()?;
        self.second.forward(&x)
    }
}

/// Residual blocks, of which the first may change the number of channels.
pub(super) struct Level {
    resnets: Vec<ResnetBlock>,
    /// What changes the size of the picture then, in all levels but the last.
    pub(super) resampler: Option<Conv>,
}

impl Level {
    /// Levels of so many channels, each of `count` blocks.
    pub(super) fn load_all(
        widths: &[usize],
        count: usize,
        config: &Config,
        weights: &Weights,
        resampler: impl Fn(usize, &Weights) -> Result<Conv>,
    ) -> Result<Vec<Self>> {
        let level = |(i, &width): (usize, &usize)| {
            let weights = weights.at(i);
            let before = widths[i.saturating_sub(1)];
            let resnet = |j| {
                let input = if j == 0 { before } else { width };
                ResnetBlock::load(input, width, config, &weights.at("resnets").at(j))
            };
            let is_last = i + 1 == widths.len();
            Ok(Self {
                resnets: (0..count).map(resnet).collect::<Result<_>>()?,
                resampler: (!is_last).then(|| resampler(width, &weights)).transpose()?,
            })
        };
        widths.iter().enumerate().map(level).collect()
    }

    /// What the residual blocks make of their input.
    pub(super) fn forward(&self, mut x: Array, on_block: &mut OnLayer<'_>) -> Result<Array> {
        for resnet in &self.resnets {
            on_block()?;
            x = resnet.forward(&x)?;
        }
        Ok(x)
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
    fn load(input: usize, output: usize, config: &Config, weights: &Weights) -> Result<Self> {
        let shortcut = || Conv::load(input, output, 1, &weights.at("conv_shortcut"));
        Ok(Self {
            norm1: GroupNorm::load(input, config, &weights.at("norm1"))?,
            conv1: Conv::load(input, output, 3, &weights.at("conv1"))?,
            norm2: GroupNorm::load(output, config, &weights.at("norm2"))?,
            conv2: Conv::load(output, output, 3, &weights.at("conv2"))?,
            shortcut: (input != output).then(shortcut).transpose()?,
        })
    }

    fn forward(&self, x: &Array) -> Result<Array> {
        let inner = self.conv1.forward(&self.norm1.forward(x, true)?)?;
        let inner = self.conv2.forward(&self.norm2.forward(&inner, true)?)?;
        match &self.shortcut {
            Some(shortcut) => shortcut.forward(x)?.plus(&inner),
            None => x.plus(&inner),
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
    fn load(width: usize, config: &Config, weights: &Weights) -> Result<Self> {
        let projection = |name| Linear::load(width, width, &weights.at(name));
        Ok(Self {
            group_norm: GroupNorm::load(width, config, &weights.at("group_norm"))?,
            to_q: projection("to_q")?,
            to_k: projection("to_k")?,
            to_v: projection("to_v")?,
            to_out: projection("to_out.0")?,
        })
    }

    fn forward(&self, x: &Array) -> Result<Array> {
        let [b, c, h, w] = x.shape()?;
        let normal = self.group_norm.forward(x, false)?.reshape([b, c, h * w])?;
        let places = normal.transpose(1, 2)?.contiguous()?; // (b, h · w, c)
        let (q, k) = (self.to_q.forward(&places)?, self.to_k.forward(&places)?);
        let v = self.to_v.forward(&places)?;
        let mixed = attend_in_heads([&q, &k, &v], 1, &Scores::of_heads(c))?;
        let change = self.to_out.forward(&mixed)?.transpose(1, 2)?;
        x.plus(&change.reshape([b, c, h, w])?)
    }
}

/// A convolution with a square kernel that keeps the size, unless told to halve it.
pub(super) struct Conv {
    weight: Array,
    bias: Array,
    padding: usize,
    stride: usize,
}

impl Conv {
    pub(super) fn load(
        input: usize,
        output: usize,
        kernel: usize,
        weights: &Weights,
    ) -> Result<Self> {
        Ok(Self {
            weight: weights.get("weight", &[output, input, kernel, kernel])?,
            bias: weights.get("bias", &[output])?,
            padding: kernel / 2,
            stride: 1,
        })
    }

    /// A convolution of single places that some models lack.
    pub(super) fn load_if_there(channels: usize, weights: &Weights) -> Result<Option<Self>> {
        let load = || Self::load(channels, channels, 1, weights);
        weights.has("weight").then(load).transpose()
    }

    /// The same convolution at every second place, on input that is padded already.
    pub(super) fn downsampling(self) -> Self {
        Self {
            padding: 0,
            stride: 2,
            ..self
        }
    }

    pub(super) fn forward(&self, x: &Array) -> Result<Array> {
        conv2d(x, &self.weight, &self.bias, self.padding, self.stride)
    }
}

/// Normalisation over groups of channels.
pub(super) struct GroupNorm {
    weight: Array,
    bias: Array,
    groups: usize,
}

impl GroupNorm {
    pub(super) fn load(channels: usize, config: &Config, weights: &Weights) -> Result<Self> {
        Ok(Self {
            weight: weights.get("weight", &[channels])?,
            bias: weights.get("bias", &[channels])?,
            groups: config.norm_num_groups,
        })
    }

    /// With SiLU behind it, if that is wanted.
    pub(super) fn forward(&self, x: &Array, silu: bool) -> Result<Array> {
        let norm = norm::GroupNorm {
            groups: self.groups,
            eps: NORM_EPS,
            silu,
        };
        norm.forward(x, &self.weight, &self.bias)
    }
}
