//! The change that a LoRA makes to one layer, and how it acts next to the layer's own product.
//!
//! Letters: l tokens, r rank, in and out the features of the layer.

use std::ops::Range;

use crate::engine::compute::array::Array;
use crate::engine::compute::matrix::Matrix;
use crate::engine::error::Result;
use crate::engine::layers::delta::Delta;
use crate::engine::layers::dora::{Changed, Lengths};

/// The change of one layer.
pub(crate) enum Update {
    /// A change of a linear layer's weight that grows with the scale.
    Weight {
        /// The change of all rows, or of those in `rows`.
        delta: Delta,
        /// The rows that change.
        rows: Range<usize>,
    },
    /// Low-rank changes of several ranges of rows, such as those of queries, keys and values in one layer. Their `A` stand
    /// below one another.
    Rows {
        /// `(Σr, in)`
        down: Array,
        /// The ranges in ascending order, none overlapping another.
        parts: Vec<RowsPart>,
    },
    /// A change of a weight together with the lengths of its rows or columns.
    Decomposed {
        /// The change of the direction.
        delta: Delta,
        /// The rows that change.
        rows: Range<usize>,
        /// The lengths.
        lengths: Lengths,
    },
    /// A change of a bias, `(rows)`.
    Bias {
        /// The change.
        delta: Array,
        /// The rows that change.
        rows: Range<usize>,
    },
    /// A change of a norm's scale, `(width)`.
    Norm(Array),
    /// The scale of a norm, `(width)`, in place of the model's; it does not depend on the strength.
    NormReplacement(Array),
}

/// A range of rows that has a change of its own.
pub(crate) struct RowsPart {
    /// The rows.
    pub(crate) rows: Range<usize>,
    /// `(rows, r)`
    pub(crate) up: Array,
}

impl Update {
    /// What is added to the output of a linear layer for the input `x`, `(l, in)`; `None` where nothing is. `base` is the
    /// layer's own product, `(l, out)`, and `weight` its weight.
    pub(crate) fn of_output(
        &self,
        x: &Array,
        base: &Array,
        weight: &Matrix,
        scale: f64,
    ) -> Result<Option<Array>> {
        let output = base.width()?;
        let change = match self {
            Self::Norm(_) | Self::NormReplacement(_) => return Ok(None),
            Self::Decomposed {
                delta,
                rows,
                lengths,
            } => {
                let change = lengths.change(x, base, &Changed { weight, rows }, delta, scale)?;
                spread(change, rows, output)?
            }
            _ if scale == 0.0 => return Ok(None),
            Self::Weight { delta, rows } => spread(delta.apply(x)?.scaled(scale)?, rows, output)?,
            Self::Rows { down, parts } => {
                rows_change(&x.matmul_transposed(down)?.scaled(scale)?, parts, output)?
            }
            Self::Bias { delta, rows } => spread(delta.unsqueeze(0)?.scaled(scale)?, rows, output)?,
        };
        Ok(Some(change))
    }

    /// The scale of a norm after the change, `(width)`.
    pub(crate) fn of_norm(&self, weight: &Array, scale: f64) -> Result<Array> {
        match self {
            Self::Norm(delta) => weight.plus(&delta.scaled(scale)?),
            Self::NormReplacement(new) => Ok(new.clone()),
            _ => Ok(weight.clone()),
        }
    }
}

/// Puts the change of some rows, `(l, rows)`, among the others, which do not change: `(l, output)`.
fn spread(change: Array, rows: &Range<usize>, output: usize) -> Result<Array> {
    if *rows == (0..output) {
        return Ok(change);
    }
    change.padded(1, rows.start, output - rows.end)
}

/// The change of several ranges of rows from what their `A` made of the input, `(l, Σr)`: `(l, output)`.
fn rows_change(inner: &Array, parts: &[RowsPart], output: usize) -> Result<Array> {
    let mut pieces = Vec::new();
    let (mut row, mut column) = (0, 0);
    let l = inner.dim(0)?;
    let gap = |width| inner.zeros([l, width]);
    for RowsPart { rows, up } in parts {
        if rows.start > row {
            pieces.push(gap(rows.start - row)?);
        }
        let rank = up.dim(1)?;
        let own = inner.narrow(1, column, rank)?.contiguous()?;
        pieces.push(own.matmul_transposed(up)?);
        (row, column) = (rows.end, column + rank);
    }
    if output > row {
        pieces.push(gap(output - row)?);
    }
    Array::cat(&pieces, 1)
}
