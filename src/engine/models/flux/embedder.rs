//! Numbers and vectors that steer every block.

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::pointwise::silu;
use crate::engine::error::Result;
use crate::engine::layers::linear::Linear;
use crate::engine::layers::weights::Weights;

/// Longest period of the sinusoidal embeddings, and the factor on times and guidance before them.
/// <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/modules/layers.py> (`timestep_embedding`)
const MAX_PERIOD: f32 = 10_000.0;
const TIME_FACTOR: f32 = 1000.0;

/// A time or guidance as it goes into the sinusoids: × 1000, with the reference's roundings if they are wanted.
fn scaled_time(value: f32, rounded_to_bf16: bool) -> f32 {
    if !rounded_to_bf16 {
        return value * TIME_FACTOR;
    }
    let rounded = |value: f32| half::bf16::from_f32(value).to_f32();
    rounded(rounded(value) * TIME_FACTOR)
}

/// Sinusoidal embedding of scaled times: one row of `features` for each, cosines first.
///
/// Every rounding is the reference's, which computes in f32: at a guidance of 30 the angles reach 30,000, where one
/// rounding of a frequency is visible.
/// <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/models/embeddings.py> (`get_timestep_embedding`)
fn sinusoids(times: &[f32], features: usize) -> Vec<f32> {
    let half = features / 2;
    let frequency = |i| {
        let exponent = -f64::from(MAX_PERIOD).ln() as f32 * i as f32 / half as f32;
        f64::from(exponent).exp() as f32
    };
    let frequencies: Vec<f32> = (0..half).map(frequency).collect();
    let rows = times.iter().flat_map(|time| {
        let angles = frequencies.iter().map(move |one| f64::from(time * one));
        let cosines = angles.clone().map(|angle| angle.cos() as f32);
        cosines.chain(angles.map(|angle| angle.sin() as f32))
    });
    rows.collect()
}

/// Two linear layers that turn a vector into a share of the steering vector.
pub(super) struct Embedder {
    in_layer: Linear,
    out_layer: Linear,
}

impl Embedder {
    /// Loads an embedder; `input` is as wide as the file says unless given.
    pub(super) fn load(width: usize, input: Option<usize>, weights: &Weights) -> Result<Self> {
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

    /// `(b, input)` → `(b, width)`
    pub(super) fn forward(&self, x: &Array) -> Result<Array> {
        let inner = self.in_layer.forward(x)?;
        self.out_layer.forward(&silu(&inner)?)
    }

    /// The share of times or guidances, one for each row: `(b, width)`.
    pub(super) fn of_times(
        &self,
        times: &[f32],
        rounded_to_bf16: bool,
        hardware: &Hardware,
    ) -> Result<Array> {
        let scaled = times.iter().map(|time| scaled_time(*time, rounded_to_bf16));
        let scaled: Vec<f32> = scaled.collect();
        let features = self.in_layer.input() / 2 * 2;
        let waves = sinusoids(&scaled, features);
        self.forward(&Array::new(waves, [times.len(), features], hardware)?.on(hardware)?)
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
            for (is_rounded, wanted) in [(true, rounded), (false, value * 1000.0)] {
                let scaled = scaled_time(value, is_rounded);
                assert!((scaled - wanted).abs() < f32::EPSILON, "{value}");
            }
        }
    }
}
