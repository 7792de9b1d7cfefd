//! Kernels for the CPU: pure functions on slices of f32, one file each.

pub(super) mod conv;
pub mod decode;
pub(super) mod group_norm;
pub(super) mod product;
