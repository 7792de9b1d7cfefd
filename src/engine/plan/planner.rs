//! What the plans of a model's jobs are made of: its sizes, the memory that is free, and how fast the device has been.

use std::collections::HashMap;

use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::stored::Precision;
use crate::engine::error::Result;
use crate::engine::plan::load::{Budget, Load};
use crate::engine::plan::memory;
use crate::engine::plan::outlook::Outlook;
use crate::engine::plan::sizes::Sizes;
use crate::engine::plan::speed::{READING, usual_operations};
use crate::schema::choices::Model;
use crate::weights::model::ModelSource;

/// Knows a model and the machine.
pub(crate) struct Planner {
    source: ModelSource,
    hardware: Hardware,
    /// What the model takes, by the folder and the precision of the transformer.
    sizes: HashMap<(&'static str, Precision), Sizes>,
    /// What the process held before the model was in it.
    base_bytes: u64,
    /// Multiplications and additions per second, as the last job had them.
    operations: f64,
}

impl Planner {
    /// For a model on a device; the process held `base_bytes` before.
    pub(crate) fn new(source: &ModelSource, hardware: &Hardware, base_bytes: u64) -> Self {
        Self {
            source: source.clone(),
            hardware: hardware.clone(),
            sizes: HashMap::new(),
            base_bytes,
            operations: usual_operations(hardware.is_cpu()),
        }
    }

    /// What the model takes that runs `model`; its headers are read once.
    pub(crate) fn sizes_of(&mut self, model: Model, precision: Precision) -> Result<Sizes> {
        let key = (self.source.transformer_for(model)?, precision);
        if let Some(sizes) = self.sizes.get(&key) {
            return Ok(sizes.clone());
        }
        let sizes = Sizes::of(&self.source, model, precision, &self.hardware)?;
        Ok(self.sizes.entry(key).or_insert(sizes).clone())
    }

    /// What a job may take while LoRAs take `loras` bytes and the user allows `limit`.
    pub(crate) fn budget(&self, loras: u64, limit: Option<u64>) -> Budget {
        Budget {
            bytes: self.allowed()().into_iter().chain(limit).min(),
            base: self.base_bytes + loras,
            operations: self.operations,
            reading: READING,
        }
    }

    /// What tells the memory that is free: a GPU's is not asked for.
    fn allowed(&self) -> fn() -> Option<u64> {
        if self.hardware.is_cpu() {
            memory::allowed_bytes
        } else {
            || None
        }
    }

    /// Takes the speed of a job for that of the next ones.
    pub(crate) fn learn(&mut self, sizes: &Sizes, load: &Load, denoising_secs: f64) {
        if denoising_secs > 0.0 {
            self.operations = sizes.denoising_operations(load) / denoising_secs;
        }
    }

    /// See `Generator::outlook`. `text_tokens` are what T5 reads for each model, `checker` the
    /// bytes of the safety checker.
    pub(crate) fn outlook(
        &mut self,
        text_tokens: Vec<(Model, usize)>,
        checker: u64,
    ) -> Option<Outlook> {
        let mut sizes = Vec::new();
        for model in Model::ALL {
            for precision in [Precision::Stored, Precision::EightBit] {
                let of = self.sizes_of(model, precision).ok()?;
                sizes.push(((model, precision), of));
            }
        }
        let is_cpu = self.hardware.is_cpu();
        Some(Outlook {
            sizes,
            text_tokens,
            checker,
            total: is_cpu.then(memory::total_bytes).flatten(),
            allowed: self.allowed(),
            base: self.base_bytes,
            operations: self.operations,
        })
    }
}
