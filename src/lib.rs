//! Flux QFaces (map to be written).
pub mod schema;
pub mod imaging;
pub mod weights;
pub mod engine;
pub mod session;
pub mod ui;
