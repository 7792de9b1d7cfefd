//! The models: definitions only, each over [`layers`](crate::engine::layers) and the operations of
//! [`compute`](crate::engine::compute). They know neither devices nor the tensor library.
//!
//! The text encoders are our own: candle-transformers' ports agree with the reference, but their layers are closed, and
//! progress, cancel, LoRA and streaming need to sit between and inside them.

pub mod clip;
pub mod flux;
pub mod safety;
pub mod t5;
pub mod tokenizer;
pub mod vae;
