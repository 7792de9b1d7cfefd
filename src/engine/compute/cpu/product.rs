//! The product of activations with weights that stay as the file has them.
//!
//! A panel of rows at a time is decoded into memory small enough for the cache, multiplied, and forgotten: a checkpoint in
//! 4 or 8 or 16 bits is never held in f32, and every panel is decoded once for all tokens.

use rayon::prelude::*;

use crate::engine::compute::cpu::decode::decode;
use crate::engine::error::{Error, Result};
use crate::weights::header::Format;

/// The most numbers of a decoded panel: 1 MiB in f32, which a core's second-level cache can hold.
const PANEL_NUMBERS: usize = 1 << 18;

/// The fewest and the most rows of a panel.
const PANEL_ROWS: (usize, usize) = (8, 128);

/// Rows of a matrix that lie one after the other in one format.
#[derive(Clone, Copy)]
pub(crate) struct RowBytes<'a> {
    /// The bytes of all rows.
    pub(crate) bytes: &'a [u8],
    /// Their format.
    pub(crate) format: Format,
    /// What the numbers are multiplied by.
    pub(crate) scale: f32,
    /// How many rows.
    pub(crate) rows: usize,
}

/// Some rows of one piece, and where their results go.
struct Panel<'a> {
    bytes: &'a [u8],
    format: Format,
    scale: f32,
    first: usize,
    rows: usize,
}

/// `x · Wᵀ` for `x`, `(l, input)`, and the rows of `W`, `(out, input)`, piece by piece: `(l, out)`.
///
/// # Errors
/// When the pieces are not rows of `input` numbers, or `x` has not as many in a row.
pub(crate) fn product(x: &[f32], pieces: &[RowBytes<'_>], input: usize) -> Result<Vec<f32>> {
    let panels = panels(pieces, input)?;
    let output: usize = panels.iter().map(|panel| panel.rows).sum();
    let l = x.len() / input.max(1);
    if l * input != x.len() {
        let count = x.len();
        return Err(Error::compute(format!(
            "{count} features do not fit weights for {input}"
        )));
    }
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
    Ok(out)
}

/// The rows of all pieces in panels.
fn panels<'a>(pieces: &[RowBytes<'a>], input: usize) -> Result<Vec<Panel<'a>>> {
    let (fewest, most) = PANEL_ROWS;
    let step = (PANEL_NUMBERS / input.max(1)).clamp(fewest, most);
    let (mut panels, mut first) = (Vec::new(), 0);
    for piece in pieces {
        let row_bytes = piece.format.bytes(input);
        let Some(row_bytes) = row_bytes.filter(|bytes| bytes * piece.rows == piece.bytes.len())
        else {
            let (count, rows) = (piece.bytes.len(), piece.rows);
            return Err(Error::compute(format!(
                "{count} bytes are not {rows} rows of weights"
            )));
        };
        for bytes in piece.bytes.chunks(step * row_bytes.max(1)) {
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
