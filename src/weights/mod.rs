//! From a reference to weights to files on this machine.
//!
//! A model is the one that is embedded in the program, or files on this machine ([`model`]). [`survey`] finds those that fit
//! one another by their headers ([`header`], [`inspect`]), and [`architecture`] is what they tell of the transformer. What can
//! be downloaded stands in [`catalog`], and [`install`] brings it here.
//!
//! A LoRA is what a [`Reference`](crate::schema::reference::Reference) says: [`library`] finds its file, `source` asks the
//! services where it is, [`fetch`] downloads it, [`archive`] unpacks it, `metadata` reads what it says of itself, and `intake`
//! puts it among the others. This is the only module that opens connections, and only [`http`] does; [`tokens`] are the
//! user's own.

pub mod architecture;
pub mod archive;
pub mod bytes;
pub mod catalog;
mod demo;
pub mod error;
pub mod fetch;
pub mod header;
pub mod http;
pub mod hub;
pub mod inspect;
pub mod install;
mod intake;
pub mod library;
mod local;
pub mod lora;
mod metadata;
pub mod model;
pub mod model_files;
mod notes;
mod partial;
mod source;
pub mod stop;
pub mod survey;
mod text;
pub mod tokens;
pub mod walk;
