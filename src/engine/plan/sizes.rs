//! How much memory and work the parts of a model take, as its headers tell.

use crate::engine::compute::attention::MAX_SCORES;
use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::stored::Precision;
use crate::engine::error::Result;
use crate::engine::plan::load::{Encoders, Load};
use crate::engine::plan::speed::step_operations;
use crate::engine::tensors::component::Component;
use crate::engine::tensors::extent::Extent;
use crate::schema::choices::Model;
use crate::weights::architecture::Architecture;
use crate::weights::inspect::Part;
use crate::weights::model::ModelSource;

/// Features of an attention head.
const HEAD: u64 = Architecture::flux1(Model::Dev).head as u64;

/// What a model takes, as its headers tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Sizes {
    /// Bytes of an activation.
    pub(super) number: u64,
    /// The transformer's layers outside its blocks.
    pub(super) outside: Extent,
    /// The largest double block, and how many there are.
    pub(super) double: (Extent, usize),
    /// The largest single block, and how many there are.
    pub(super) single: (Extent, usize),
    /// Features of the stream, and of the MLP inside a block.
    pub(super) width: u64,
    pub(super) inner: u64,
    pub(super) clip: Extent,
    /// A layer of T5, and how many there are.
    pub(super) t5: (Extent, usize),
    /// Features of T5's stream, of its attention and of its MLP, and its heads.
    pub(super) t5_width: u64,
    pub(super) t5_inner: u64,
    pub(super) t5_mlp: u64,
    pub(super) t5_heads: u64,
    pub(super) vae: Extent,
    /// Channels of the VAE's finest level, and of the one above it.
    pub(super) finest: u64,
    pub(super) second: u64,
    /// Pixels of a latent along a side.
    pub(super) factor: u64,
}

impl Sizes {
    /// What the model takes that runs `model`.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn of(
        source: &ModelSource,
        model: Model,
        precision: Precision,
        hardware: &Hardware,
    ) -> Result<Self> {
        let folder = source.transformer_for(model)?;
        let transformer = Component::open(source, Part::Transformer, folder, hardware)?;
        let open = |part: Part| Component::open(source, part, part.folder(), hardware);
        let (clip, t5, vae) = (open(Part::Clip)?, open(Part::T5)?, open(Part::Vae)?);
        let side = |part: &Component, name: &str, i| part.side(name, i).map(|side| side as u64);
        let architecture = transformer.architecture()?;
        let number = hardware.number_bytes();
        let blocks = |kinds: &[&str]| transformer.extent(Some(kinds), precision);
        let double = blocks(&["double_blocks.", "transformer_blocks."]);
        let single = blocks(&["single_blocks.", "single_transformer_blocks."]);
        let clip_layers = clip.count("text_model.encoder.layers", "mlp.fc1.weight") as u64;
        let clip_layer = clip.extent(Some(&["encoder.layers."]), Precision::Stored);
        let clip_outside = clip.extent(None, Precision::Stored);
        let levels = vae.count("encoder.down_blocks", "resnets.0.conv1.weight");
        let t5_layer = t5.extent(Some(&["encoder.block.", "enc.blk."]), Precision::Stored);
        let t5_side = |name: &str, i| side(&t5, &format!("encoder.{name}.weight"), i);
        let attention = "block.0.layer.0.SelfAttention";
        Ok(Self {
            number,
            outside: transformer.extent(None, precision),
            double: (double, architecture.double_blocks),
            single: (single, architecture.single_blocks),
            width: architecture.width as u64,
            inner: architecture.mlp as u64,
            clip: Extent {
                bytes: clip_outside.bytes + clip_layers * clip_layer.bytes,
                numbers: clip_outside.numbers + clip_layers * clip_layer.numbers,
            },
            t5: (
                t5_layer,
                t5.count("encoder.block", "layer.0.SelfAttention.q.weight"),
            ),
            t5_width: t5_side("final_layer_norm", 0)?,
            t5_inner: t5_side(&format!("{attention}.q"), 0)?,
            t5_mlp: t5_side("block.0.layer.1.DenseReluDense.wo", 1)?,
            t5_heads: t5_side(&format!("{attention}.relative_attention_bias"), 1)?,
            vae: Extent {
                bytes: vae.numbers() * number,
                numbers: vae.numbers(),
            },
            finest: side(&vae, "encoder.conv_in.weight", 0)?,
            second: side(&vae, "encoder.down_blocks.1.resnets.0.conv1.weight", 0).unwrap_or(0),
            factor: 1 << levels.saturating_sub(1),
        })
    }

    /// How many blocks the transformer has.
    pub fn blocks(&self) -> usize {
        self.double.1 + self.single.1
    }

    /// Bytes of the first `count` blocks.
    pub(super) fn bytes_of_blocks(&self, count: usize) -> u64 {
        let double = count.min(self.double.1) as u64;
        let single = count.saturating_sub(self.double.1).min(self.single.1) as u64;
        double * self.double.0.bytes + single * self.single.0.bytes
    }

    /// What runs at most while the first `count` blocks are at hand: what a block makes of `tokens` tokens, and the weights of
    /// one that is not at hand.
    pub(super) fn running(&self, count: usize, tokens: u64) -> u64 {
        let weights = |extent: Extent, is_beyond: bool| if is_beyond { extent.bytes } else { 0 };
        let (double, doubles) = self.double;
        let double = weights(double, count < doubles) + self.double_activations(tokens);
        let single = weights(self.single.0, count < self.blocks()) + self.activations(tokens);
        if doubles == 0 {
            single
        } else {
            double.max(single)
        }
    }

    /// What holds while a prompt is encoded: T5's layers, and what a layer makes of the tokens.
    pub(super) fn encoding(&self, text: Encoders, tokens: u64) -> u64 {
        let (layer, layers) = (self.t5.0.bytes, self.t5.1 as u64);
        let weights = match text {
            Encoders::Both | Encoders::WhileEncoding => self.clip.bytes + layers * layer,
            Encoders::OneLayer => self.clip.bytes + layer,
        };
        // Attention holds the scores twice and their bias, the MLP its inner features three times.
        let attention = 3 * self.t5_heads * tokens * tokens + 5 * tokens * self.t5_inner;
        let mlp = 3 * tokens * self.t5_mlp;
        weights + self.number * (attention.max(mlp) + 3 * tokens * self.t5_width)
    }

    /// What a double block makes of `tokens` tokens, at most: both streams, their queries, keys and values apart and joined, and
    /// what attention makes of them.
    fn double_activations(&self, tokens: u64) -> u64 {
        let scores = self.scores(tokens).min(MAX_SCORES as u64);
        self.number * (tokens * 14 * self.width + 2 * scores)
    }

    /// What a single block makes of `tokens` tokens, at most.
    fn activations(&self, tokens: u64) -> u64 {
        let scores = (self.scores(tokens)).min(MAX_SCORES as u64);
        // A single block: its input and the wide layer's output stay; beside them either queries, keys and values in their
        // several forms, or what goes into the second layer.
        let wide = 3 * self.width + self.inner;
        let attention = 11 * self.width;
        let mlp = self.width + 3 * self.inner;
        // What the allocator keeps of earlier tensors, as measured (benches/memory.rs).
        let kept = 3 * self.width;
        self.number * (tokens * (3 * self.width + wide + attention.max(mlp) + kept) + 2 * scores)
    }

    /// Scores of the attention of every token to every other, in all heads, which have as many features as FLUX.1's.
    fn scores(&self, tokens: u64) -> u64 {
        (self.width / HEAD).max(1) * tokens * tokens
    }

    /// Multiplications and additions of all steps of all pictures.
    pub(super) fn denoising_operations(&self, load: &Load) -> f64 {
        let tokens = load.text_tokens as u64 + load.image_tokens(self.factor);
        let blocks = [self.double, self.single].map(|(extent, count)| (extent.numbers, count));
        step_operations(blocks, self.width, tokens) * (load.steps * load.pictures) as f64
    }

    /// What the VAE makes of `pixels` pixels, at most: in the first block of the finest level, whose input has the channels of
    /// the level above it.
    pub(super) fn decoding(&self, pixels: u64) -> u64 {
        self.number * pixels * 2 * (self.second + self.finest)
    }
}
