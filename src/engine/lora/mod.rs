//! LoRAs: from a file in anybody's naming to side paths of our linear layers.
//!
//! [`layouts`] knows what the world calls the layers, [`matching`] pairs the tensors of a file with the layers of a model
//! and tells what it found ([`report`]), [`load`] reads them, [`update`] is their arithmetic, and [`slots`] are the places
//! where they act. [`adapters`] holds those of a generator. The weights of the model are never touched: with its slots empty a layer computes what it computed
//! before, bit for bit.

pub mod adapters;
mod foreign;
pub mod layouts;
pub mod load;
pub mod matching;
pub mod report;
pub mod slots;
pub mod targets;
pub mod update;
