//! From files of tensors to arrays and matrices by our names, whatever the files call them and however they write numbers.
//!
//! `file` is one file; [`component`] one part of a model with all its files, over `naming`, which knows what BFL,
//! [`diffusers`] and llama.cpp call a tensor of ours. [`config`] reads the small files next to them, and `extent` tells from
//! the headers how much memory a part takes.

pub mod component;
pub mod config;
pub mod diffusers;
pub(crate) mod extent;
pub(crate) mod file;
mod naming;
