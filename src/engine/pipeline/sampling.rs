//! The schedule of noise levels, the Euler step, and the packing of latents into tokens.

use serde::Deserialize;

use crate::engine::compute::array::Array;
use crate::engine::compute::rotary::Position;
use crate::engine::error::Result;

/// How the schedule of dev is shifted towards more noise for larger pictures.
///
/// Values and names as in `scheduler_config.json` of FLUX.1-dev.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Shift at `base_tokens`.
    pub base_shift: f64,
    /// Shift at `max_tokens`.
    pub max_shift: f64,
    /// Image tokens of the smaller anchor.
    pub base_tokens: f64,
    /// Image tokens of the larger anchor.
    pub max_tokens: f64,
}

impl Default for Shift {
    /// <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/sampling.py> (`get_schedule`)
    fn default() -> Self {
        Self {
            base_shift: 0.5,
            max_shift: 1.15,
            base_tokens: 256.0,
            max_tokens: 4096.0,
        }
    }
}

impl Shift {
    /// The exponent of the shift for a picture of `tokens` image tokens: linear through both anchors, not clamped.
    pub fn mu(&self, tokens: usize) -> f64 {
        let slope = (self.max_shift - self.base_shift) / (self.max_tokens - self.base_tokens);
        tokens as f64 * slope + (self.base_shift - slope * self.base_tokens)
    }
}

/// The part of `scheduler/scheduler_config.json` that matters here; FLUX.1-dev's values where something is absent.
#[derive(Default, Deserialize)]
pub(super) struct SchedulerConfig {
    base_shift: Option<f64>,
    max_shift: Option<f64>,
    base_image_seq_len: Option<f64>,
    max_image_seq_len: Option<f64>,
}

impl From<SchedulerConfig> for Shift {
    fn from(config: SchedulerConfig) -> Self {
        let usual = Self::default();
        Self {
            base_shift: config.base_shift.unwrap_or(usual.base_shift),
            max_shift: config.max_shift.unwrap_or(usual.max_shift),
            base_tokens: config.base_image_seq_len.unwrap_or(usual.base_tokens),
            max_tokens: config.max_image_seq_len.unwrap_or(usual.max_tokens),
        }
    }
}

/// The noise levels of `steps` steps: `steps + 1` values from 1 down to 0.
///
/// Linear without a shift (schnell); with one, `e^mu / (e^mu + (1/σ − 1))` (dev). The roundings are those of diffusers:
/// <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/schedulers/scheduling_flow_match_euler_discrete.py>
/// (`set_timesteps`, `time_shift`).
pub fn sigmas(steps: usize, tokens: usize, shift: Option<Shift>) -> Vec<f32> {
    let last = 1.0 / steps as f64;
    let spacing = if steps > 1 {
        (last - 1.0) / (steps - 1) as f64
    } else {
        0.0
    };
    let linear = (0..steps).map(|step| (1.0 + step as f64 * spacing) as f32);
    let shifted = linear.map(|sigma| match shift {
        None => sigma,
        Some(shift) => {
            let factor = shift.mu(tokens).exp() as f32;
            factor / (factor + (1.0 / sigma - 1.0))
        }
    });
    shifted.chain([0.0]).collect()
}

/// One Euler step from noise level `sigma` to `sigma_next` along the predicted velocity. All in f32.
pub(crate) fn euler_step(
    latents: &Array,
    velocity: &Array,
    sigma: f32,
    sigma_next: f32,
) -> Result<Array> {
    let change = velocity.to_f32()?.scaled(f64::from(sigma_next - sigma))?;
    latents.plus(&change)
}

/// Packs latents into tokens, one per 2×2 patch: `(b, c, h, w)` → `(b, h/2 · w/2, 4c)`; `h` and `w` are even.
///
/// Same order as BFL: <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/sampling.py> (`prepare`)
pub(crate) fn pack(latents: &Array) -> Result<Array> {
    let [b, c, h, w] = latents.shape()?;
    latents
        .reshape([b, c, h / 2, 2, w / 2, 2])?
        .permute([0, 2, 4, 1, 3, 5])? // (b, h/2, w/2, c, 2, 2)
        .reshape([b, h / 2 * (w / 2), c * 4])
}

/// Undoes [`pack`]: `(b, h/2 · w/2, 4c)` → `(b, c, h, w)` for latents of `h` by `w`.
pub(crate) fn unpack(tokens: &Array, h: usize, w: usize) -> Result<Array> {
    let [b, _, features] = tokens.shape()?;
    let c = features / 4;
    tokens
        .reshape([b, h / 2, w / 2, c, 2, 2])?
        .permute([0, 3, 1, 4, 2, 5])? // (b, c, h/2, 2, w/2, 2)
        .reshape([b, c, h, w])
}

/// Positions of `text` text tokens, all zero, and of the image tokens of `h` by `w` latents, each `(0, row, column)`.
pub(crate) fn positions(text: usize, h: usize, w: usize) -> Vec<Position> {
    let (rows, columns) = (h / 2, w / 2);
    let place = move |row| (0..columns).map(move |column| [0.0, row as f32, column as f32]);
    let text = std::iter::repeat_n([0.0; 3], text);
    text.chain((0..rows).flat_map(place)).collect()
}
