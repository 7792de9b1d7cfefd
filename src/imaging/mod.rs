//! Pixels, masks and picture files. Knows nothing of models, jobs or windows.
//!
//! In: [`read`] any picture file, [`fit`] it to a size, [`prepare`] it with its mask for the model. Between: [`mask`] is
//! what a hand paints, [`edges`] moves and softens its edge. Out: [`codec`], with the record of how it was made. `text` is
//! what is said of files and masks.

pub mod codec;
pub mod edges;
pub mod fit;
pub mod mask;
pub mod prepare;
pub mod read;
mod text;
