//! How a job will run in the memory there is: what stays at hand, what is read anew each time, what is done piece by piece.
//!
//! [`Sizes`] are read from the headers of a model's files; [`plan`] is arithmetic on them and knows no device. The fastest way
//! whose peak fits the budget is taken. A plan changes how long a job takes and, where it decodes in tiles, very slightly the
//! picture; nothing else.

use serde::Serialize;

use crate::engine::Error;
use crate::engine::checkpoint::extent::Extent;
use crate::engine::checkpoint::{Component, Precision};
use crate::engine::device::Hardware;
use crate::engine::flux::attention::MAX_SCORES;
use crate::engine::planner::usual_operations;
use crate::engine::prompt::Keeping;
use crate::engine::transformer::Transformer;
use crate::schema::Note;
use crate::schema::request::{Model, Request};
use crate::schema::size::Size;
use crate::text::{duration_text, size_text};
use crate::weights::architecture::Architecture;
use crate::weights::inspect::Part;
use crate::weights::model::ModelSource;

/// What a model takes, as its headers tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Sizes {
    /// Bytes of an activation.
    number: u64,
    /// The transformer's layers outside its blocks.
    outside: Extent,
    /// The largest double block, and how many there are.
    double: (Extent, usize),
    /// The largest single block, and how many there are.
    single: (Extent, usize),
    /// Features of the stream, and of the MLP inside a block.
    width: u64,
    inner: u64,
    clip: Extent,
    /// A layer of T5, and how many there are.
    t5: (Extent, usize),
    /// Features of T5's stream, of its attention and of its MLP, and its heads.
    t5_width: u64,
    t5_inner: u64,
    t5_mlp: u64,
    t5_heads: u64,
    vae: Extent,
    /// Channels of the VAE's finest level, and of the one above it.
    finest: u64,
    second: u64,
    /// Pixels of a latent along a side.
    factor: u64,
}

/// What a job asks for, as far as memory goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// The picture's size.
    pub size: Size,
    /// Tokens of the prompt that T5 reads.
    pub text_tokens: usize,
    /// Denoising steps of one picture.
    pub steps: usize,
    /// Pictures.
    pub pictures: usize,
    /// Whether the prompt's encoding is at hand.
    pub knows_prompt: bool,
    /// Bytes of the safety checker that looks at the pictures; 0 where none does.
    pub checker: u64,
}

/// What the plans of a model's jobs are made of, for whoever shows them before a job.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// What the model takes, for dev and schnell, as its files have it and in 8 bits.
    pub sizes: Vec<((Model, Precision), Sizes)>,
    /// Tokens of a prompt that T5 reads, for dev and schnell.
    pub text_tokens: Vec<(Model, usize)>,
    /// Bytes of the safety checker; 0 where there is none.
    pub checker: u64,
    /// All memory of the machine, where that limits jobs.
    pub total: Option<u64>,
    /// What limits the memory; `None` where nothing is known.
    pub allowed: fn() -> Option<u64>,
    /// What the process holds without a model.
    pub base: u64,
    /// Multiplications and additions per second.
    pub operations: f64,
}

impl Outlook {
    /// How a job will run if the process may hold `limit` bytes; `None` when its model is not known.
    pub fn plan(&self, request: &Request, limit: Option<u64>) -> Option<Plan> {
        let key = (request.model, Precision::of(request));
        let (_, sizes) = self.sizes.iter().find(|(known, _)| *known == key)?;
        let (_, text_tokens) = self
            .text_tokens
            .iter()
            .find(|(known, _)| *known == request.model)?;
        let load = Load {
            size: request.size,
            text_tokens: *text_tokens,
            steps: request.running_steps(),
            pictures: request.num_outputs,
            knows_prompt: false,
            checker: if request.safety_checked {
                self.checker
            } else {
                0
            },
        };
        let budget = Budget {
            bytes: (self.allowed)().into_iter().chain(limit).min(),
            base: self.base,
            operations: self.operations,
            reading: READING,
        };
        Some(plan(sizes, &load, &budget))
    }
}

/// About how many seconds FLUX.1 takes on this machine for a picture of 1024 × 1024 pixels, before anything has been measured.
pub fn usual_seconds(model: Model, steps: usize) -> f64 {
    let flux = Architecture::flux1(model);
    let width = flux.width as u64;
    // Weights of a double and of a single block, in squares of the width: modulation, attention and MLP, of both streams.
    let (double, single) = (36 * width * width, 15 * width * width);
    let tokens = model.max_t5_tokens() as u64 + 64 * 64;
    let attention = 4 * tokens * tokens * width;
    let step = flux.double_blocks as u64 * (double * tokens + attention)
        + flux.single_blocks as u64 * (2 * single * tokens + attention);
    let is_cpu = Hardware::BEST == "CPU";
    step as f64 * steps as f64 / usual_operations(is_cpu)
}

/// Features of an attention head.
const HEAD: u64 = Architecture::flux1(Model::Dev).head as u64;

/// How fast files are taken to be read, in bytes per second: a disk without moving parts.
pub(super) const READING: f64 = 1.5e9;

/// The memory that a job may take, and how fast the device is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The most bytes that the process may hold; `None` where nothing limits it.
    pub bytes: Option<u64>,
    /// What the process holds before any model is in it.
    pub base: u64,
    /// Multiplications and additions per second.
    pub operations: f64,
    /// Bytes per second that a file is read with.
    pub reading: f64,
}

/// How a job will run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// What of the text encoders stays.
    pub text: Keeping,
    /// How many of the transformer's blocks stay at hand; the others are read anew in every step.
    pub at_hand: usize,
    /// How many blocks there are.
    pub blocks: usize,
    /// Whether the transformer stays at hand while a prompt is encoded.
    pub together: bool,
    /// Latents along the side of a tile that is decoded at once; `None` for all at once.
    pub tile: Option<usize>,
    /// The most bytes that the process will hold.
    pub peak: u64,
    /// About how long it will take, in seconds.
    pub seconds: f64,
    /// Whether the peak is within the budget: no plan needs less than the last one.
    pub fits: bool,
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
    ) -> Result<Self, Error> {
        let folder = Transformer::folder_for(source, model)?;
        let transformer = Component::open(source, Part::Transformer, folder, hardware)?;
        let open = |part: Part| Component::open(source, part, part.folder(), hardware);
        let (clip, t5, vae) = (open(Part::Clip)?, open(Part::T5)?, open(Part::Vae)?);
        let side = |component: &Component, name: &str, i: usize| {
            let shape = component.required_shape(name)?;
            Ok::<_, Error>(shape.get(i).copied().unwrap_or(0) as u64)
        };
        let double_blocks = transformer.count("double_blocks", "img_attn.qkv.weight");
        let single_blocks = transformer.count("single_blocks", "linear1.weight");
        let width = side(&transformer, "img_in.weight", 0)?;
        let inner = if single_blocks > 0 {
            let rows = side(&transformer, "single_blocks.0.linear1.weight", 0)?;
            rows.saturating_sub(3 * width)
        } else {
            side(&transformer, "double_blocks.0.img_mlp.0.weight", 0)?
        };
        let number = hardware.dtype.size_in_bytes() as u64;
        let clip_layers = clip.count("text_model.encoder.layers", "mlp.fc1.weight") as u64;
        let clip_layer = clip.extent(Some(&["encoder.layers."]), Precision::Stored);
        let clip_outside = clip.extent(None, Precision::Stored);
        let levels = vae.count("encoder.down_blocks", "resnets.0.conv1.weight");
        let t5_layer = "encoder.block.0.layer";
        let table = "0.SelfAttention.relative_attention_bias.weight";
        Ok(Self {
            number,
            outside: transformer.extent(None, precision),
            double: (
                transformer.extent(Some(&["double_blocks.", "transformer_blocks."]), precision),
                double_blocks,
            ),
            single: (
                transformer.extent(
                    Some(&["single_blocks.", "single_transformer_blocks."]),
                    precision,
                ),
                single_blocks,
            ),
            width,
            inner,
            clip: Extent {
                bytes: clip_outside.bytes + clip_layers * clip_layer.bytes,
                numbers: clip_outside.numbers + clip_layers * clip_layer.numbers,
            },
            t5: (
                t5.extent(Some(&["encoder.block.", "enc.blk."]), Precision::Stored),
                t5.count("encoder.block", "layer.0.SelfAttention.q.weight"),
            ),
            t5_width: side(&t5, "encoder.final_layer_norm.weight", 0)?,
            t5_inner: side(&t5, &format!("{t5_layer}.0.SelfAttention.q.weight"), 0)?,
            t5_mlp: side(&t5, &format!("{t5_layer}.1.DenseReluDense.wo.weight"), 1)?,
            t5_heads: side(&t5, &format!("{t5_layer}.{table}"), 1)?,
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
    fn bytes_of_blocks(&self, count: usize) -> u64 {
        let double = count.min(self.double.1) as u64;
        let single = count.saturating_sub(self.double.1).min(self.single.1) as u64;
        double * self.double.0.bytes + single * self.single.0.bytes
    }

    /// What runs at most while the first `count` blocks are at hand: what a block makes of `tokens` tokens, and the weights of
    /// one that is not at hand.
    fn running(&self, count: usize, tokens: u64) -> u64 {
        let weights = |extent: Extent, is_beyond: bool| if is_beyond { extent.bytes } else { 0 };
        let double =
            weights(self.double.0, count < self.double.1) + self.double_activations(tokens);
        let single = weights(self.single.0, count < self.blocks()) + self.activations(tokens);
        if self.double.1 == 0 {
            single
        } else {
            double.max(single)
        }
    }

    /// What holds while a prompt is encoded: T5's layers, and what a layer makes of the tokens.
    fn encoding(&self, text: Keeping, tokens: u64) -> u64 {
        let (layer, layers) = (self.t5.0.bytes, self.t5.1 as u64);
        let weights = match text {
            Keeping::Both | Keeping::WhileEncoding => self.clip.bytes + layers * layer,
            Keeping::OneLayer => self.clip.bytes + layer,
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
        let (double, single) = (self.double.0.numbers, self.single.0.numbers);
        // Half of a double block's weights are the text's, half the picture's.
        let attention = 4 * tokens * tokens * self.width;
        let step = self.double.1 as u64 * (double * tokens + attention)
            + self.single.1 as u64 * (2 * single * tokens + attention);
        step as f64 * (load.steps * load.pictures) as f64
    }

    /// What the VAE makes of `pixels` pixels, at most: in the first block of the finest level, whose input has the channels of
    /// the level above it.
    fn decoding(&self, pixels: u64) -> u64 {
        self.number * pixels * 2 * (self.second + self.finest)
    }
}

impl Plan {
    /// The plan in one short line, for people.
    pub fn line(&self) -> String {
        let peak = size_text(self.peak);
        let way = match self.blocks - self.at_hand {
            _ if !self.fits => return format!("Needs {peak}, more than is free: it may fail"),
            0 => "In memory",
            all if all == self.blocks => "Block by block",
            _ => "Partly block by block",
        };
        let time = duration_text(self.seconds);
        format!("{way} · {peak} · about {time}")
    }

    /// What the line means.
    pub fn explanation(&self) -> String {
        let streamed = self.blocks - self.at_hand;
        let blocks = if streamed == 0 {
            "The whole transformer stays in memory".to_owned()
        } else {
            format!(
                "{streamed} of the transformer's {} blocks are read anew in every step, which takes less memory",
                self.blocks
            )
        };
        let text = match self.text {
            Keeping::Both => "the text encoders stay too",
            Keeping::WhileEncoding => "the text encoders are let go once the prompt is encoded",
            Keeping::OneLayer => "T5 is read layer by layer",
        };
        let tiles = if self.tile.is_some() {
            "; the picture is decoded in tiles"
        } else {
            ""
        };
        format!("{blocks}; {text}{tiles}. The settings can limit the memory")
    }

    /// Whether the safety checker stays in memory between jobs; otherwise it is there only while it looks at pictures.
    pub(super) fn keeps_checker(&self) -> bool {
        self.at_hand == self.blocks
    }

    /// What of it is a note on the job: what changes the picture, and what was tried first.
    pub(super) fn notes(&self, is_second: bool) -> Vec<Note> {
        let mut notes = Vec::new();
        if is_second {
            notes.push(Note::general(
                "The device ran out of memory: the job ran again in a way that needs less",
            ));
        }
        if self.tile.is_some() {
            notes.push(Note::general(
                "Decoded in tiles to save memory: colours may differ very slightly from a picture decoded at once",
            ));
        }
        notes
    }
}

impl Load {
    /// Image tokens: a latent patch each.
    fn image_tokens(&self, factor: u64) -> u64 {
        let patch = 2 * factor.max(1);
        u64::from(self.size.width) / patch * (u64::from(self.size.height) / patch)
    }

    fn pixels(&self) -> u64 {
        u64::from(self.size.width) * u64::from(self.size.height)
    }
}

/// Latents along the side of a tile: pictures of 512 pixels, as others decode them.
/// <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/models/autoencoders/autoencoder_kl.py>
/// (`tile_latent_min_size`)
pub const TILE: usize = 64;

/// The fastest way to run a job within the budget; where none is, the way that needs least.
pub fn plan(sizes: &Sizes, load: &Load, budget: &Budget) -> Plan {
    let ways = ways(sizes, load, budget);
    let fitting = ways.iter().find(|plan| plan.fits).or(ways.last());
    fitting.copied().unwrap_or(Plan {
        text: Keeping::OneLayer,
        at_hand: 0,
        blocks: sizes.blocks(),
        together: false,
        tile: None,
        peak: 0,
        seconds: 0.0,
        fits: false,
    })
}

/// The next way that needs less than `plan`, for when memory has run out all the same.
pub fn lower(plan: &Plan, sizes: &Sizes, load: &Load, budget: &Budget) -> Option<Plan> {
    let ways = ways(sizes, load, budget);
    ways.into_iter().find(|way| way.peak < plan.peak)
}

/// All ways, the fastest first; each needs no more than the one before.
fn ways(sizes: &Sizes, load: &Load, budget: &Budget) -> Vec<Plan> {
    let blocks = sizes.blocks();
    let way = |text, at_hand, together, tile| Plan {
        text,
        at_hand,
        blocks,
        together,
        tile,
        peak: 0,
        seconds: 0.0,
        fits: false,
    };
    let tile = (load.pixels() > (TILE as u64 * sizes.factor).pow(2)).then_some(TILE);
    let mut ways = vec![
        way(Keeping::Both, blocks, true, None),
        way(Keeping::WhileEncoding, blocks, true, None),
        way(Keeping::WhileEncoding, blocks, false, None),
        way(Keeping::OneLayer, blocks, false, None),
        way(Keeping::OneLayer, blocks, false, tile),
    ];
    // Then with fewer and fewer blocks, in steps of an eighth.
    for eighths in (0..8).rev() {
        let at_hand = blocks * eighths / 8;
        ways.push(way(Keeping::OneLayer, at_hand, false, None));
        ways.push(way(Keeping::OneLayer, at_hand, false, tile));
    }
    for plan in &mut ways {
        plan.peak = peak(plan, sizes, load, budget);
        plan.seconds = seconds(plan, sizes, load, budget);
        plan.fits = budget.bytes.is_none_or(|bytes| plan.peak <= bytes);
    }
    ways.dedup_by(|later, earlier| later.peak >= earlier.peak);
    ways
}

/// The most bytes that the process holds in any stage of a job.
fn peak(plan: &Plan, sizes: &Sizes, load: &Load, budget: &Budget) -> u64 {
    let text_tokens = load.text_tokens as u64;
    let tokens = text_tokens + load.image_tokens(sizes.factor);
    let transformer = sizes.outside.bytes + sizes.bytes_of_blocks(plan.at_hand);
    let text = match plan.text {
        Keeping::Both => sizes.clip.bytes + sizes.t5.1 as u64 * sizes.t5.0.bytes,
        Keeping::WhileEncoding | Keeping::OneLayer => 0,
    };
    let (checker, checking) = if plan.keeps_checker() {
        (load.checker, 0)
    } else {
        // The blocks make room for it.
        (0, sizes.outside.bytes + load.checker)
    };
    let always = budget.base + sizes.vae.bytes + checker;
    let beside_encoding = if plan.together { transformer } else { 0 };
    let encoding = if load.knows_prompt {
        0
    } else {
        beside_encoding + sizes.encoding(plan.text, text_tokens)
    };
    let denoising = text + transformer + sizes.running(plan.at_hand, tokens);
    let decoded = plan.tile.map_or(load.pixels(), |tile| {
        (tile as u64 * sizes.factor).pow(2).min(load.pixels())
    });
    // The whole picture is put together beside the tiles.
    let whole = 2 * 3 * sizes.number * load.pixels();
    let decoding = text + transformer + sizes.decoding(decoded) + whole;
    always + encoding.max(denoising).max(decoding).max(checking)
}

/// About how long a job takes.
fn seconds(plan: &Plan, sizes: &Sizes, load: &Load, budget: &Budget) -> f64 {
    let text = load.text_tokens as u64;
    let t5_numbers = sizes.t5.1 as u64 * sizes.t5.0.numbers;
    let encoding = if load.knows_prompt {
        0
    } else {
        2 * t5_numbers * text
    };
    // A decoder's convolutions at every level cost about as much as 15 of the finest.
    let decoding = 15 * 2 * 9 * sizes.finest * sizes.second * load.pixels();
    let pictures = load.pictures as f64;
    let operations =
        encoding as f64 + pictures * decoding as f64 + sizes.denoising_operations(load);

    let streamed = sizes.bytes_of_blocks(plan.blocks) - sizes.bytes_of_blocks(plan.at_hand);
    let evaluations = (load.steps * load.pictures) as f64;
    let at_first = sizes.bytes_of_blocks(plan.at_hand) + sizes.t5.1 as u64 * sizes.t5.0.bytes;
    let read = at_first as f64 + evaluations * streamed as f64;
    operations / budget.operations.max(1.0) + read / budget.reading.max(1.0)
}
