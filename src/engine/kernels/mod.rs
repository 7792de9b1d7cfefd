//! Operations of our own where the tensor library's are slow: one file each.
//!
//! Every function here takes and gives tensors, runs its kernel for f32 on the CPU, and falls back to the tensor
//! library elsewhere. The tests compare both on the same input.

pub mod conv;
pub mod decode;
pub mod group_norm;
pub mod product;

use candle_core::{CpuStorage, DType, Layout, Result, Tensor, bail};

/// Whether the kernels here can take this tensor.
fn suits(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && tensor.dtype() == DType::F32
}

/// The values of a contiguous f32 tensor.
fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => bail!("the kernel wants contiguous f32 tensors"),
    }
}
