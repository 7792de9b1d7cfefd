//! The page of models: which are on this machine, which runs, and where to get others.

mod card;
mod downloads;
mod found;
mod offers;
pub(super) mod page;
