//! What stands against a job with the inputs as they are, and how it would run.

use std::collections::HashMap;

use crate::engine::plan::Plan;
use crate::schema::Problem;
use crate::schema::fields::{self, Field};
use crate::schema::params::Params;
use crate::schema::request::Model;
use crate::session::loras::LoraState;
use crate::session::{ModelState, Session};
use crate::ui::text::{form as text, loras};

/// The inputs, checked.
pub(crate) struct Checked {
    /// At most one for an input, by its name.
    problems: HashMap<String, Problem>,
    /// Why nothing can be generated now; `None` when something can.
    pub(crate) obstacle: Option<String>,
    /// How the job will run, where nothing stands against it and that is known.
    pub(crate) plan: Option<Plan>,
}

impl Checked {
    /// Checks the inputs of the session. `typed` is what is wrong with text that is not in them yet.
    pub(super) fn new(session: &Session, typed: impl Iterator<Item = Problem>) -> Self {
        let asked = session.settings.asked();
        let mut problems = HashMap::new();
        let of_inputs = session.problems(&asked).into_iter();
        for problem in typed.chain(of_inputs).chain(of_loras(session, &asked)) {
            problems.entry(problem.field.clone()).or_insert(problem);
        }
        let obstacle = obstacle(session, &problems);
        let plan = match obstacle {
            None => session.plan(&asked),
            Some(_) => None,
        };
        Self {
            problems,
            obstacle,
            plan,
        }
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

/// What the LoRAs of the form have to say against a job with these inputs.
fn of_loras<'a>(session: &'a Session, params: &'a Params) -> impl Iterator<Item = Problem> + 'a {
    let model = model(params);
    params.loras().filter_map(move |(field, typed)| {
        let LoraState::Ready(ready) = session.loras.state(typed)? else {
            return None;
        };
        let reason = ready.report(model).err()?;
        Some(Problem::new(field, loras::unusable(reason)))
    })
}

/// The model that runs as the inputs stand.
pub(super) fn model(params: &Params) -> Model {
    if params.model == Model::Schnell.name() {
        Model::Schnell
    } else {
        Model::Dev
    }
}
