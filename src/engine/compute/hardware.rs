//! Where a model runs, and in which precision.

use candle_core::{DType, Device};

use crate::engine::error::Result;

/// A device and the precision of computation on it.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// Where arrays are.
    pub(super) device: Device,
    /// f32 on the CPU, bf16 on GPUs.
    pub(super) dtype: DType,
    /// Whether matrices of weights are multiplied as their files store them, by our own kernel.
    pub(super) multiplies_stored: bool,
}

impl Hardware {
    /// The device that [`Self::best`] opens in this build, for people.
    pub const BEST: &str = if cfg!(feature = "cuda") {
        "CUDA"
    } else if cfg!(feature = "metal") {
        "Metal"
    } else {
        "CPU"
    };

    /// The CPU, with our own kernels.
    pub fn cpu() -> Self {
        Self {
            multiplies_stored: true,
            ..Self::generic(Device::Cpu, DType::F32)
        }
    }

    /// The CPU as any other device: in f32, with the tensor library's operations on weights. For tests of that path.
    pub fn generic_cpu() -> Self {
        Self::generic(Device::Cpu, DType::F32)
    }

    /// The same in bf16, as GPUs compute.
    pub fn generic_cpu_bf16() -> Self {
        Self::generic(Device::Cpu, DType::BF16)
    }

    fn generic(device: Device, dtype: DType) -> Self {
        Self {
            device,
            dtype,
            multiplies_stored: false,
        }
    }

    /// The best device that this build can use: a GPU if it was built for one, otherwise the CPU.
    ///
    /// # Errors
    /// When the program was built for a GPU and cannot open it.
    pub fn best() -> Result<Self> {
        if cfg!(feature = "cuda") {
            return Ok(Self::generic(Device::new_cuda(0)?, DType::BF16));
        }
        if cfg!(feature = "metal") {
            return Ok(Self::generic(Device::new_metal(0)?, DType::BF16));
        }
        Ok(Self::cpu())
    }

    /// Whether it is the CPU.
    pub fn is_cpu(&self) -> bool {
        self.device.is_cpu()
    }

    /// Bytes of a number in the precision of computation.
    pub(crate) fn number_bytes(&self) -> u64 {
        self.dtype.size_in_bytes() as u64
    }
}
