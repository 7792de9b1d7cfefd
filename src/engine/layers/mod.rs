//! The layers that every model is built from.
//!
//! [`weights`] is a place in a part of a model; a layer is loaded from there: `linear`, `norm`, `encoder` (a layer of the
//! encoders of CLIP and ViT), `blocks` that are resident or streamed. Linear layers and norms have slots ([`slots`]), in
//! which LoRAs act by an `update`: a `delta`, maybe with the lengths of DoRA (`dora`).

pub(crate) mod blocks;
pub(crate) mod delta;
pub(crate) mod dora;
pub(crate) mod encoder;
pub(crate) mod linear;
pub(crate) mod norm;
pub mod slots;
pub(crate) mod update;
pub mod weights;
