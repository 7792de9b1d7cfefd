//! Sentences of this layer, to be read as a whole.

/// The rest of a sentence on a model of the family that takes a control image or a mask.
pub(super) const WIDER_INPUT: &str = "its input is wider than that of dev and schnell: it needs a control picture or a mask, which this program does not give it";

/// The rest of a sentence on a model of the family that takes reference images.
pub(super) const REFERENCES: &str =
    "it needs reference pictures, which this program does not give it";
