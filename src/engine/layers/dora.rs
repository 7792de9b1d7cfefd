//! DoRA: the change of a weight together with the lengths of its rows or columns.

use std::ops::Range;
use std::sync::OnceLock;

use crate::engine::compute::array::Array;
use crate::engine::compute::matrix::Matrix;
use crate::engine::error::Result;
use crate::engine::layers::delta::Delta;

/// What PyTorch adds to the lengths of rows or columns before it divides by them, in f32, as LyCORIS asks it to.
/// <https://github.com/KohakuBlueleaf/LyCORIS/blob/v3.1.0/lycoris/modules/locon.py> (`apply_weight_decompose`)
const LENGTH_EPS: f64 = f32::EPSILON as f64;

/// The lengths that DoRA gives the rows or columns of a changed weight.
pub(crate) struct Lengths {
    /// The lengths, `(rows)` or `(in)`, f32.
    magnitude: Array,
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
    weight: Array,
    mixed: Array,
    delta: Array,
}

impl Lengths {
    pub(crate) fn new(magnitude: Array, axis: Axis, manner: Manner) -> Self {
        Self {
            magnitude,
            axis,
            manner,
            squares: OnceLock::new(),
        }
    }

    /// The change of the output, `(l, rows)`, for the input `x`, `(l, in)`.
    pub(super) fn change(
        &self,
        x: &Array,
        base: &Array,
        weights: &Changed<'_>,
        delta: &Delta,
        scale: f64,
    ) -> Result<Array> {
        let base = base.narrow(1, weights.rows.start, weights.rows.len())?;
        // The weight is replaced by a multiple of W + inner · Δ, and the change of it is taken outer times.
        let (inner, outer) = match self.manner {
            Manner::Peft => (scale, 1.0),
            Manner::Lycoris => (1.0, scale),
        };
        let factor = self.factor(weights, delta, inner)?;
        // The factor is near 1, so what is beyond it is taken before anything is rounded.
        let beyond = factor.shifted(-1.0)?.in_precision_of(x)?;
        let factor = factor.in_precision_of(x)?;
        let change = match self.axis {
            Axis::Row => {
                let changed = delta.apply(x)?.scaled(inner)?.times(&factor)?;
                base.times(&beyond)?.plus(&changed)?
            }
            Axis::Column => {
                let changed = delta.apply(&x.times(&factor)?)?.scaled(inner)?;
                weights.of_input(&x.times(&beyond)?)?.plus(&changed)?
            }
        };
        change.scaled(outer)
    }

    /// m / ‖W + inner · Δ‖ of every row or column, f32.
    fn factor(&self, changed: &Changed<'_>, delta: &Delta, inner: f64) -> Result<Array> {
        let squares = if let Some(squares) = self.squares.get() {
            squares
        } else {
            let squares = Squares::of(&changed.whole()?, &delta.whole()?, self.axis)?;
            self.squares.get_or_init(|| squares)
        };
        let mixed = squares.mixed.scaled(2.0 * inner)?;
        let length = squares
            .weight
            .plus(&mixed)?
            .plus(&squares.delta.scaled(inner * inner)?)?
            .clamped(0.0, f32::INFINITY)?
            .root()?;
        self.magnitude.over(&length.shifted(LENGTH_EPS)?)
    }
}

/// The rows of a weight that an update changes.
pub(super) struct Changed<'a> {
    pub(super) weight: &'a Matrix,
    pub(super) rows: &'a Range<usize>,
}

impl Changed<'_> {
    /// Their product with an input: `(l, in)` → `(l, rows)`
    fn of_input(&self, x: &Array) -> Result<Array> {
        let product = self.weight.product(x, None)?;
        product.narrow(1, self.rows.start, self.rows.len())
    }

    /// All of them, `(rows, in)`, f32.
    fn whole(&self) -> Result<Array> {
        let whole = self.weight.whole()?;
        whole.narrow(0, self.rows.start, self.rows.len())
    }
}

impl Squares {
    fn of(weight: &Array, delta: &Array, axis: Axis) -> Result<Self> {
        let along = match axis {
            Axis::Row => 1,
            Axis::Column => 0,
        };
        let (weight, delta) = (weight.to_f32()?, delta.to_f32()?);
        Ok(Self {
            weight: weight.squared()?.sum(along)?,
            mixed: weight.times(&delta)?.sum(along)?,
            delta: delta.squared()?.sum(along)?,
        })
    }
}
