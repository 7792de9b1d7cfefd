//! Plans before a job, for whoever shows them.

use crate::engine::compute::stored::Precision;
use crate::engine::plan::load::{Budget, Load};
use crate::engine::plan::sizes::Sizes;
use crate::engine::plan::speed::READING;
use crate::engine::plan::ways::{Plan, plan};
use crate::schema::choices::Model;
use crate::schema::request::Request;

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
        let budget = Budget {
            bytes: (self.allowed)().into_iter().chain(limit).min(),
            base: self.base,
            operations: self.operations,
            reading: READING,
        };
        Some(plan(sizes, &load, &budget))
    }
}
