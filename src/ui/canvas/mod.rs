//! The canvas: the starting picture, and the mask that is painted on it.
//!
//! The inputs of the form are the truth: the canvas opens the picture they name, and what is painted becomes the mask
//! they name, as a file that is kept. The mask itself is [`imaging::mask`](crate::imaging::mask); here are only its looks
//! and the hand that paints it.

mod bar;
mod camera;
mod draw;
mod gestures;
mod hand;
mod open;
mod page;
mod pointer;
mod sheets;
pub(super) mod state;
pub(super) mod tools;
