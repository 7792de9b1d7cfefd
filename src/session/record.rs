//! How a picture was made: what is written into its file and read back from it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::Outcome;
use crate::schema::params::Params;
use crate::schema::request::Request;
use crate::schema::{Fidelity, Note};

/// This program and its version.
pub const PROGRAM: &str = concat!("flux-qfaces ", env!("CARGO_PKG_VERSION"));

/// The record of one picture. It holds nothing that differs from run to run, so that the same job gives the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The program that made it.
    pub program: String,
    /// The model that made it.
    pub model: String,
    /// Which picture of its job, counted from 0.
    pub index: usize,
    /// The seed that was used.
    pub seed: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Denoising steps that were run.
    pub steps: usize,
    /// Whose behaviour was wanted.
    pub fidelity: Fidelity,
    /// The inputs, with the seed filled in: giving them again makes the picture again.
    pub inputs: Map<String, Value>,
    /// What was decided for the user.
    pub notes: Vec<Note>,
}

impl Record {
    /// The record of the first picture of a job.
    pub fn new(params: &Params, request: &Request, outcome: &Outcome) -> Self {
        let inputs = Params {
            seed: Some(request.seed.into()),
            ..params.clone()
        }
        .to_json();
        Self {
            program: PROGRAM.to_owned(),
            model: outcome.model.clone(),
            index: 0,
            seed: request.seed,
            width: request.size.width,
            height: request.size.height,
            steps: outcome.steps,
            fidelity: request.fidelity,
            inputs,
            notes: outcome.notes.clone(),
        }
    }

    /// The record of another picture of the same job.
    #[must_use]
    pub fn of_picture(&self, index: usize) -> Self {
        Self {
            index,
            ..self.clone()
        }
    }

    /// The prompt; empty when there was none.
    pub fn prompt(&self) -> &str {
        self.inputs
            .get("prompt")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The inputs, ready to be used again. Inputs that this version does not know are left out.
    pub fn params(&self) -> Params {
        let mut params = Params::default();
        params.apply_json(&self.inputs);
        params
    }
}
