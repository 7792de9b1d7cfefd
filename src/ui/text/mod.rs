//! Every word of the window, one file for each page. Names and help of the inputs come from the schema.

pub(super) mod bars;
pub(super) mod canvas;
pub(super) mod common;
pub(super) mod drops;
pub(super) mod files;
pub(super) mod form;
pub(super) mod loras;
pub(super) mod messages;
pub(super) mod models;
pub(super) mod queue;
pub(super) mod remarks;
pub(super) mod results;
pub(super) mod settings;
pub(super) mod shortcuts;
