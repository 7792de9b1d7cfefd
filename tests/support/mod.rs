//! What tests share.

pub(crate) mod sources;
