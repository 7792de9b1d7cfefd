//! Values of inputs as JSON and as text, in both directions.

use std::fmt;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::schema::extras::EXTRAS;
use crate::schema::field::{Field, Kind};
use crate::schema::fields::{self, FIELDS};
use crate::schema::notes::Problem;
use crate::schema::params::{MoreLora, Params};
use crate::schema::text;

impl Params {
    /// The inputs as a JSON object, in the order of the table; inputs that are not given are left out, and so are those
    /// beyond the contract at their defaults.
    pub fn to_json(&self) -> Map<String, Value> {
        let beyond = EXTRAS.iter().filter(|field| !field.is_default(self));
        FIELDS
            .iter()
            .chain(beyond)
            .map(|field| (field.name.to_owned(), field.to_json(self)))
            .filter(|(_, value)| !value.is_null())
            .collect()
    }

    /// Takes over every input named in `object`, and says which could not be.
    ///
    /// `null` means "not given". Values that do not fit their input leave it as it was.
    pub fn apply_json(&mut self, object: &Map<String, Value>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, value) in object {
            let Some(field) = fields::find(name) else {
                problems.push(Problem::new(name, text::NO_SUCH_INPUT));
                continue;
            };
            if let Err(problem) = field.set_json(self, value) {
                problems.push(problem);
            }
        }
        problems
    }
}

impl Field {
    /// The value in `params`; `null` where nothing is given.
    pub fn to_json(&self, params: &Params) -> Value {
        match self.kind {
            Kind::Text(access) | Kind::Weights(access) => (access.get)(params).clone().into(),
            Kind::Image(access) => {
                let path = (access.get)(params).as_ref();
                path.map(|path| path.to_string_lossy()).into()
            }
            Kind::Loras(access) => {
                let loras = (access.get)(params);
                let of = |more: &MoreLora| json!({ "lora": more.lora, "scale": more.scale });
                loras.iter().map(of).collect()
            }
            Kind::Choice { access, .. } => (access.get)(params).clone().into(),
            Kind::Integer { access, .. } => (*(access.get)(params)).into(),
            Kind::OptionalInteger { access, .. } => match *(access.get)(params) {
                None => Value::Null,
                // Beyond 64 bits JSON has only floats, and no input means a number that large.
                Some(value) => u64::try_from(value)
                    .map(Value::from)
                    .or_else(|_| i64::try_from(value).map(Value::from))
                    .unwrap_or_else(|_| Value::from(value as f64)),
            },
            Kind::Number { access, .. } => (*(access.get)(params)).into(),
            Kind::Boolean { access, .. } => (*(access.get)(params)).into(),
        }
    }

    /// Takes over a JSON value.
    ///
    /// # Errors
    /// When the value has another type than the input. Limits are checked later, all at once.
    pub fn set_json(&self, params: &mut Params, value: &Value) -> Result<(), Problem> {
        if value.is_null() {
            self.reset(params);
            return Ok(());
        }
        self.set(params, &Given::Json(value))
    }

    /// Takes over a value typed as text, on the command line or into a text box.
    ///
    /// # Errors
    /// When the text cannot be read as the input's type. Limits are checked later, all at once.
    pub fn set_text(&self, params: &mut Params, text: &str) -> Result<(), Problem> {
        self.set(params, &Given::Text(text))
    }

    fn set(&self, params: &mut Params, given: &Given<'_>) -> Result<(), Problem> {
        let not = |what: &str| Problem::new(self.name, text::expected(what, given));
        match self.kind {
            Kind::Text(access) | Kind::Weights(access) => {
                let text = given.text().ok_or_else(|| not(text::TEXT))?;
                *(access.get_mut)(params) = Some(text.to_owned());
            }
            Kind::Image(access) => {
                let path = given.text().ok_or_else(|| not(text::IMAGE_PATH))?;
                *(access.get_mut)(params) = Some(PathBuf::from(path));
            }
            Kind::Loras(access) => {
                *(access.get_mut)(params) = given.loras().ok_or_else(|| not(text::LORA_LIST))?;
            }
            Kind::Choice {
                access, choices, ..
            } => {
                let word = given.text();
                let word = word.ok_or_else(|| not(&text::one_of_in_quotes(choices)))?;
                word.clone_into((access.get_mut)(params));
            }
            Kind::Integer { access, .. } => {
                let number = given.whole().ok_or_else(|| not(text::WHOLE_NUMBER))?;
                // A far too large number stays far too large, so that the range check can speak of it.
                let limits = (i64::MIN.into(), i64::MAX.into());
                *(access.get_mut)(params) = number.clamp(limits.0, limits.1) as i64;
            }
            Kind::OptionalInteger { access, .. } => {
                let number = given.whole().ok_or_else(|| not(text::WHOLE_NUMBER))?;
                *(access.get_mut)(params) = Some(number);
            }
            Kind::Number { access, .. } => {
                *(access.get_mut)(params) = given.number().ok_or_else(|| not(text::NUMBER))?;
            }
            Kind::Boolean { access, .. } => {
                *(access.get_mut)(params) = given.truth().ok_or_else(|| not(text::YES_OR_NO))?;
            }
        }
        Ok(())
    }
}

/// A value as it comes in.
enum Given<'a> {
    Json(&'a Value),
    Text(&'a str),
}

impl Given<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Json(value) => value.as_str(),
            Self::Text(text) => Some(text),
        }
    }

    fn loras(&self) -> Option<Vec<MoreLora>> {
        match self {
            Self::Json(value) => serde_json::from_value((*value).clone()).ok(),
            Self::Text(text) => serde_json::from_str(text).ok(),
        }
    }

    /// A number without a fraction; in JSON `4.0` counts as 4.
    fn whole(&self) -> Option<i128> {
        match self {
            Self::Json(value) => value
                .as_i64()
                .map(i128::from)
                .or_else(|| value.as_u64().map(i128::from))
                .or_else(|| {
                    let number = value.as_f64().filter(|number| number.fract() == 0.0);
                    number.map(|number| number as i128)
                }),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Json(value) => value.as_f64(),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    fn truth(&self) -> Option<bool> {
        match self {
            Self::Json(value) => value.as_bool(),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

impl fmt::Display for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(value) => value.fmt(f),
            Self::Text(text) => write!(f, "'{}'", text.escape_debug()),
        }
    }
}
