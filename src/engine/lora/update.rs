//! The change that a LoRA makes to one layer, and how it acts beside the layer's own product.
//!
//! Letters: l tokens, r rank, in and out the features of the layer. A change of a weight, Δ, is kept in the form that the
//! file has it in and is applied to activations, never added to the weight.

use std::ops::Range;
use std::sync::OnceLock;

use candle_core::{D, DType, Result, Tensor};

use crate::engine::checkpoint::matrix::Matrix;

/// The most columns of a Hadamard product that are multiplied at once: enough for a fast product, few enough to stay small.
const HADAMARD_COLUMNS: usize = 128;

/// What PyTorch adds to the lengths of rows or columns before it divides by them, in f32, as LyCORIS asks it to.
/// <https://github.com/KohakuBlueleaf/LyCORIS/blob/v3.1.0/lycoris/modules/locon.py> (`apply_weight_decompose`)
const LENGTH_EPS: f64 = f32::EPSILON as f64;

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
        down: Tensor,
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
        delta: Tensor,
        /// The rows that change.
        rows: Range<usize>,
    },
    /// A change of a norm's scale, `(width)`.
    Norm(Tensor),
    /// The scale of a norm, `(width)`, in place of the model's; it does not depend on the strength.
    NormReplacement(Tensor),
}

/// A range of rows that has a change of its own.
pub(crate) struct RowsPart {
    /// The rows.
    pub(crate) rows: Range<usize>,
    /// `(rows, r)`
    pub(crate) up: Tensor,
}

impl Update {
    /// What is added to the output of a linear layer for the input `x`, `(l, in)`; `None` where nothing is. `base` is the
    /// layer's own product, `(l, out)`, and `weight` its weight.
    pub(crate) fn of_output(
        &self,
        x: &Tensor,
        base: &Tensor,
        weight: &Matrix,
        scale: f64,
    ) -> Result<Option<Tensor>> {
        let output = base.dim(D::Minus1)?;
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
            Self::Weight { delta, rows } => spread((delta.apply(x)? * scale)?, rows, output)?,
            Self::Rows { down, parts } => {
                rows_change(&(x.matmul(&down.t()?)? * scale)?, parts, output)?
            }
            Self::Bias { delta, rows } => {
                spread((delta.unsqueeze(0)? * scale)?, rows, output)?.broadcast_as(base.shape())?
            }
        };
        Ok(Some(change))
    }

    /// The scale of a norm after the change, `(width)`.
    pub(crate) fn of_norm(&self, weight: &Tensor, scale: f64) -> Result<Tensor> {
        match self {
            Self::Norm(delta) => weight + (delta * scale)?,
            Self::NormReplacement(new) => Ok(new.clone()),
            _ => Ok(weight.clone()),
        }
    }
}

/// Puts the change of some rows, `(l, rows)`, among the others, which do not change: `(l, output)`.
fn spread(change: Tensor, rows: &Range<usize>, output: usize) -> Result<Tensor> {
    if *rows == (0..output) {
        return Ok(change);
    }
    change.pad_with_zeros(D::Minus1, rows.start, output - rows.end)
}

/// The change of several ranges of rows from what their `A` made of the input, `(l, Σr)`: `(l, output)`.
fn rows_change(inner: &Tensor, parts: &[RowsPart], output: usize) -> Result<Tensor> {
    let mut pieces = Vec::new();
    let (mut row, mut column) = (0, 0);
    let gap = |width| Tensor::zeros((inner.dim(0)?, width), inner.dtype(), inner.device());
    for RowsPart { rows, up } in parts {
        if rows.start > row {
            pieces.push(gap(rows.start - row)?);
        }
        let rank = up.dim(1)?;
        pieces.push(
            inner
                .narrow(1, column, rank)?
                .contiguous()?
                .matmul(&up.t()?)?,
        );
        (row, column) = (rows.end, column + rank);
    }
    if output > row {
        pieces.push(gap(output - row)?);
    }
    Tensor::cat(&pieces, 1)
}

/// A change of a weight, `(out, in)`, in the form that a file has it in.
pub(crate) enum Delta {
    /// `B · A`
    LowRank {
        /// `A`, `(r, in)`
        down: Tensor,
        /// `B`, `(out, r)`
        up: Tensor,
    },
    /// `(B₁ · A₁) ∘ (B₂ · A₂)`, element by element: LoHa.
    Hadamard([(Tensor, Tensor); 2]),
    /// `left ⊗ right`: LoKr.
    Kronecker {
        /// `(a, b)`
        left: Tensor,
        /// `(out / a, in / b)`, whole or as a product.
        right: Box<Self>,
    },
    /// All of it, `(out, in)`.
    Whole(Tensor),
}

impl Delta {
    /// `x · Δᵀ`: `(l, in)` → `(l, out)`
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::LowRank { down, up } => x.matmul(&down.t()?)?.matmul(&up.t()?),
            Self::Whole(whole) => x.matmul(&whole.t()?),
            Self::Hadamard(factors) => {
                let mut sum: Option<Tensor> = None;
                for (down, up) in low_rank_pieces(factors)? {
                    let piece = x.matmul(&down.t()?)?.matmul(&up.t()?)?;
                    sum = Some(match sum {
                        None => piece,
                        Some(sum) => (sum + piece)?,
                    });
                }
                sum.ok_or_else(|| candle_core::Error::Msg("a LoHa of rank 0".to_owned()))
            }
            Self::Kronecker { left, right } => {
                let (a, b) = left.dims2()?;
                let l = x.dim(0)?;
                let inner = right.apply(&x.reshape((l * b, ()))?.contiguous()?)?; // (l · b, out / a)
                let columns = inner.reshape((l, b, ()))?.transpose(1, 2)?.contiguous()?; // (l, out / a, b)
                let width = columns.dim(1)?;
                columns
                    .reshape((l * width, b))?
                    .matmul(&left.t()?)?
                    .reshape((l, width, a))?
                    .transpose(1, 2)? // (l, a, out / a)
                    .contiguous()?
                    .reshape((l, a * width))
            }
        }
    }

    /// All of it: `(out, in)`
    pub(crate) fn whole(&self) -> Result<Tensor> {
        match self {
            Self::LowRank { down, up } => up.matmul(down),
            Self::Whole(whole) => Ok(whole.clone()),
            Self::Hadamard([(down1, up1), (down2, up2)]) => {
                up1.matmul(down1)? * up2.matmul(down2)?
            }
            Self::Kronecker { left, right } => {
                let right = right.whole()?;
                let ((a, b), (c, d)) = (left.dims2()?, right.dims2()?);
                left.reshape((a, 1, b, 1))?
                    .broadcast_mul(&right.reshape((1, c, 1, d))?)?
                    .reshape((a * c, b * d))
            }
        }
    }
}

/// A Hadamard product of two products as a sum of low-rank ones, `(r, in)` and `(out, r)` each: the columns of both `B` are
/// multiplied pair by pair, and the rows of both `A`.
fn low_rank_pieces(
    [(down1, up1), (down2, up2)]: &[(Tensor, Tensor); 2],
) -> Result<Vec<(Tensor, Tensor)>> {
    let (rank1, rank2) = (down1.dim(0)?, down2.dim(0)?);
    let step = (HADAMARD_COLUMNS / rank2.max(1)).max(1);
    let pieces = (0..rank1).step_by(step).map(|first| {
        let count = step.min(rank1 - first);
        let down = down1
            .narrow(0, first, count)?
            .unsqueeze(1)?
            .broadcast_mul(&down2.unsqueeze(0)?)? // (count, r₂, in)
            .reshape((count * rank2, ()))?;
        let up = up1
            .narrow(1, first, count)?
            .unsqueeze(2)?
            .broadcast_mul(&up2.unsqueeze(1)?)? // (out, count, r₂)
            .reshape(((), count * rank2))?;
        Ok((down, up))
    });
    pieces.collect()
}

/// The lengths that DoRA gives the rows or columns of a changed weight.
pub(crate) struct Lengths {
    /// The lengths, `(rows)` or `(in)`, f32.
    magnitude: Tensor,
    axis: Axis,
    manner: Manner,
    /// Squares of lengths, made when they are first needed, for then the model's weight is at hand.
    squares: OnceLock<Squares>,
}

/// What has a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// A row: an output feature.
    Row,
    /// A column: an input feature.
    Column,
}

/// What the scale s acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// On the direction: W′ = m · (W + sΔ) / ‖W + sΔ‖.
    /// <https://github.com/huggingface/peft/blob/v0.14.0/src/peft/tuners/lora/dora.py>
    Peft,
    /// On the whole change: W′ = W + s · (m · (W + Δ) / ‖W + Δ‖ − W).
    /// <https://github.com/KohakuBlueleaf/LyCORIS/blob/v3.1.0/lycoris/modules/locon.py>
    Lycoris,
}

/// ‖W‖², ⟨W, Δ⟩ and ‖Δ‖² of every row or column, f32. With them every scale has its lengths at once.
struct Squares {
    weight: Tensor,
    mixed: Tensor,
    delta: Tensor,
}

impl Lengths {
    pub(crate) fn new(magnitude: Tensor, axis: Axis, manner: Manner) -> Self {
        Self {
            magnitude,
            axis,
            manner,
            squares: OnceLock::new(),
        }
    }

    /// The change of the output, `(l, rows)`, for the input `x`, `(l, in)`.
    fn change(
        &self,
        x: &Tensor,
        base: &Tensor,
        weights: &Changed<'_>,
        delta: &Delta,
        scale: f64,
    ) -> Result<Tensor> {
        let base = base.narrow(D::Minus1, weights.rows.start, weights.rows.len())?;
        // The weight is replaced by a multiple of W + inner · Δ, and the change of it is taken outer times.
        let (inner, outer) = match self.manner {
            Manner::Peft => (scale, 1.0),
            Manner::Lycoris => (1.0, scale),
        };
        let factor = self.factor(weights, delta, inner)?;
        // The factor is near 1, so what is beyond it is taken before anything is rounded.
        let beyond = (&factor - 1.0)?.to_dtype(x.dtype())?;
        let factor = factor.to_dtype(x.dtype())?;
        let change = match self.axis {
            Axis::Row => {
                let changed = (delta.apply(x)? * inner)?.broadcast_mul(&factor)?;
                (base.broadcast_mul(&beyond)? + changed)?
            }
            Axis::Column => {
                let changed = (delta.apply(&x.broadcast_mul(&factor)?)? * inner)?;
                (weights.of_input(&x.broadcast_mul(&beyond)?)? + changed)?
            }
        };
        change * outer
    }

    /// m / ‖W + inner · Δ‖ of every row or column, f32.
    fn factor(&self, changed: &Changed<'_>, delta: &Delta, inner: f64) -> Result<Tensor> {
        let squares = if let Some(squares) = self.squares.get() {
            squares
        } else {
            let squares = Squares::of(&changed.whole()?, &delta.whole()?, self.axis)?;
            self.squares.get_or_init(|| squares)
        };
        let length = ((&squares.weight + (&squares.mixed * (2.0 * inner))?)?
            + (&squares.delta * (inner * inner))?)?
            .relu()?
            .sqrt()?;
        &self.magnitude / (length + LENGTH_EPS)?
    }
}

/// The rows of a weight that an update changes.
struct Changed<'a> {
    weight: &'a Matrix,
    rows: &'a Range<usize>,
}

impl Changed<'_> {
    /// What they make of an input: `(l, in)` → `(l, rows)`
    fn of_input(&self, x: &Tensor) -> Result<Tensor> {
        let product = self.weight.product(x)?;
        product.narrow(D::Minus1, self.rows.start, self.rows.len())
    }

    /// All of them, `(rows, in)`, f32.
    fn whole(&self) -> Result<Tensor> {
        self.weight
            .whole()?
            .narrow(0, self.rows.start, self.rows.len())
    }
}

impl Squares {
    fn of(weight: &Tensor, delta: &Tensor, axis: Axis) -> Result<Self> {
        let along = match axis {
            Axis::Row => 1,
            Axis::Column => 0,
        };
        let (weight, delta) = (&weight.to_dtype(DType::F32)?, &delta.to_dtype(DType::F32)?);
        let sum = |product: Tensor| product.sum(along);
        Ok(Self {
            weight: sum(weight.sqr()?)?,
            mixed: sum((weight * delta)?)?,
            delta: sum(delta.sqr()?)?,
        })
    }
}
