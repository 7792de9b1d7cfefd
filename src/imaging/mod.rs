//! Pixels and picture files. Knows nothing of models, jobs or windows.

pub mod codec;
mod xmp;
