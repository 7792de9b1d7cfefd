//! The FLUX.1 transformer.
//!
//! One code path for every size of model: widths, depths, heads and RoPE axes come from the checkpoint, so that the demo
//! model and FLUX.1-dev run the same lines. Modules and tensors have BFL's names:
//! <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/model.py>

mod blocks;
pub mod config;
mod embedder;
pub mod transformer;
