//! The product of activations with weights that stay as the file has them.
//!
//! A panel of rows at a time is decoded into memory small enough for the cache, multiplied, and forgotten: a checkpoint in
//! 4 or 8 or 16 bits is never held in f32, and every panel is decoded once for all tokens.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, bail};
use rayon::prelude::*;

use crate::engine::kernels::decode::decode;
use crate::engine::kernels::values;
use crate::weights::header::Format;

/// The most numbers of a decoded panel: 1 MiB in f32, which a core's second-level cache can hold.
const PANEL_NUMBERS: usize = 1 << 18;

/// The fewest and the most rows of a panel.
const PANEL_ROWS: (usize, usize) = (8, 128);

/// Rows of a matrix that lie one after the other in one format.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The bytes of all rows.
    pub bytes: &'a [u8],
    /// Their format.
    pub format: Format,
    /// What the numbers are multiplied by.
    pub scale: f32,
    /// How many rows.
    pub rows: usize,
}

/// `x · Wᵀ` for `x`, `(l, in)`, and the rows of `W`, `(out, in)`.
pub struct Product<'a> {
    /// The rows, piece by piece.
    pub pieces: Vec<Rows<'a>>,
    /// Numbers in a row.
    pub input: usize,
}

/// Some rows of one piece, and where their results go.
struct Panel<'a> {
    bytes: &'a [u8],
    format: Format,
    scale: f32,
    first: usize,
    rows: usize,
}

impl Product<'_> {
    /// The rows in panels.
    fn panels(&self) -> Result<Vec<Panel<'_>>> {
        let (fewest, most) = PANEL_ROWS;
        let step = (PANEL_NUMBERS / self.input.max(1)).clamp(fewest, most);
        let (mut panels, mut first) = (Vec::new(), 0);
        for piece in &self.pieces {
            let row_bytes = piece.format.bytes(self.input);
            let Some(row_bytes) = row_bytes.filter(|bytes| bytes * piece.rows == piece.bytes.len())
            else {
                bail!(
                    "{} bytes are not {} rows of weights",
                    piece.bytes.len(),
                    piece.rows
                );
            };
            let chunks = piece.bytes.chunks(step * row_bytes.max(1));
            for bytes in chunks {
                let rows = bytes.len() / row_bytes.max(1);
                panels.push(Panel {
                    bytes,
                    format: piece.format,
                    scale: piece.scale,
                    first,
                    rows,
                });
                first += rows;
            }
        }
        Ok(panels)
    }
}

impl CustomOp1 for Product<'_> {
    fn name(&self) -> &'static str {
        "product"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (l, input) = layout.shape().dims2()?;
        let x = values(x, layout)?;
        if input != self.input {
            bail!("{input} features do not fit weights for {}", self.input);
        }
        let panels = self.panels()?;
        let output: usize = panels.iter().map(|panel| panel.rows).sum();
        let mut out = vec![0.0_f32; l * output];
        let target = Target {
            start: out.as_mut_ptr(),
            row: output,
        };
        panels.par_iter().for_each_init(Vec::new, |decoded, panel| {
            decoded.resize(panel.rows * input, 0.0);
            decode(panel.format, panel.bytes, decoded);
            target.multiply(panel, x, l, input, decoded);
        });
        Ok((CpuStorage::F32(out), (l, output).into()))
    }
}

/// The result, `(l, out)`, into whose columns panels are written side by side.
#[derive(Clone, Copy)]
struct Target {
    start: *mut f32,
    row: usize,
}

#[allow(unsafe_code, reason = "CPU kernels are one of the named exceptions")]
// SAFETY: every panel writes to columns of its own.
unsafe impl Sync for Target {}

impl Target {
    /// Writes the product of `x`, `(l, input)`, with a decoded panel, `(rows, input)`, into the panel's columns.
    #[allow(unsafe_code, reason = "CPU kernels are one of the named exceptions")]
    fn multiply(&self, panel: &Panel<'_>, x: &[f32], l: usize, input: usize, decoded: &[f32]) {
        assert!(
            x.len() == l * input
                && decoded.len() == panel.rows * input
                && panel.first + panel.rows <= self.row,
            "the matrices have the sizes they say"
        );
        // SAFETY: the result has l rows of `self.row` columns, of which `panel.first` and the `panel.rows` from there are
        // written by nobody else; the other two pointers are valid for the sizes asserted above, and do not overlap it.
        unsafe {
            gemm::gemm(
                l,
                panel.rows,
                input,
                self.start.add(panel.first),
                1,
                self.row as isize,
                false,
                x.as_ptr(),
                1,
                input as isize,
                decoded.as_ptr(),
                input as isize,
                1,
                0.0,
                panel.scale,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    }
}
