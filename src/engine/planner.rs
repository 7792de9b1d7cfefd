//! What the plans of a model's jobs are made of: its sizes, the memory that is free, and how fast the device has been.

use std::collections::HashMap;

use crate::engine::checkpoint::Precision;
use crate::engine::device::Hardware;
use crate::engine::plan::{Budget, Load, Outlook, READING, Sizes};
use crate::engine::transformer::Transformer;
use crate::engine::{Error, Timings, memory};
use crate::schema::request::Model;
use crate::weights::model::ModelSource;

/// How fast a core is taken to be before anything has been measured: multiplications and additions per second.
const OPERATIONS_PER_CORE: f64 = 6e10;

/// How fast a GPU is taken to be, in the same way.
const OPERATIONS_OF_GPU: f64 = 4e13;

/// How fast the machine is taken to be before anything has been measured.
pub(super) fn usual_operations(is_cpu: bool) -> f64 {
    if is_cpu {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        OPERATIONS_PER_CORE * cores as f64
    } else {
        OPERATIONS_OF_GPU
    }
}

/// Knows a model and the machine.
pub(super) struct Planner {
    source: ModelSource,
    hardware: Hardware,
    /// What the model takes, by the folder and the precision of the transformer.
    sizes: HashMap<(&'static str, Precision), Sizes>,
    /// The most bytes that the process may hold, if the user limits it.
    limit: Option<u64>,
    /// What the process held before the model was in it.
    base_bytes: u64,
    /// Multiplications and additions per second, as the last job had them.
    operations: f64,
}

impl Planner {
    /// For a model on a device; the process held `base_bytes` before.
    pub(super) fn new(source: &ModelSource, hardware: &Hardware, base_bytes: u64) -> Self {
        Self {
            source: source.clone(),
            hardware: hardware.clone(),
            sizes: HashMap::new(),
            limit: None,
            base_bytes,
            operations: usual_operations(hardware.device.is_cpu()),
        }
    }

    /// See [`crate::engine::Generator::limit_memory`].
    pub(super) fn limit_memory(&mut self, bytes: Option<u64>) {
        self.limit = bytes;
    }

    /// What the model takes that runs `model`; its headers are read once.
    pub(super) fn sizes_of(&mut self, model: Model, precision: Precision) -> Result<Sizes, Error> {
        let key = (Transformer::folder_for(&self.source, model)?, precision);
        if let Some(sizes) = self.sizes.get(&key) {
            return Ok(sizes.clone());
        }
        let sizes = Sizes::of(&self.source, model, precision, &self.hardware)?;
        Ok(self.sizes.entry(key).or_insert(sizes).clone())
    }

    /// What a job may take while `held` bytes are held besides the model.
    pub(super) fn budget(&self, held: u64) -> Budget {
        let allowed = self.allowed()();
        Budget {
            bytes: allowed.into_iter().chain(self.limit).min(),
            base: self.base_bytes + held,
            operations: self.operations,
            reading: READING,
        }
    }

    /// What tells the memory that is free: a GPU's is not asked for.
    fn allowed(&self) -> fn() -> Option<u64> {
        if self.hardware.device.is_cpu() {
            memory::allowed_bytes
        } else {
            || None
        }
    }

    /// Takes the speed of a job for that of the next ones.
    pub(super) fn learn(&mut self, sizes: &Sizes, load: &Load, timings: &Timings) {
        if timings.denoising > 0.0 {
            self.operations = sizes.denoising_operations(load) / timings.denoising;
        }
    }

    /// See [`crate::engine::Generator::outlook`]. `text_tokens` are what T5 reads for each model, `checker` the
    /// bytes of the safety checker.
    pub(super) fn outlook(
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
        let is_cpu = self.hardware.device.is_cpu();
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
