//! What the model runs on, and in which precision.

use candle_core::{DType, Device};

use crate::engine::Error;

/// A device and the precision of the weights on it.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// Where tensors live.
    pub device: Device,
    /// f32 on the CPU, bf16 on GPUs.
    pub dtype: DType,
}

impl Hardware {
    /// What [`Self::best`] opens in this build, for people.
    pub const BEST: &str = if cfg!(feature = "cuda") {
        "CUDA"
    } else if cfg!(feature = "metal") {
        "Metal"
    } else {
        "CPU"
    };

    /// The CPU.
    pub fn cpu() -> Self {
        Self {
            device: Device::Cpu,
            dtype: DType::F32,
        }
    }

    /// Whether weights are multiplied as their files have them, by the kernel of our own.
    pub(crate) fn multiplies_stored(&self) -> bool {
        self.device.is_cpu() && self.dtype == DType::F32
    }

    /// The best device that this build can use: a GPU if it was built for one, otherwise the CPU.
    ///
    /// # Errors
    /// When the program was built for a GPU and cannot open it.
    pub fn best() -> Result<Self, Error> {
        if cfg!(feature = "cuda") {
            return Ok(Self {
                device: Device::new_cuda(0)?,
                dtype: DType::BF16,
            });
        }
        if cfg!(feature = "metal") {
            return Ok(Self {
                device: Device::new_metal(0)?,
                dtype: DType::BF16,
            });
        }
        Ok(Self::cpu())
    }
}
