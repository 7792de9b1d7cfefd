//! What can be asked of the program: pure data, no files, no threads, no network.
//!
//! [`fields`] is the one table of inputs, which [`extras`] extends beyond the contract. [`params`] is what somebody
//! typed: always representable, maybe wrong. [`request`] is a job that can be run, and [`request::Request::resolve`] the
//! only way to one; [`start`] is its part about the starting picture, [`lora`] that about LoRAs, each of which a [`mod@reference`] names. [`size`] turns ratios into pixels, [`quirks`] holds
//! every place where the reference behaves oddly, and [`openapi`] prints the contract.

pub mod extras;
pub mod fields;
pub mod lora;
pub mod openapi;
pub mod params;
pub mod quirks;
pub mod reference;
pub mod request;
pub mod size;
pub mod start;

use serde::{Deserialize, Serialize};

/// Something wrong with one input, in one plain sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The input's name as in the table, or the unknown name that was given.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    /// A problem with the input `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Something decided for the user, or against a wish: shown with the result and saved with the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The input it is about, if it is about one.
    pub field: Option<String>,
    /// What was decided, in one plain sentence without a full stop.
    pub message: String,
}

impl Note {
    /// A note about the input `field`.
    pub fn on(field: &str, message: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()),
            message: message.into(),
        }
    }

    /// A note about the job as a whole.
    pub fn general(message: impl Into<String>) -> Self {
        Self {
            field: None,
            message: message.into(),
        }
    }
}

/// Whose behaviour is wanted where the reference is odd; see [`quirks`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fidelity {
    /// What the inputs' descriptions promise.
    #[default]
    Corrected,
    /// What the reference really does on Replicate.
    AsReplicate,
}
