//! Normalisation over groups of channels, with the SiLU that usually follows it, in two passes over the values.

use candle_core::{CpuStorage, CustomOp3, Layout, Module, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use crate::engine::kernels::{suits, values};

/// How to normalise.
#[derive(Clone, Copy, Debug)]
pub struct GroupNorm {
    /// Groups that the channels are divided into.
    pub groups: usize,
    /// Small number under the root.
    pub eps: f64,
    /// Whether SiLU follows.
    pub silu: bool,
}

impl GroupNorm {
    /// Normalises `x`, `(b, c, h, w)`, with `weight` and `bias`, `(c)` each.
    ///
    /// # Errors
    /// When the shapes do not fit one another.
    pub fn forward(self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
        if suits(x) {
            return x.contiguous()?.apply_op3_no_bwd(weight, bias, &self);
        }
        let norm = candle_nn::GroupNorm::new(
            weight.clone(),
            bias.clone(),
            weight.elem_count(),
            self.groups,
            self.eps,
        )?;
        let x = norm.forward(x)?;
        if self.silu { x.silu() } else { Ok(x) }
    }
}

impl CustomOp3 for GroupNorm {
    fn name(&self) -> &'static str {
        "group-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, channels, height, width) = x_layout.shape().dims4()?;
        let (x, weight, bias) = (
            values(x, x_layout)?,
            values(weight, weight_layout)?,
            values(bias, bias_layout)?,
        );
        let divisible = self.groups > 0 && channels.is_multiple_of(self.groups);
        if !divisible || weight.len() != channels || bias.len() != channels {
            bail!(
                "{channels} channels cannot be normalised in {} groups with {} weights",
                self.groups,
                weight.len()
            );
        }
        let (plane, per_group) = (height * width, channels / self.groups);
        let mut out = vec![0.0; x.len()];
        if plane > 0 {
            let size = per_group * plane;
            out.par_chunks_exact_mut(size)
                .zip(x.par_chunks_exact(size))
                .enumerate()
                .for_each(|(index, (out, x))| {
                    let first = index % self.groups * per_group;
                    let (mean, scale) = moments(x, self.eps);
                    for (channel, (out, x)) in out
                        .chunks_exact_mut(plane)
                        .zip(x.chunks_exact(plane))
                        .enumerate()
                    {
                        let factor = weight[first + channel] * scale;
                        self.finish(x, mean, factor, bias[first + channel], out);
                    }
                });
        }
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }
}

impl GroupNorm {
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
