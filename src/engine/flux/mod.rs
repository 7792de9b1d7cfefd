//! The FLUX.1 transformer and its VAE.
//!
//! One code path for every size of model: widths, depths, heads and RoPE axes come from the checkpoint, so that the demo
//! model and FLUX.1-dev run the same lines. Modules and tensors have BFL's names:
//! <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/model.py>

pub(crate) mod attention;
mod blocks;
pub(crate) mod linear;
pub mod vae;

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;

use crate::engine::Error;
use crate::engine::blocks::Blocks;
use crate::engine::checkpoint::{
    Component, Precision, Weights, head_size, read_json, read_json_if_there,
};
use crate::engine::flux::attention::Rope;
use crate::engine::flux::blocks::{DoubleBlock, SingleBlock, modulate};
use crate::engine::flux::linear::{LayerNorm, Linear};
use crate::weights::model::ModelSource;

/// Base of the rotary frequencies. <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/util.py> (`theta`)
const ROPE_THETA: f64 = 10_000.0;

/// Longest period of the sinusoidal embeddings, and the factor on times and guidance before them.
/// <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/modules/layers.py> (`timestep_embedding`)
const MAX_PERIOD: f32 = 10_000.0;
const TIME_FACTOR: f32 = 1000.0;

/// Small number in every norm of the transformer.
pub(super) const NORM_EPS: f64 = 1e-6;

/// Sizes, from `transformer/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    num_layers: usize,
    num_single_layers: usize,
    attention_head_dim: usize,
    num_attention_heads: usize,
    joint_attention_dim: usize,
    pooled_projection_dim: usize,
    in_channels: usize,
    out_channels: Option<usize>,
    guidance_embeds: bool,
    axes_dims_rope: Vec<usize>,
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
    pub fn read(model: &ModelSource, folder: &str, component: &Component) -> Result<Self, Error> {
        let name = format!("{folder}/config.json");
        if model.assembled().is_none() {
            return read_json(model, &name);
        }
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

    /// What the tensors of a transformer tell of it.
    fn of_tensors(component: &Component) -> Result<Self, Error> {
        let shape = |name: &str| component.required_shape(name);
        let side = |name: &str, i: usize| Ok::<_, Error>(shape(name)?.get(i).copied().unwrap_or(0));
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
    fn width(&self) -> usize {
        self.attention_head_dim
            .saturating_mul(self.num_attention_heads)
    }
}

/// What goes into one evaluation of the model.
pub struct Inputs<'a> {
    /// Packed latents: `(b, l_img, 4c)`.
    pub image: &'a Tensor,
    /// T5's hidden states: `(b, l_txt, joint)`.
    pub text: &'a Tensor,
    /// CLIP's pooled output: `(b, pooled)`.
    pub pooled: &'a Tensor,
    /// Noise level of each row, 0 to 1.
    pub sigma: &'a [f32],
    /// Guidance of each row, for models that have it.
    pub guidance: Option<&'a [f32]>,
    /// Whether times and guidance are rounded to bf16; see [`crate::schema::quirks::rounds_timesteps_to_bf16`].
    pub rounded_to_bf16: bool,
}

/// The transformer.
pub struct Flux {
    img_in: Linear,
    txt_in: Linear,
    time_in: Embedder,
    vector_in: Embedder,
    guidance_in: Option<Embedder>,
    double_blocks: Blocks<DoubleBlock>,
    single_blocks: Blocks<SingleBlock>,
    final_layer: FinalLayer,
    config: Config,
}

impl Flux {
    /// Loads the model, with its first `at_hand` blocks. `on_block` is called before each block and may end the work.
    ///
    /// # Errors
    /// When a tensor is missing or has an unexpected shape, or the sizes do not fit one another.
    pub fn load(
        config: &Config,
        weights: &Weights,
        at_hand: usize,
        on_block: &mut OnBlock<'_>,
    ) -> Result<Self, Error> {
        let (width, heads) = (config.width(), config.num_attention_heads);
        head_size("transformer", width, heads)?;
        let rope_features: usize = config
            .axes_dims_rope
            .iter()
            .fold(0, |sum, axis| sum.saturating_add(*axis));
        if rope_features != config.attention_head_dim || config.axes_dims_rope.len() != 3 {
            let (axes, head) = (&config.axes_dims_rope, config.attention_head_dim);
            return Err(Error::Checkpoint(format!(
                "the transformer's configuration is inconsistent: three RoPE axes {axes:?} must add up to the head size {head}"
            )));
        }
        // A block that is not at hand is checked all the same: what is wrong with a file is said at once.
        let checked = weights.in_precision(Precision::Stored);
        let blocks = config.num_layers.saturating_add(config.num_single_layers);
        for i in at_hand..config.num_layers {
            on_block(i, blocks)?;
            DoubleBlock::load(width, heads, &checked.at("double_blocks").at(i))?;
        }
        for i in at_hand.saturating_sub(config.num_layers)..config.num_single_layers {
            on_block(config.num_layers + i, blocks)?;
            SingleBlock::load(width, heads, &checked.at("single_blocks").at(i))?;
        }
        let root = weights.at("double_blocks");
        let double_blocks = Blocks::new(config.num_layers, move |i| {
            DoubleBlock::load(width, heads, &root.at(i))
        });
        let root = weights.at("single_blocks");
        let single_blocks = Blocks::new(config.num_single_layers, move |i| {
            SingleBlock::load(width, heads, &root.at(i))
        });
        let guidance_in = if config.guidance_embeds {
            Some(Embedder::load(width, None, &weights.at("guidance_in"))?)
        } else {
            None
        };
        let mut flux = Self {
            img_in: Linear::load(config.in_channels, width, &weights.at("img_in"))?,
            txt_in: Linear::load(config.joint_attention_dim, width, &weights.at("txt_in"))?,
            time_in: Embedder::load(width, None, &weights.at("time_in"))?,
            vector_in: Embedder::load(
                width,
                Some(config.pooled_projection_dim),
                &weights.at("vector_in"),
            )?,
            guidance_in,
            double_blocks,
            single_blocks,
            final_layer: FinalLayer::load(
                width,
                config.out_channels.unwrap_or(config.in_channels),
                &weights.at("final_layer"),
            )?,
            config: config.clone(),
        };
        flux.hold(at_hand, on_block)?;
        Ok(flux)
    }

    /// Brings the first `at_hand` blocks to hand and lets go of the others, which are read anew each time they run.
    ///
    /// # Errors
    /// Those of `on_block`; when a block cannot be read.
    pub fn hold(&mut self, at_hand: usize, on_block: &mut OnBlock<'_>) -> Result<(), Error> {
        let (double, blocks) = (self.double_blocks.count(), self.blocks());
        self.double_blocks
            .hold(at_hand, &mut |i| on_block(i, blocks))?;
        self.single_blocks
            .hold(at_hand.saturating_sub(double), &mut |i| {
                on_block(double + i, blocks)
            })
    }

    /// The sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many blocks one evaluation runs through.
    pub fn blocks(&self) -> usize {
        self.double_blocks.count() + self.single_blocks.count()
    }

    /// The rotary tables for text and image tokens at these positions, each `(tokens, 3)`. Computed in f32 or better,
    /// whatever the model's precision.
    ///
    /// # Errors
    /// When the positions are not such tensors.
    pub fn rope(&self, text_ids: &Tensor, image_ids: &Tensor) -> Result<Rope, Error> {
        Ok(Rope::new(
            &Tensor::cat(&[text_ids, image_ids], 0)?,
            &self.config.axes_dims_rope,
            ROPE_THETA,
        )?)
    }

    /// The predicted velocity for each image token: `(b, l_img, 4c)`, in the model's precision.
    ///
    /// `on_block` is called before each block and may end the work.
    ///
    /// # Errors
    /// When a dev checkpoint gets no guidance; those of `on_block`; those of the computation.
    pub fn forward(
        &self,
        inputs: &Inputs<'_>,
        rope: &Rope,
        on_block: &mut OnBlock<'_>,
    ) -> Result<Tensor, Error> {
        let dtype = inputs.text.dtype();
        let mut image = self.img_in.forward(&inputs.image.to_dtype(dtype)?)?; // (b, l_img, width)
        let mut text = self.txt_in.forward(inputs.text)?; // (b, l_txt, width)
        let vector = self.vector(inputs)?;

        let blocks = self.blocks();
        for i in 0..self.double_blocks.count() {
            on_block(i, blocks)?;
            (image, text) = self
                .double_blocks
                .run(i, |block| block.forward(&image, &text, &vector, rope))?;
        }
        let text_tokens = text.dim(1)?;
        let mut both = Tensor::cat(&[&text, &image], 1)?; // (b, l_txt + l_img, width)
        for i in 0..self.single_blocks.count() {
            on_block(self.double_blocks.count() + i, blocks)?;
            both = self
                .single_blocks
                .run(i, |block| block.forward(&both, &vector, rope))?;
        }
        let image = both.narrow(1, text_tokens, both.dim(1)? - text_tokens)?;
        Ok(self.final_layer.forward(&image, &vector)?)
    }

    /// Time, guidance and pooled text as one vector that steers every block: `(b, width)`.
    fn vector(&self, inputs: &Inputs<'_>) -> Result<Tensor, Error> {
        let (device, dtype) = (inputs.pooled.device(), inputs.pooled.dtype());
        let embed = |embedder: &Embedder, values: &[f32]| {
            let scaled: Vec<f32> = values
                .iter()
                .map(|value| scaled_time(*value, inputs.rounded_to_bf16))
                .collect();
            embedder
                .forward(&sinusoids(&scaled, embedder.in_layer.input(), device)?.to_dtype(dtype)?)
        };
        let mut vector = embed(&self.time_in, inputs.sigma)?;
        if let Some(guidance_in) = &self.guidance_in {
            let Some(guidance) = inputs.guidance else {
                return Err(Error::Checkpoint(
                    "this is a dev checkpoint, which needs a guidance, and none was given"
                        .to_owned(),
                ));
            };
            vector = (vector + embed(guidance_in, guidance)?)?;
        }
        Ok((vector + self.vector_in.forward(inputs.pooled)?)?)
    }
}

/// Called before each block with its index and the number of blocks.
pub type OnBlock<'a> = dyn FnMut(usize, usize) -> Result<(), Error> + 'a;

/// A time or guidance as it goes into the sinusoids: × 1000, with the reference's roundings if they are wanted.
fn scaled_time(value: f32, rounded_to_bf16: bool) -> f32 {
    if !rounded_to_bf16 {
        return value * TIME_FACTOR;
    }
    let rounded = |value: f32| half::bf16::from_f32(value).to_f32();
    rounded(rounded(value) * TIME_FACTOR)
}

/// Sinusoidal embedding of scaled times: `(b)` → `(b, features)`, cosines first.
///
/// Every rounding is the reference's, which computes in f32: at a guidance of 30 the angles reach 30,000, where one
/// rounding of a frequency is visible.
/// <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/models/embeddings.py> (`get_timestep_embedding`)
fn sinusoids(times: &[f32], features: usize, device: &Device) -> candle_core::Result<Tensor> {
    let half = features / 2;
    let frequencies: Vec<f32> = (0..half)
        .map(|i| {
            let exponent = -f64::from(MAX_PERIOD).ln() as f32 * i as f32 / half as f32;
            f64::from(exponent).exp() as f32
        })
        .collect();
    let angles = |time: &f32| {
        frequencies
            .iter()
            .map(|frequency| f64::from(time * frequency))
            .collect::<Vec<_>>()
    };
    let rows = times.iter().flat_map(|time| {
        let angles = angles(time);
        let cosines: Vec<f32> = angles.iter().map(|angle| angle.cos() as f32).collect();
        let sines: Vec<f32> = angles.iter().map(|angle| angle.sin() as f32).collect();
        cosines.into_iter().chain(sines)
    });
    Tensor::from_vec(rows.collect::<Vec<_>>(), (times.len(), half * 2), device)?
        .to_dtype(DType::F32)
}

/// Two linear layers that turn a vector into a share of the steering vector.
struct Embedder {
    in_layer: Linear,
    out_layer: Linear,
}

impl Embedder {
    /// Loads an embedder; `input` is as wide as the file says unless given.
    fn load(width: usize, input: Option<usize>, weights: &Weights) -> Result<Self, Error> {
        let first = weights.at("in_layer");
        let input = match input {
            Some(input) => input,
            None => first.any_matrix("weight")?.input(),
        };
        Ok(Self {
            in_layer: Linear::load(input, width, &first)?,
            out_layer: Linear::load(width, width, &weights.at("out_layer"))?,
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.out_layer.forward(&self.in_layer.forward(x)?.silu()?)
    }
}

/// From the stream back to the features of image tokens.
struct FinalLayer {
    norm: LayerNorm,
    modulation: Linear,
    linear: Linear,
}

impl FinalLayer {
    fn load(width: usize, features: usize, weights: &Weights) -> Result<Self, Error> {
        Ok(Self {
            norm: LayerNorm::plain(width, NORM_EPS, weights)?,
            modulation: Linear::load(width, 2 * width, &weights.at("adaLN_modulation.1"))?,
            linear: Linear::load(width, features, &weights.at("linear"))?,
        })
    }

    fn forward(&self, x: &Tensor, vector: &Tensor) -> candle_core::Result<Tensor> {
        let parts = self
            .modulation
            .forward(&vector.silu()?)?
            .unsqueeze(1)?
            .chunk(2, 2)?; // shift, scale: (b, 1, width)
        self.linear
            .forward(&modulate(&self.norm.forward(x)?, &parts[0], &parts[1])?)
    }
}

#[cfg(test)]
mod tests {
    use super::scaled_time;

    /// The values that the reference's bf16 arithmetic gives for common guidances and a time.
    #[test]
    fn scaled_times_round_as_the_reference_does() {
        for (value, rounded) in [
            (3.0, 3008.0),
            (3.5, 3504.0),
            (2.5, 2496.0),
            (0.98841, 988.0),
        ] {
            assert!(
                (scaled_time(value, true) - rounded).abs() < f32::EPSILON,
                "{value}"
            );
            assert!(
                (scaled_time(value, false) - value * 1000.0).abs() < f32::EPSILON,
                "{value}"
            );
        }
    }
}
