//! Every test of the project, as one binary.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by panicking, and nobody uses it as a library"
)]

mod background;
mod canvas;
mod catalog;
mod checking;
mod checkpoints;
mod choosing;
mod cli;
mod downloads;
mod imaging;
mod kernels;
mod layers;
mod layouts;
mod lora;
#[cfg(unix)]
mod lora_cli;
mod lora_window;
mod malformed;
mod mask;
mod models_window;
mod parity;
mod pictures_in;
mod ports;
mod real_shapes;
mod references;
mod safety;
mod schema;
mod session;
mod sources;
mod support;
mod window;
mod wrong_models;
