//! The form: one row for each input, made from the table of inputs, and the button that matters.

pub(super) mod check;
pub(super) mod field;
mod lora_card;
pub(super) mod loras;
mod number;
pub(super) mod panel;
mod row;
