//! Flux QFaces (map to be written).
pub mod cli;
pub mod engine;
pub mod imaging;
pub mod schema;
pub mod session;
pub mod ui;
pub mod weights;
