//! LoRAs: from a file in anybody's naming to side paths of our linear layers.
//!
//! [`layouts`] knows what the world calls the layers, [`matching`] pairs the tensors of a file with the layers of a model
//! and tells what it found ([`report`]); `pieces` knows which shapes belong together, `alphas` what is told beside the
//! tensors, `foreign` what else a file may be. [`load`] reads what matches, [`update`] is their arithmetic, and [`slots`] are the places
//! where they act. [`adapters`] holds those of a generator. The weights of the model are never touched: with its slots empty
//! a layer computes what it computed before, bit for bit.

pub mod adapters;
mod alphas;
mod foreign;
pub mod layouts;
pub mod load;
pub mod matching;
mod pieces;
pub mod report;
pub mod slots;
pub mod targets;
pub mod update;

use crate::engine::lora::load::Opened;
use crate::engine::lora::report::Report;
use crate::engine::lora::targets::Targets;
use crate::weights::lora::LoraFile;

/// What of a LoRA would match a model. Only headers are read.
///
/// # Errors
/// The rest of a sentence about the file, such as "it is a LoRA for SDXL".
pub fn inspect(file: &LoraFile, targets: &Targets) -> Result<Report, String> {
    Ok(Opened::open(file, targets)?.report())
}
