//! What is said about inputs: problems, which stop a job, and notes, which go with it.

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

/// Something decided for the user, or against a wish: shown with the result and saved with the image.
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

/// Everything that is found while inputs are turned into a job.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) notes: Vec<Note>,
}

impl Findings {
    /// Adds a problem with the input `field`.
    pub(super) fn problem(&mut self, field: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(field, message));
    }

    /// Adds a note about the input `field`.
    pub(super) fn note(&mut self, field: &str, message: impl Into<String>) {
        self.notes.push(Note::on(field, message));
    }

    /// Adds what one mode takes for a note and the other for a problem.
    pub(super) fn add(&mut self, decision: Result<Note, Problem>) {
        match decision {
            Ok(note) => self.notes.push(note),
            Err(problem) => self.problems.push(problem),
        }
    }
}
