//! The transformer: from noisy latents to the velocity that leads to an image.

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::norm::modulated_norm;
use crate::engine::compute::pointwise::silu;
use crate::engine::compute::rotary::{Position, Rope};
use crate::engine::compute::stored::Precision;
use crate::engine::error::{Error, Result};
use crate::engine::layers::blocks::Blocks;
use crate::engine::layers::linear::Linear;
use crate::engine::layers::weights::Weights;
use crate::engine::models::flux::blocks::{DoubleBlock, SingleBlock};
use crate::engine::models::flux::config::{Config, NORM_EPS};
use crate::engine::models::flux::embedder::Embedder;
use crate::engine::tensors::config::head_size;

/// Base of the rotary frequencies. <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/util.py> (`theta`)
const ROPE_THETA: f64 = 10_000.0;

/// What goes into one evaluation of the model.
pub struct Inputs<'a> {
    /// Packed latents: `(b, l_img, 4c)`.
    pub image: &'a Array,
    /// T5's hidden states: `(b, l_txt, joint)`.
    pub text: &'a Array,
    /// CLIP's pooled output: `(b, pooled)`.
    pub pooled: &'a Array,
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
    hardware: Hardware,
}

impl Flux {
    /// Loads the model with the matrices of its blocks in `precision`; no block is resident yet. `on_block` is called before
    /// each block and may end the work.
    ///
    /// # Errors
    /// When a tensor is missing or has an unexpected shape, or the sizes do not fit one another.
    pub fn load(
        config: &Config,
        weights: &Weights,
        precision: Precision,
        on_block: &mut OnBlock<'_>,
    ) -> Result<Self> {
        let (width, heads) = (config.width(), config.num_attention_heads);
        head_size("transformer", width, heads)?;
        let (axes, head) = (&config.axes_dims_rope, config.attention_head_dim);
        let features = axes.iter().copied().reduce(usize::saturating_add);
        if features != Some(head) || axes.len() != 3 {
            return Err(Error::Checkpoint(format!(
                "the transformer's configuration is inconsistent: three RoPE axes {axes:?} must add up to the head size {head}"
            )));
        }
        let (double, single) = (weights.at("double_blocks"), weights.at("single_blocks"));
        // Every block is read once, so that what is wrong with a file is said at once.
        let blocks = config.num_layers.saturating_add(config.num_single_layers);
        for i in 0..config.num_layers {
            on_block(i, blocks)?;
            DoubleBlock::load(width, heads, &double.at(i))?;
        }
        for i in 0..config.num_single_layers {
            on_block(config.num_layers + i, blocks)?;
            SingleBlock::load(width, heads, &single.at(i))?;
        }
        let double = double.in_precision(precision);
        let single = single.in_precision(precision);
        let double_blocks = Blocks::new(config.num_layers, move |i| {
            DoubleBlock::load(width, heads, &double.at(i))
        });
        let single_blocks = Blocks::new(config.num_single_layers, move |i| {
            SingleBlock::load(width, heads, &single.at(i))
        });
        let guidance_in = || Embedder::load(width, None, &weights.at("guidance_in"));
        let pooled = Some(config.pooled_projection_dim);
        let output = config.out_channels.unwrap_or(config.in_channels);
        Ok(Self {
            img_in: Linear::load(config.in_channels, width, &weights.at("img_in"))?,
            txt_in: Linear::load(config.joint_attention_dim, width, &weights.at("txt_in"))?,
            time_in: Embedder::load(width, None, &weights.at("time_in"))?,
            vector_in: Embedder::load(width, pooled, &weights.at("vector_in"))?,
            guidance_in: config.guidance_embeds.then(guidance_in).transpose()?,
            double_blocks,
            single_blocks,
            final_layer: FinalLayer::load(width, output, &weights.at("final_layer"))?,
            config: config.clone(),
            hardware: weights.hardware().clone(),
        })
    }

    /// Loads the first `count` blocks and evicts the others, which are streamed each time they run.
    ///
    /// # Errors
    /// Those of `on_block`; when a block cannot be read.
    pub fn keep_resident(&mut self, count: usize, on_block: &mut OnBlock<'_>) -> Result<()> {
        let (double, blocks) = (self.double_blocks.count(), self.blocks());
        let (first, second) = (&mut self.double_blocks, &mut self.single_blocks);
        first.keep_resident(count, &mut |i| on_block(i, blocks))?;
        let left = count.saturating_sub(double);
        second.keep_resident(left, &mut |i| on_block(double + i, blocks))
    }

    /// Evicts all blocks.
    pub(crate) fn evict(&mut self) {
        // Nothing is read where nothing is to be resident.
        let _ = self.keep_resident(0, &mut |_, _| Ok(()));
    }

    /// The sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many blocks one evaluation runs through.
    pub fn blocks(&self) -> usize {
        self.double_blocks.count() + self.single_blocks.count()
    }

    /// The rotary tables for tokens at these positions, those of the text first. Computed in f32 or better, whatever the
    /// model's precision.
    ///
    /// # Errors
    /// When the device has no memory left.
    pub fn rope(&self, positions: &[Position]) -> Result<Rope> {
        let axes = &self.config.axes_dims_rope;
        Rope::new(positions, axes, ROPE_THETA, &self.hardware)
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
    ) -> Result<Array> {
        let here = |input: &Array| input.on(&self.hardware);
        let mut image = self.img_in.forward(&here(inputs.image)?)?; // (b, l_img, width)
        let mut text = self.txt_in.forward(&here(inputs.text)?)?; // (b, l_txt, width)
        let vector = self.vector(inputs)?;

        let (double, single, blocks) = (&self.double_blocks, &self.single_blocks, self.blocks());
        for i in 0..double.count() {
            on_block(i, blocks)?;
            (image, text) = double.run(i, |block| block.forward(&image, &text, &vector, rope))?;
        }
        let text_tokens = text.dim(1)?;
        let mut both = Array::cat(&[text, image], 1)?; // (b, l_txt + l_img, width)
        for i in 0..single.count() {
            on_block(double.count() + i, blocks)?;
            both = single.run(i, |block| block.forward(&both, &vector, rope))?;
        }
        let image = both.narrow(1, text_tokens, both.dim(1)? - text_tokens)?;
        self.final_layer.forward(&image, &vector)
    }

    /// Time, guidance and pooled text as one vector that steers every block: `(b, width)`.
    fn vector(&self, inputs: &Inputs<'_>) -> Result<Array> {
        let embed = |embedder: &Embedder, times| {
            embedder.of_times(times, inputs.rounded_to_bf16, &self.hardware)
        };
        let mut vector = embed(&self.time_in, inputs.sigma)?;
        if let Some(guidance_in) = &self.guidance_in {
            let Some(guidance) = inputs.guidance else {
                let wrong = "this is a dev checkpoint, which needs a guidance, and none was given";
                return Err(Error::Checkpoint(wrong.to_owned()));
            };
            vector = vector.plus(&embed(guidance_in, guidance)?)?;
        }
        let pooled = inputs.pooled.on(&self.hardware)?;
        vector.plus(&self.vector_in.forward(&pooled)?)
    }
}

/// Called before each block with its index and the number of blocks.
pub type OnBlock<'a> = dyn FnMut(usize, usize) -> Result<()> + 'a;

/// From the stream back to the features of image tokens.
struct FinalLayer {
    modulation: Linear,
    linear: Linear,
}

impl FinalLayer {
    fn load(width: usize, features: usize, weights: &Weights) -> Result<Self> {
        Ok(Self {
            modulation: Linear::load(width, 2 * width, &weights.at("adaLN_modulation.1"))?,
            linear: Linear::load(width, features, &weights.at("linear"))?,
        })
    }

    fn forward(&self, x: &Array, vector: &Array) -> Result<Array> {
        let modulation = self.modulation.forward(&silu(vector)?)?.unsqueeze(1)?;
        let [shift, scale] = modulation.split(2)?; // (b, 1, width)
        let normal = modulated_norm(x, &shift, &scale, NORM_EPS)?;
        self.linear.forward(&normal)
    }
}
