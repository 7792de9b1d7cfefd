//! Convolution with a square kernel.
//!
//! Bands of output rows are independent: each gathers the input under its kernel places into a matrix small enough for
//! the cache (im2col) and multiplies it by the weights, which lie in memory as the matrix that is needed.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use crate::engine::kernels::{suits, values};

/// The most values of one gathered matrix: 512 KiB, about half of a core's second-level cache.
const BAND_VALUES: usize = 1 << 17;

/// Convolves `x`, `(b, c, h, w)`, with `weight`, `(o, c, k, k)`, and adds `bias`, `(o)`. Zeros surround the input.
///
/// # Errors
/// When the shapes do not fit one another.
pub fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    padding: usize,
    stride: usize,
) -> Result<Tensor> {
    if suits(x) {
        let (x, weight, bias) = (x.contiguous()?, weight.contiguous()?, bias.contiguous()?);
        return x.apply_op3_no_bwd(&weight, &bias, &Conv { padding, stride });
    }
    let bias = bias.reshape((1, (), 1, 1))?;
    x.conv2d(weight, padding, stride, 1, 1)?
        .broadcast_add(&bias)
}

/// The operation.
struct Conv {
    padding: usize,
    stride: usize,
}

impl CustomOp3 for Conv {
    fn name(&self) -> &'static str {
        "conv2d"
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
        let (batch, channels, height, width) = x_layout.shape().dims4()?;
        let (outputs, weight_channels, kernel, kernel_width) = weight_layout.shape().dims4()?;
        let padded = 2 * self.padding;
        let fits = height + padded >= kernel && width + padded >= kernel;
        if weight_channels != channels
            || kernel != kernel_width
            || bias_layout.shape().elem_count() != outputs
            || !fits
        {
            bail!(
                "a convolution of {:?} does not fit an input of {:?}",
                weight_layout.shape(),
                x_layout.shape()
            );
        }
        let (x, weight, bias) = (
            values(x, x_layout)?,
            values(weight, weight_layout)?,
            values(bias, bias_layout)?,
        );
        let places = Places {
            channels,
            height,
            width,
            kernel,
            padding: self.padding,
            stride: self.stride,
            out_height: (height + padded - kernel) / self.stride + 1,
            out_width: (width + padded - kernel) / self.stride + 1,
        };
        let size = outputs * places.out_height * places.out_width;
        let mut out = vec![0.0; batch * size];
        let pictures = x.chunks_exact((channels * height * width).max(1));
        for (picture, out) in pictures.zip(out.chunks_exact_mut(size.max(1))) {
            places.convolve(picture, weight, bias, out);
        }
        let shape = (batch, outputs, places.out_height, places.out_width).into();
        Ok((CpuStorage::F32(out), shape))
    }
}

/// The geometry of a convolution.
struct Places {
    channels: usize,
    height: usize,
    width: usize,
    kernel: usize,
    padding: usize,
    stride: usize,
    out_height: usize,
    out_width: usize,
}

impl Places {
    /// One picture, `(c, h, w)` → `(o, out_height, out_width)`.
    fn convolve(&self, picture: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32]) {
        let depth = self.channels * self.kernel * self.kernel;
        let outputs = bias.len();
        let rows = (BAND_VALUES / (depth * self.out_width)).clamp(1, self.out_height);
        let plane = self.out_height * self.out_width;
        for (channel, bias) in out.chunks_exact_mut(plane.max(1)).zip(bias) {
            channel.fill(*bias);
        }
        let target = Target {
            start: out.as_mut_ptr(),
            plane,
        };
        (0..self.out_height.div_ceil(rows))
            .into_par_iter()
            .for_each(|band| {
                let rows = band * rows..((band + 1) * rows).min(self.out_height);
                let first = rows.start * self.out_width;
                let columns = rows.len() * self.out_width;
                let gathered = self.gather(picture, rows);
                target.add((outputs, columns, depth), first, weight, &gathered);
            });
    }

    /// The input under each kernel place of some output rows: `(c · k · k, rows · out_width)`.
    fn gather(&self, picture: &[f32], rows: std::ops::Range<usize>) -> Vec<f32> {
        let depth = self.channels * self.kernel * self.kernel;
        let mut gathered = vec![0.0; depth * rows.len() * self.out_width];
        let mut lines = gathered.chunks_exact_mut(self.out_width);
        for channel in picture.chunks_exact(self.height * self.width) {
            for (dy, dx) in (0..self.kernel).flat_map(|dy| (0..self.kernel).map(move |dx| (dy, dx)))
            {
                for (row, line) in rows.clone().zip(&mut lines) {
                    let Some(y) = (row * self.stride + dy)
                        .checked_sub(self.padding)
                        .filter(|y| *y < self.height)
                    else {
                        continue;
                    };
                    self.gather_line(&channel[y * self.width..(y + 1) * self.width], dx, line);
                }
            }
        }
        gathered
    }

    /// The values of one input line under the kernel's column `dx`.
    fn gather_line(&self, line: &[f32], dx: usize, out: &mut [f32]) {
        if self.stride == 1 {
            // Zeros stay where the kernel reaches beyond the line.
            let before = self.padding.saturating_sub(dx).min(out.len());
            let from = dx.saturating_sub(self.padding);
            let count = (out.len() - before).min(self.width.saturating_sub(from));
            out[before..before + count].copy_from_slice(&line[from..from + count]);
            return;
        }
        for (column, value) in out.iter_mut().enumerate() {
            let x = (column * self.stride + dx).checked_sub(self.padding);
            *value = x.and_then(|x| line.get(x)).copied().unwrap_or_default();
        }
    }
}

/// The result, `(o, out_height · out_width)`, of which every band has columns of its own.
struct Target {
    start: *mut f32,
    plane: usize,
}

#[allow(unsafe_code, reason = "CPU kernels are one of the named exceptions")]
// SAFETY: every band writes to columns of its own.
unsafe impl Sync for Target {}

impl Target {
    /// Adds the product of two row-major matrices, `(m, k)` and `(k, n)`, to `n` columns from `first` on.
    #[allow(unsafe_code, reason = "CPU kernels are one of the named exceptions")]
    fn add(&self, (m, n, k): (usize, usize, usize), first: usize, left: &[f32], right: &[f32]) {
        assert!(
            left.len() == m * k && right.len() == k * n && first + n <= self.plane,
            "the matrices have the sizes they say"
        );
        let row = |columns: usize| columns as isize;
        // SAFETY: the result has m rows of `self.plane` columns, of which the n from `first` on are used by nobody else; the
        // other two pointers are valid for m × k and k × n values, as asserted above, and do not overlap it.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                self.start.add(first),
                1,
                row(self.plane),
                true,
                left.as_ptr(),
                1,
                row(k),
                right.as_ptr(),
                1,
                row(n),
                1.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    }
}
