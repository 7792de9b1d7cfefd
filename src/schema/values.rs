//! Values of inputs as JSON and as text, in both directions.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::schema::field::{Field, Kind};
use crate::schema::fields::{self, EXTRAS, FIELDS};
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
        let set = |(name, value): (&String, &Value)| match fields::find(name) {
            Some(field) => field.set_json(self, value).err(),
            None => Some(Problem::new(name, text::NO_SUCH_INPUT)),
        };
        object.iter().filter_map(set).collect()
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
            Kind::Boolean(access) => (*(access.get)(params)).into(),
        }
    }

    /// Whether the value is the default.
    pub fn is_default(&self, params: &Params) -> bool {
        self.to_json(params) == self.to_json(&Params::default())
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
        let set = match self.kind {
            Kind::Text(access) | Kind::Weights(access) => {
                access.set(params, given.text().map(|text| Some(text.to_owned())))
            }
            Kind::Image(access) => access.set(params, given.text().map(|path| Some(path.into()))),
            Kind::Loras(access) => access.set(params, given.loras()),
            Kind::Choice { access, .. } => access.set(params, given.text().map(str::to_owned)),
            // A far too large number stays far too large, so that the range check can speak of it.
            Kind::Integer { access, .. } => {
                let saturated =
                    |number: i128| number.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
                access.set(params, given.whole().map(saturated))
            }
            Kind::OptionalInteger { access, .. } => access.set(params, given.whole().map(Some)),
            Kind::Number { access, .. } => access.set(params, given.read()),
            Kind::Boolean(access) => access.set(params, given.read()),
        };
        set.ok_or_else(|| Problem::new(self.name, text::expected(&self.type_text(), given)))
    }

    /// What a value must be, in words.
    fn type_text(&self) -> String {
        let what = match self.kind {
            Kind::Text(_) | Kind::Weights(_) => text::TEXT,
            Kind::Image(_) => text::IMAGE_PATH,
            Kind::Loras(_) => text::LORA_LIST,
            Kind::Choice { choices, .. } => return text::one_of_in_quotes(choices),
            Kind::Integer { .. } | Kind::OptionalInteger { .. } => text::WHOLE_NUMBER,
            Kind::Number { .. } => text::NUMBER,
            Kind::Boolean(_) => text::YES_OR_NO,
        };
        what.to_owned()
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
        match *self {
            Self::Json(value) => Vec::deserialize(value).ok(),
            Self::Text(text) => serde_json::from_str(text).ok(),
        }
    }

    /// A number without a fraction; in JSON `4.0` counts as 4.
    fn whole(&self) -> Option<i128> {
        let float = || match self {
            Self::Json(value) => value.as_f64().filter(|number| number.fract() == 0.0),
            Self::Text(_) => None,
        };
        self.read().or_else(|| float().map(|number| number as i128))
    }

    /// A value that JSON and text write in the same way.
    fn read<T: DeserializeOwned + FromStr>(&self) -> Option<T> {
        match *self {
            Self::Json(value) => T::deserialize(value).ok(),
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
