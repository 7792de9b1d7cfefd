//! What tests share.

pub(crate) mod desk;
pub(crate) mod fake;
pub(crate) mod places;
pub(crate) mod reference_data;
pub(crate) mod server;
pub(crate) mod sources;
pub(crate) mod stage;
pub(crate) mod tiny_model;
