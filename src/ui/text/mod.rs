//! Every word of the window. Names and help of the inputs come from the schema.

pub(super) mod canvas;
pub(super) mod common;
pub(super) mod dialogs;
pub(super) mod files;
pub(super) mod form;
pub(super) mod models;
pub(super) mod results;
pub(super) mod status;
