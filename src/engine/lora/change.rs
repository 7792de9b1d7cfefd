//! The change of one layer, as a file describes it.

use std::collections::BTreeMap;

use crate::engine::lora::layouts::Role;
use crate::engine::lora::targets::Place;

/// The change of one layer, or of some of its rows, in the file's own words.
pub(crate) struct Change {
    pub(crate) place: Place,
    pub(crate) form: Form,
    /// The names of its tensors.
    pub(crate) tensors: Tensors,
    /// What the change is multiplied by at scale 1: alpha / rank, or 1 without an alpha.
    pub(crate) factor: f64,
}

/// Tensors by their roles.
pub(crate) type Tensors = BTreeMap<Role, String>;

/// How a change is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    LowRank,
    Hadamard,
    Kronecker,
    Whole,
    /// Only a bias, or the scale of a norm.
    Small,
}
