//! Convolution with a square kernel.
//!
//! Bands of output rows are independent: each gathers the input under its kernel places into a matrix small enough for
//! the cache (im2col) and multiplies it by the weights, which lie in memory as the matrix that is needed.

use rayon::prelude::*;

/// The most values of one gathered matrix: 512 KiB, about half of a core's second-level cache.
const BAND_VALUES: usize = 1 << 17;

/// The geometry of a convolution.
pub(crate) struct Places {
    channels: usize,
    outputs: usize,
    height: usize,
    width: usize,
    kernel: usize,
    padding: usize,
    stride: usize,
    pub(crate) out_height: usize,
    pub(crate) out_width: usize,
}

impl Places {
    /// For an input of `(b, c, h, w)` and weights of `(o, c, k, k)`; `None` where they do not fit each other.
    pub(crate) fn new(
        [_, channels, height, width]: [usize; 4],
        [outputs, weight_channels, kernel, kernel_width]: [usize; 4],
        padding: usize,
        stride: usize,
    ) -> Option<Self> {
        let out = |side: usize| Some((side + 2 * padding).checked_sub(kernel)? / stride + 1);
        let fits = weight_channels == channels && kernel == kernel_width;
        Some(Self {
            channels,
            outputs,
            height,
            width,
            kernel,
            padding,
            stride,
            out_height: out(height)?,
            out_width: out(width)?,
        })
        .filter(|_| fits)
    }

    /// Convolves a batch, `(b, c, h, w)` → `(b, o, out_height, out_width)`, and adds `bias`, `(o)`.
    pub(crate) fn convolve(&self, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let count = self.channels * self.height * self.width;
        let size = self.outputs * self.out_height * self.out_width;
        let images = x.chunks_exact(count.max(1));
        let mut out = vec![0.0; images.len() * size];
        for (image, out) in images.zip(out.chunks_exact_mut(size.max(1))) {
            self.convolve_one(image, weight, bias, out);
        }
        out
    }

    /// One image, `(c, h, w)` → `(o, out_height, out_width)`.
    fn convolve_one(&self, image: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32]) {
        let depth = self.channels * self.kernel * self.kernel;
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
                let gathered = self.gather(image, rows);
                target.add((self.outputs, columns, depth), first, weight, &gathered);
            });
    }

    /// The input under each kernel place of some output rows: `(c · k · k, rows · out_width)`.
    fn gather(&self, image: &[f32], rows: std::ops::Range<usize>) -> Vec<f32> {
        let depth = self.channels * self.kernel * self.kernel;
        let mut gathered = vec![0.0; depth * rows.len() * self.out_width];
        let mut lines = gathered.chunks_exact_mut(self.out_width);
        for channel in image.chunks_exact(self.height * self.width) {
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
