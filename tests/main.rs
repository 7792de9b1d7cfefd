//! Every test of the project, as one binary.

mod parity;
mod reference_data;
