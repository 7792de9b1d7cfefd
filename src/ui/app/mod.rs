//! The window as a whole: what it remembers, how its parts are laid out, and how commands are carried out.

mod frame;
mod incoming;
mod perform;
mod pump;
pub mod state;
