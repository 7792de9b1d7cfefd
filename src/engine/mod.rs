//! From a request to pictures: one plain blocking call.
//!
//! The engine starts no threads of its own, opens no connections and knows neither windows nor queues. Whoever calls it
//! hands over one callback, [`progress::Watch`], which is both progress and cancel.
//!
//! | module, lowest first | contents |
//! |---|---|
//! | [`error`], [`progress`] | what can go wrong; what is going on |
//! | [`compute`] | arrays and the operations that models are made of; the only module that knows devices |
//! | [`tensors`] | files → arrays and matrices by our names |
//! | [`layers`] | linear layers, norms, blocks, and the slots of LoRAs |
//! | [`models`] | FLUX, VAE, CLIP, T5, the safety checker: definitions only |
//! | [`lora`] | files of LoRAs → updates in the slots |
//! | [`plan`] | how a job will run in the memory there is |
//! | [`text`] | the stages, plans and notes in words |
//! | [`job`], [`pipeline`] | what a job needs and gives; its story |
//!
//! Read [`pipeline::generator`] first: it is the story of one job, and every other module is one of its words.

pub mod compute;
pub mod error;
pub mod job;
pub mod layers;
pub mod lora;
pub mod models;
pub mod pipeline;
pub mod plan;
pub mod progress;
pub mod tensors;
pub mod text;
