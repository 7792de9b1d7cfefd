//! What a block adds to the stream.

use crate::engine::compute::array::Array;
use crate::engine::error::Result;

/// `stream + gate · change`, with `(b, l, width)` for the stream and the change, and `(b, 1, width)` for the gate.
pub(crate) fn gated(stream: &Array, change: &Array, gate: &Array) -> Result<Array> {
    stream.plus(&change.times(gate)?)
}
