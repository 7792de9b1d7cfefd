//! Arrays and the operations that models are made of, each in one place: the only module that knows devices and instruction
//! sets.
//!
//! | operation | file |
//! |---|---|
//! | product with stored weights | `matrix`, over `stored` |
//! | norms, with modulation, over groups of channels with SiLU | [`norm`] |
//! | query/key norm with rotary positions, attention | `attention`, [`rotary`] |
//! | activations, gated residual | `pointwise` |
//! | convolution | [`conv`] |
//! | everything plain: shapes, sums, products | [`mod@array`] |
//!
//! Each takes what a fused kernel needs. For f32 on the CPU the slow ones have a kernel of our own in [`cpu`]; elsewhere they
//! are the tensor library's operations, one after the other.

pub mod array;
pub(crate) mod attention;
pub mod conv;
pub mod cpu;
pub mod hardware;
pub(crate) mod matrix;
pub mod norm;
pub(crate) mod pointwise;
pub mod rotary;
pub mod stored;
