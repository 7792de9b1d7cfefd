//! The ways in which a job can run, and the choice of one.

use serde::Serialize;

use crate::engine::plan::load::{Budget, Encoders, Load};
use crate::engine::plan::sizes::Sizes;

/// How a job will run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    /// Which text encoders stay in memory.
    pub text: Encoders,
    /// How many of the transformer's blocks stay resident; the others are streamed in every step.
    #[serde(rename = "at_hand")]
    pub resident: usize,
    /// How many blocks there are.
    pub blocks: usize,
    /// Whether the transformer stays in memory while a prompt is encoded.
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

impl Plan {
    /// Whether the safety checker stays in memory between jobs; otherwise it is there only while it looks at pictures.
    pub(crate) fn keeps_checker(&self) -> bool {
        self.resident == self.blocks
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
    fitting.copied().unwrap_or_default()
}

/// The next way that needs less than `plan`, for when memory has run out all the same.
pub fn lower(plan: &Plan, sizes: &Sizes, load: &Load, budget: &Budget) -> Option<Plan> {
    let ways = ways(sizes, load, budget);
    ways.into_iter().find(|way| way.peak < plan.peak)
}

/// All ways, the fastest first; each needs no more than the one before.
fn ways(sizes: &Sizes, load: &Load, budget: &Budget) -> Vec<Plan> {
    let blocks = sizes.blocks();
    let way = |text, resident, together, tile| Plan {
        text,
        resident,
        blocks,
        together,
        tile,
        ..Plan::default()
    };
    let tile = (load.pixels() > (TILE as u64 * sizes.factor).pow(2)).then_some(TILE);
    let mut ways = vec![
        way(Encoders::Both, blocks, true, None),
        way(Encoders::WhileEncoding, blocks, true, None),
        way(Encoders::WhileEncoding, blocks, false, None),
        way(Encoders::OneLayer, blocks, false, None),
        way(Encoders::OneLayer, blocks, false, tile),
    ];
    // Then with fewer and fewer blocks, in steps of an eighth.
    for eighths in (0..8).rev() {
        let resident = blocks * eighths / 8;
        ways.push(way(Encoders::OneLayer, resident, false, None));
        ways.push(way(Encoders::OneLayer, resident, false, tile));
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
    let transformer = sizes.outside.bytes + sizes.bytes_of_blocks(plan.resident);
    let text = match plan.text {
        Encoders::Both => sizes.clip.bytes + sizes.t5.1 as u64 * sizes.t5.0.bytes,
        Encoders::WhileEncoding | Encoders::OneLayer => 0,
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
    let denoising = text + transformer + sizes.running(plan.resident, tokens);
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
    let encoded = if load.knows_prompt { 0 } else { text };
    let encoding = 2 * t5_numbers * encoded;
    // A decoder's convolutions at every level cost about as much as 15 of the finest.
    let decoding = 15 * 2 * 9 * sizes.finest * sizes.second * load.pixels();
    let coding = encoding as f64 + load.pictures as f64 * decoding as f64;
    let operations = coding + sizes.denoising_operations(load);

    let streamed = sizes.bytes_of_blocks(plan.blocks) - sizes.bytes_of_blocks(plan.resident);
    let evaluations = (load.steps * load.pictures) as f64;
    let at_first = sizes.bytes_of_blocks(plan.resident) + sizes.t5.1 as u64 * sizes.t5.0.bytes;
    let read = at_first as f64 + evaluations * streamed as f64;
    operations / budget.operations.max(1.0) + read / budget.reading.max(1.0)
}
