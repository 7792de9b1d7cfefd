//! The two text encoders, and the tokenizers before them.
//!
//! CLIP gives one vector for the whole prompt, T5 one vector per token. Both are ours: candle-transformers' ports agree with the
//! reference, but their layers are closed, and progress, cancel and LoRA need to sit between and inside them.

pub mod clip;
pub mod t5;
pub mod tokenizer;

use crate::engine::Error;

/// Called before each layer is loaded or run; an error ends the work.
pub type OnLayer<'a> = dyn FnMut() -> Result<(), Error> + 'a;
