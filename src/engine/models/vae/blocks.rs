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

/// The residual blocks of one level: `count` of them, of which the first may change the number of channels.
pub(super) fn load_level(
    (input, width): (usize, usize),
    count: usize,
    config: &Config,
    weights: &Weights,
) -> Result<Vec<ResnetBlock>> {
    let resnets = weights.at("resnets");
    let block = |j| {
        ResnetBlock::load(
            if j == 0 { input } else { width },
            width,
            config,
            &resnets.at(j),
        )
    };
    (0..count).map(block).collect()
}

/// Two convolutions added to their input.
pub(super) struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv,
    norm2: GroupNorm,
    conv2: Conv,
    /// Where the number of channels changes.
    shortcut: Option<Conv>,
}

impl ResnetBlock {
    fn load(input: usize, output: usize, config: &Config, weights: &Weights) -> Result<Self> {
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

    pub(super) fn forward(&self, x: &Array) -> Result<Array> {
        let inner = self.conv1.forward(&self.norm1.forward_silu(x)?)?;
        let inner = self.conv2.forward(&self.norm2.forward_silu(&inner)?)?;
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
        let normal = self.group_norm.forward(x)?;
        let places = normal
            .reshape([b, c, h * w])?
            .transpose(1, 2)?
            .contiguous()?; // (b, h · w, c)
        let (q, k, v) = (
            self.to_q.forward(&places)?,
            self.to_k.forward(&places)?,
            self.to_v.forward(&places)?,
        );
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

    fn forward(&self, x: &Array) -> Result<Array> {
        self.normalise(x, false)
    }

    /// With SiLU behind it.
    pub(super) fn forward_silu(&self, x: &Array) -> Result<Array> {
        self.normalise(x, true)
    }

    fn normalise(&self, x: &Array, silu: bool) -> Result<Array> {
        let norm = norm::GroupNorm {
            groups: self.groups,
            eps: NORM_EPS,
            silu,
        };
        norm.forward(x, &self.weight, &self.bias)
    }
}
