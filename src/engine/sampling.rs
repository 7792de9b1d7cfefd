//! The schedule of noise levels, the Euler step, and the packing of latents into tokens.

use candle_core::{DType, Device, Result, Tensor};

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
    latents: &Tensor,
    velocity: &Tensor,
    sigma: f32,
    sigma_next: f32,
) -> Result<Tensor> {
    let change = (velocity.to_dtype(DType::F32)? * f64::from(sigma_next - sigma))?;
    latents + change
}

/// Packs latents into tokens, one per 2×2 patch: `(b, c, h, w)` → `(b, h/2 · w/2, 4c)`; `h` and `w` are even.
///
/// Same order as BFL: <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/sampling.py> (`prepare`)
pub(crate) fn pack(latents: &Tensor) -> Result<Tensor> {
    let (b, c, h, w) = latents.dims4()?;
    latents
        .reshape((b, c, h / 2, 2, w / 2, 2))?
        .permute((0, 2, 4, 1, 3, 5))? // (b, h/2, w/2, c, 2, 2)
        .reshape((b, h / 2 * (w / 2), c * 4))
}

/// Undoes [`pack`]: `(b, h/2 · w/2, 4c)` → `(b, c, h, w)` for latents of `h` by `w`.
pub(crate) fn unpack(tokens: &Tensor, h: usize, w: usize) -> Result<Tensor> {
    let (b, _, features) = tokens.dims3()?;
    let c = features / 4;
    tokens
        .reshape((b, h / 2, w / 2, c, 2, 2))?
        .permute((0, 3, 1, 4, 2, 5))? // (b, c, h/2, 2, w/2, 2)
        .reshape((b, c, h, w))
}

/// Positions of the image tokens of `h` by `w` latents: `(h/2 · w/2, 3)`, each `(0, row, column)`.
pub(crate) fn image_ids(h: usize, w: usize, device: &Device) -> Result<Tensor> {
    let (rows, columns) = (h / 2, w / 2);
    let ids: Vec<f32> = (0..rows)
        .flat_map(|row| (0..columns).flat_map(move |column| [0.0, row as f32, column as f32]))
        .collect();
    Tensor::from_vec(ids, (rows * columns, 3), device)
}

/// Positions of the text tokens: all zero, `(tokens, 3)`.
pub(crate) fn text_ids(tokens: usize, device: &Device) -> Result<Tensor> {
    Tensor::zeros((tokens, 3), DType::F32, device)
}
