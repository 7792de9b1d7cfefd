//! What stands against a job with the inputs as they are, and how it would run.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::plan::ways::Plan;
use crate::schema::field::Field;
use crate::schema::fields;
use crate::schema::notes::Problem;
use crate::session::preview::Preview;
use crate::session::program::Session;
use crate::session::worker::ModelState;
use crate::ui::text::form as text;

/// The inputs, checked.
pub(crate) struct Checked {
    /// At most one for an input, by its name.
    problems: HashMap<String, Problem>,
    /// Why nothing can be generated now; `None` when something can.
    pub(crate) obstacle: Option<String>,
    preview: Arc<Preview>,
}

impl Checked {
    /// Checks the inputs of the session. `typed` and `scales` are what is wrong with text that is not in them yet: numbers,
    /// and scales of LoRAs.
    pub(super) fn new(
        session: &Session,
        typed: impl Iterator<Item = Problem>,
        scales: impl Iterator<Item = Problem>,
    ) -> Self {
        let preview = session.preview(&session.asked());
        let mut problems = HashMap::new();
        let of_inputs = preview.problems.iter().cloned();
        for problem in typed.chain(of_inputs).chain(scales) {
            problems.entry(problem.field.clone()).or_insert(problem);
        }
        Self {
            obstacle: obstacle(session, &problems),
            problems,
            preview,
        }
    }

    /// How the job will run, where nothing stands against it and that is known.
    pub(super) fn plan(&self) -> Option<&Plan> {
        let plan = self.preview.plan.as_ref();
        plan.filter(|_| self.obstacle.is_none())
    }

    /// What is wrong with an input.
    pub(super) fn problem(&self, field: &Field) -> Option<&str> {
        let problem = self.problems.get(field.name)?;
        Some(&problem.message)
    }
}

/// Why nothing can be generated now.
fn obstacle(session: &Session, problems: &HashMap<String, Problem>) -> Option<String> {
    if let ModelState::Failed(_) = session.model() {
        return Some(text::MODEL_FAILED.to_owned());
    }
    let wrong = fields::all().filter(|field| problems.contains_key(field.name));
    let labels: Vec<_> = wrong.map(|field| field.label).collect();
    (!labels.is_empty()).then(|| text::needs_change(labels.join(", ")))
}
