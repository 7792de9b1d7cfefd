//! What can be asked of the program: pure data, no files, no threads, no network.
//!
//! | file | what it is about |
//! |---|---|
//! | [`request`] | a job that can be run, and the one way to it |
//! | [`start`], [`lora`] | its parts: the starting image with its mask, the LoRAs |
//! | [`circumstances`] | what has to be known besides the inputs |
//! | [`quirks`] | every place where the reference behaves oddly, both ways |
//! | [`openapi`] | the contract in print |
//! | `values` | inputs as JSON and as text |
//! | [`fields`], [`field`] | the tables of inputs; what a row is |
//! | [`params`] | what somebody typed: always representable, maybe wrong |
//! | [`typed`], [`mod@reference`] | what somebody writes to name a LoRA; which one that is |
//! | [`size`], [`choices`], [`notes`], `text` | pixels; what can be chosen; problems and notes; every sentence |

pub mod choices;
pub mod circumstances;
pub mod field;
pub mod fields;
pub mod lora;
pub mod notes;
pub mod openapi;
pub mod params;
pub mod quirks;
pub mod reference;
pub mod request;
pub mod size;
pub mod start;
mod text;
pub mod typed;
mod values;
