//! The finished pictures: the strip of all of them, and the chosen one with what is known of it.

mod compare;
mod details;
pub(super) mod gallery;
pub(super) mod viewer;
