//! How fast machines are taken to be before anything has been measured.

use crate::engine::compute::hardware::Hardware;
use crate::schema::choices::Model;
use crate::weights::architecture::Architecture;

/// How fast files are taken to be read, in bytes per second: a disk without moving parts.
pub(super) const READING: f64 = 1.5e9;

/// How fast a core is taken to be before anything has been measured: multiplications and additions per second.
const OPERATIONS_PER_CORE: f64 = 6e10;

/// How fast a GPU is taken to be, in the same way.
const OPERATIONS_OF_GPU: f64 = 4e13;

/// How fast the machine is taken to be before anything has been measured.
pub(super) fn usual_operations(is_cpu: bool) -> f64 {
    if is_cpu {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        OPERATIONS_PER_CORE * cores as f64
    } else {
        OPERATIONS_OF_GPU
    }
}

/// About how many seconds FLUX.1 takes on this machine for a picture of 1024 × 1024 pixels, before anything has been measured.
pub fn usual_seconds(model: Model, steps: usize) -> f64 {
    let flux = Architecture::flux1(model);
    let width = flux.width as u64;
    // Weights of a double and of a single block, in squares of the width: modulation, attention and MLP, of both streams.
    let (double, single) = (36 * width * width, 15 * width * width);
    let tokens = model.max_t5_tokens() as u64 + 64 * 64;
    let blocks = [(double, flux.double_blocks), (single, flux.single_blocks)];
    let is_cpu = Hardware::BEST == "CPU";
    step_operations(blocks, width, tokens) * steps as f64 / usual_operations(is_cpu)
}

/// Multiplications and additions of one denoising step: by double and by single blocks of so many weights.
pub(super) fn step_operations(blocks: [(u64, usize); 2], width: u64, tokens: u64) -> f64 {
    let [(double, doubles), (single, singles)] = blocks;
    // Half of a double block's weights are the text's, half the picture's.
    let attention = 4 * tokens * tokens * width;
    let operations = doubles as u64 * (double * tokens + attention)
        + singles as u64 * (2 * single * tokens + attention);
    operations as f64
}
