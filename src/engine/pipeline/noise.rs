//! The reference's noise, the same on every device.
//!
//! The reference draws its noise with torch on a CUDA card: Philox4x32-10 and Box–Muller, spread over the card's threads.
//! Which thread makes which number depends on the card's size, so that belongs to the definition
//! ([`NOISE_MULTIPROCESSORS`]). The numbers are then rounded to bf16, the precision they are drawn in.
//!
//! Sources: layout of the draw
//! <https://github.com/pytorch/pytorch/blob/v2.6.0/aten/src/ATen/native/cuda/DistributionTemplates.h> (`calc_execution_policy`,
//! `distribution_elementwise_grid_stride_kernel`); the generator
//! <https://github.com/pytorch/pytorch/blob/v2.6.0/aten/src/ATen/core/PhiloxRNGEngine.h>; Box–Muller: `curand_normal.h` of
//! the CUDA toolkit.

use half::bf16;

use crate::schema::quirks::NOISE_MULTIPROCESSORS;

/// Threads in a block of torch's kernel.
const BLOCK: u64 = 256;

/// Blocks that one multiprocessor holds at once: 2048 threads by [`BLOCK`].
const BLOCKS_PER_MULTIPROCESSOR: u64 = 8;

/// The generator of one job: its draws follow each other.
#[derive(Clone, Debug)]
pub struct Draws {
    seed: u64,
    /// Calls of the card's generator that earlier draws have used up.
    calls: u64,
}

impl Draws {
    /// The generator of this seed before its first draw.
    pub fn new(seed: u64) -> Self {
        Self { seed, calls: 0 }
    }

    /// Standard normals for one draw of latents, rounded to bf16.
    ///
    /// `shape` is `(n, c, h, w)` for the whole batch: the pictures of a job come from one draw, in order.
    pub fn latents(&mut self, shape: [usize; 4]) -> Vec<f32> {
        self.normals(shape.iter().product())
            .map(|value| bf16::from_f32(value).to_f32())
            .collect()
    }

    /// The next `count` standard normals of `torch.randn` on the reference's card, in f32.
    pub fn normals(&mut self, count: usize) -> impl Iterator<Item = f32> + use<> {
        let stride = stride(count);
        let earlier = self.calls;
        // Every thread makes as many calls as the busiest one needs.
        self.calls += (count as u64).div_ceil(4 * stride);
        normals(self.seed, count, earlier)
    }
}

/// How many threads share a draw of `count` numbers.
fn stride(count: usize) -> u64 {
    let blocks = (count as u64)
        .div_ceil(BLOCK)
        .min(NOISE_MULTIPROCESSORS * BLOCKS_PER_MULTIPROCESSOR);
    (BLOCK * blocks).max(1)
}

/// `count` standard normals, after `earlier` calls of the generator.
fn normals(seed: u64, count: usize, earlier: u64) -> impl Iterator<Item = f32> {
    let stride = stride(count);
    (0..count as u64).map(move |index| {
        let thread = index % stride;
        let turn = index / stride;
        // Each call of the generator makes four numbers, one for each of four turns through the card's threads.
        let call = earlier + turn / 4;
        let words = philox(
            seed,
            [
                call as u32,
                (call >> 32) as u32,
                thread as u32,
                (thread >> 32) as u32,
            ],
        );
        let (radius_word, angle_word) = if turn % 4 < 2 {
            (words[0], words[1])
        } else {
            (words[2], words[3])
        };
        let (sin, cos) = box_muller(radius_word, angle_word);
        if turn.is_multiple_of(2) { sin } else { cos }
    })
}

/// Two standard normals from two words, with the roundings of `curand_normal.h`.
///
/// The functions are evaluated in f64 and rounded once, so that every platform gives the same f32.
fn box_muller(radius_word: u32, angle_word: u32) -> (f32, f32) {
    const TO_UNIT: f32 = 1.0 / 4_294_967_296.0;
    const TO_TURN: f32 = TO_UNIT * std::f32::consts::TAU;
    let u = radius_word as f32 * TO_UNIT + TO_UNIT / 2.0;
    let v = angle_word as f32 * TO_TURN + TO_TURN / 2.0;
    let radius = (-2.0 * f64::from(u).ln()).max(0.0).sqrt();
    let (sin, cos) = f64::from(v).sin_cos();
    ((radius * sin) as f32, (radius * cos) as f32)
}

/// Philox4x32 with ten rounds. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
fn philox(key: u64, mut counter: [u32; 4]) -> [u32; 4] {
    const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let mut key = [key as u32, (key >> 32) as u32];
    for _ in 0..10 {
        let first = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let second = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (second >> 32) as u32 ^ counter[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ counter[3] ^ key[1],
            first as u32,
        ];
        key = [
            key[0].wrapping_add(KEY_STEPS[0]),
            key[1].wrapping_add(KEY_STEPS[1]),
        ];
    }
    counter
}
