//! Normalisation over groups of channels, with the SiLU that usually follows it, in two passes over the values.

use rayon::prelude::*;

/// How groups of channels are normalised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Normalisation {
    /// Groups that the channels are divided into.
    pub(crate) groups: usize,
    /// Small number under the root.
    pub(crate) eps: f64,
    /// Whether SiLU follows.
    pub(crate) silu: bool,
}

impl Normalisation {
    /// Normalises `x`, `(b, c, plane)`, with `weight` and `bias`, `(c)` each; their number is a multiple of the groups'.
    pub(crate) fn normalise(
        self,
        x: &[f32],
        plane: usize,
        weight: &[f32],
        bias: &[f32],
    ) -> Vec<f32> {
        let per_group = weight.len() / self.groups;
        let size = per_group * plane;
        let mut out = vec![0.0; x.len()];
        if size == 0 {
            return out;
        }
        let groups = out.par_chunks_exact_mut(size).zip(x.par_chunks_exact(size));
        groups.enumerate().for_each(|(index, (out, x))| {
            let first = index % self.groups * per_group;
            let (mean, scale) = moments(x, self.eps);
            let channels = out.chunks_exact_mut(plane).zip(x.chunks_exact(plane));
            for (channel, (out, x)) in channels.enumerate() {
                let factor = weight[first + channel] * scale;
                self.finish(x, mean, factor, bias[first + channel], out);
            }
        });
        out
    }

    /// One channel.
    fn finish(self, x: &[f32], mean: f32, factor: f32, bias: f32, out: &mut [f32]) {
        let normal = |value: f32| (value - mean) * factor + bias;
        for (out, &value) in out.iter_mut().zip(x) {
            let value = normal(value);
            *out = if self.silu {
                value / (1.0 + (-value).exp())
            } else {
                value
            };
        }
    }
}

/// The mean of a group and one over its standard deviation.
fn moments(x: &[f32], eps: f64) -> (f32, f32) {
    let count = x.len() as f64;
    // Sums of short runs in f32 lanes, of runs in f64: fast and exact enough for any picture.
    let sum = |of: &dyn Fn(&[f32]) -> f32| {
        x.chunks(256).map(|run| f64::from(of(run))).sum::<f64>() / count
    };
    let mean = sum(&|run| run.iter().sum()) as f32;
    let variance = sum(&|run| {
        run.iter()
            .map(|value| (value - mean) * (value - mean))
            .sum()
    });
    (mean, (1.0 / (variance + eps).sqrt()) as f32)
}
