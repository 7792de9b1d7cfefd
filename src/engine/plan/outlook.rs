//! What the plans of a model's jobs are made of: its sizes, the memory that is free, and how fast the device has been; for the
//! jobs themselves, and for whoever shows plans before a job.

use std::collections::HashMap;

use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::stored::Precision;
use crate::engine::error::Result;
use crate::engine::plan::load::{Budget, Load};
use crate::engine::plan::memory;
use crate::engine::plan::sizes::Sizes;
use crate::engine::plan::speed::{READING, usual_operations};
use crate::engine::plan::ways::{Plan, plan};
use crate::schema::choices::Model;
use crate::schema::request::Request;
use crate::weights::model::ModelSource;

/// The precision in which a job's transformer runs.
pub(crate) fn precision_of(request: &Request) -> Precision {
    if request.go_fast {
        Precision::EightBit
    } else {
        Precision::Stored
    }
}

/// What the plans of a model's jobs are made of, for whoever shows them before a job.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// What the model takes, for dev and schnell, as its files have it and in 8 bits.
    pub sizes: Vec<((Model, Precision), Sizes)>,
    /// Tokens of a prompt that T5 reads, for dev and schnell.
    pub text_tokens: Vec<(Model, usize)>,
    /// Bytes of the safety checker; 0 where there is none.
    pub checker: u64,
    /// All memory of the machine, where that limits jobs.
    pub total: Option<u64>,
    /// What limits the memory; `None` where nothing is known.
    pub allowed: fn() -> Option<u64>,
    /// What the process holds without a model.
    pub base: u64,
    /// Multiplications and additions per second.
    pub operations: f64,
}

impl Outlook {
    /// How a job will run if the process may hold `limit` bytes; `None` when its model is not known.
    pub fn plan(&self, request: &Request, limit: Option<u64>) -> Option<Plan> {
        let key = (request.model, precision_of(request));
        let (_, sizes) = self.sizes.iter().find(|(known, _)| *known == key)?;
        let mut text_tokens = self.text_tokens.iter();
        let (_, text_tokens) = text_tokens.find(|(model, _)| *model == request.model)?;
        let load = Load {
            size: request.size,
            text_tokens: *text_tokens,
            steps: request.running_steps(),
            pictures: request.num_outputs,
            knows_prompt: false,
            checker: u64::from(request.safety_checked) * self.checker,
        };
        let budget = budget((self.allowed)(), limit, self.base, self.operations);
        Some(plan(sizes, &load, &budget))
    }
}

/// The budget within what is allowed by the machine and by the user.
fn budget(allowed: Option<u64>, limit: Option<u64>, base: u64, operations: f64) -> Budget {
    Budget {
        bytes: allowed.into_iter().chain(limit).min(),
        base,
        operations,
        reading: READING,
    }
}

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
        let base = self.base_bytes + loras;
        budget(self.allowed()(), limit, base, self.operations)
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
