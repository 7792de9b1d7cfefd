//! A change of a weight in the form in which a file stores it, applied to activations and never added to the weight.
//!
//! Letters: l tokens, r rank, in and out the features of the layer.

use crate::engine::compute::array::Array;
use crate::engine::error::{Error, Result};

/// The most columns of a Hadamard product that are multiplied at once: enough for a fast product, few enough to stay small.
const HADAMARD_COLUMNS: usize = 128;

/// A change of a weight, `(out, in)`, in the form in which a file stores it.
pub(crate) enum Delta {
    /// `B · A`
    LowRank {
        /// `A`, `(r, in)`
        down: Array,
        /// `B`, `(out, r)`
        up: Array,
    },
    /// `(B₁ · A₁) ∘ (B₂ · A₂)`, element by element: LoHa.
    Hadamard([(Array, Array); 2]),
    /// `left ⊗ right`: LoKr.
    Kronecker {
        /// `(a, b)`
        left: Array,
        /// `(out / a, in / b)`, whole or as a product.
        right: Box<Self>,
    },
    /// All of it, `(out, in)`.
    Whole(Array),
}

impl Delta {
    /// `x · Δᵀ`: `(l, in)` → `(l, out)`
    pub(crate) fn apply(&self, x: &Array) -> Result<Array> {
        match self {
            Self::LowRank { down, up } => x.matmul_transposed(down)?.matmul_transposed(up),
            Self::Whole(whole) => x.matmul_transposed(whole),
            Self::Hadamard(factors) => {
                let mut sum: Option<Array> = None;
                for (down, up) in low_rank_pieces(factors)? {
                    let piece = x.matmul_transposed(&down)?.matmul_transposed(&up)?;
                    sum = Some(match sum {
                        None => piece,
                        Some(sum) => sum.plus(&piece)?,
                    });
                }
                sum.ok_or_else(|| Error::compute("a LoHa of rank 0"))
            }
            Self::Kronecker { left, right } => {
                let [a, b] = left.shape()?;
                let [l, input] = x.shape()?;
                let inner = right.apply(&x.reshape([l * b, input / b])?.contiguous()?)?; // (l · b, out / a)
                let width = inner.width()?;
                let columns = inner
                    .reshape([l, b, width])?
                    .transpose(1, 2)?
                    .contiguous()?; // (l, out / a, b)
                columns
                    .reshape([l * width, b])?
                    .matmul_transposed(left)?
                    .reshape([l, width, a])?
                    .transpose(1, 2)? // (l, a, out / a)
                    .contiguous()?
                    .reshape([l, a * width])
            }
        }
    }

    /// All of it: `(out, in)`
    pub(crate) fn whole(&self) -> Result<Array> {
        match self {
            Self::LowRank { down, up } => up.matmul(down),
            Self::Whole(whole) => Ok(whole.clone()),
            Self::Hadamard([(down1, up1), (down2, up2)]) => {
                up1.matmul(down1)?.times(&up2.matmul(down2)?)
            }
            Self::Kronecker { left, right } => {
                let right = right.whole()?;
                let ([a, b], [c, d]) = (left.shape()?, right.shape()?);
                left.reshape([a, 1, b, 1])?
                    .times(&right.reshape([1, c, 1, d])?)?
                    .reshape([a * c, b * d])
            }
        }
    }
}

/// A Hadamard product of two products as a sum of low-rank ones, `(r, in)` and `(out, r)` each: the columns of both `B` are
/// multiplied pair by pair, and the rows of both `A`.
fn low_rank_pieces(
    [(down1, up1), (down2, up2)]: &[(Array, Array); 2],
) -> Result<Vec<(Array, Array)>> {
    let ([rank1, input], [rank2, _]) = (down1.shape()?, down2.shape()?);
    let output = up1.dim(0)?;
    let step = (HADAMARD_COLUMNS / rank2.max(1)).max(1);
    let pieces = (0..rank1).step_by(step).map(|first| {
        let count = step.min(rank1 - first);
        let down = down1
            .narrow(0, first, count)?
            .unsqueeze(1)?
            .times(&down2.unsqueeze(0)?)? // (count, r₂, in)
            .reshape([count * rank2, input])?;
        let up = up1
            .narrow(1, first, count)?
            .unsqueeze(2)?
            .times(&up2.unsqueeze(1)?)? // (out, count, r₂)
            .reshape([output, count * rank2])?;
        Ok((down, up))
    });
    pieces.collect()
}
