//! Which files on this machine make up a model.
//!
//! Whoever has models keeps them as other programs have laid them out: one file with everything in it, a transformer here and
//! its text encoders there, a folder for each part. So every file of weights in the places that count is looked at by its
//! header, and the parts that fit one another are put together. Nothing is copied, and no tensor is read.

pub mod assembly;
pub mod candidate;
pub mod found;
