//! What somebody typed: one value per input, always representable, maybe wrong.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::schema::Problem;
use crate::schema::extras::EXTRAS;
use crate::schema::fields::{self, FIELDS, Field, Kind};
use crate::schema::lora::MoreLora;

/// The inputs as given: the 21 of the contract, then those beyond it. See [`fields::all`] for meanings, limits and defaults.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    missing_docs,
    reason = "each field is documented by its row in the table"
)]
pub struct Params {
    pub prompt: Option<String>,
    pub image: Option<PathBuf>,
    pub mask: Option<PathBuf>,
    pub aspect_ratio: String,
    pub height: Option<i128>,
    pub width: Option<i128>,
    pub prompt_strength: f64,
    pub model: String,
    pub num_outputs: i64,
    pub num_inference_steps: i64,
    pub guidance_scale: f64,
    pub seed: Option<i128>,
    pub output_format: String,
    pub output_quality: i64,
    pub disable_safety_checker: bool,
    pub go_fast: bool,
    pub megapixels: String,
    pub replicate_weights: Option<String>,
    pub lora_scale: f64,
    pub extra_lora: Option<String>,
    pub extra_lora_scale: f64,
    pub more_loras: Vec<MoreLora>,
    pub grow: i64,
    pub feather: i64,
    pub crop_to_mask: bool,
    pub crop_margin: i64,
    pub extend_left: i64,
    pub extend_top: i64,
    pub extend_right: i64,
    pub extend_bottom: i64,
}

impl Default for Params {
    fn default() -> Self {
        let mut params = Self {
            prompt: None,
            image: None,
            mask: None,
            aspect_ratio: String::new(),
            height: None,
            width: None,
            prompt_strength: 0.0,
            model: String::new(),
            num_outputs: 0,
            num_inference_steps: 0,
            guidance_scale: 0.0,
            seed: None,
            output_format: String::new(),
            output_quality: 0,
            disable_safety_checker: false,
            go_fast: false,
            megapixels: String::new(),
            replicate_weights: None,
            lora_scale: 0.0,
            extra_lora: None,
            extra_lora_scale: 0.0,
            more_loras: Vec::new(),
            grow: 0,
            feather: 0,
            crop_to_mask: false,
            crop_margin: 0,
            extend_left: 0,
            extend_top: 0,
            extend_right: 0,
            extend_bottom: 0,
        };
        for field in fields::all() {
            field.reset(&mut params);
        }
        params
    }
}

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

    /// Puts a reference to a LoRA into a place: 0 is the main one, 1 the extra one, and those beyond follow.
    pub fn set_lora(&mut self, place: usize, reference: String) {
        match place {
            0 => self.replicate_weights = Some(reference),
            1 => self.extra_lora = Some(reference),
            _ => match self.more_loras.get_mut(place - 2) {
                Some(more) => more.lora = reference,
                None => self.more_loras.push(MoreLora {
                    lora: reference,
                    scale: 1.0,
                }),
            },
        }
    }

    /// Keeps the LoRAs for which `keep` says so of what is typed, without the white space around it.
    pub fn retain_loras(&mut self, keep: impl Fn(&str) -> bool) {
        for typed in [&mut self.replicate_weights, &mut self.extra_lora] {
            typed.take_if(|typed| !keep(typed.trim()));
        }
        self.more_loras.retain(|more| keep(more.lora.trim()));
    }

    /// What is typed for LoRAs, place by place, each with the input that it stands in; blank where there is none.
    pub fn loras(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let two = [
            ("replicate_weights", &self.replicate_weights),
            ("extra_lora", &self.extra_lora),
        ];
        let two = two.map(|(field, typed)| (field, typed.as_deref().unwrap_or_default().trim()));
        let more = self.more_loras.iter();
        two.into_iter()
            .chain(more.map(|more| ("more_loras", more.lora.trim())))
    }

    /// The first place for a LoRA that is empty.
    pub fn free_lora_place(&self) -> usize {
        let mut all = self.loras();
        let free = all.position(|(_, typed)| typed.is_empty());
        free.unwrap_or(2 + self.more_loras.len())
    }

    /// Takes over every input named in `object`, and says which could not be.
    ///
    /// `null` means "not given". Values that do not fit their input leave it as it was.
    pub fn apply_json(&mut self, object: &Map<String, Value>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, value) in object {
            let Some(field) = fields::find(name) else {
                problems.push(Problem::new(name, "there is no input of this name"));
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
            Kind::Image(access) => (access.get)(params)
                .as_ref()
                .map(|path| path.to_string_lossy())
                .into(),
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
        let expected = |what: &str| Problem::new(self.name, format!("must be {what}, not {value}"));
        if value.is_null() {
            self.reset(params);
            return Ok(());
        }
        match self.kind {
            Kind::Text(access) | Kind::Weights(access) => {
                let text = value.as_str().ok_or_else(|| expected("text in quotes"))?;
                *(access.get_mut)(params) = Some(text.to_owned());
            }
            Kind::Image(access) => {
                let text = value
                    .as_str()
                    .ok_or_else(|| expected("the path of a picture in quotes"))?;
                *(access.get_mut)(params) = Some(PathBuf::from(text));
            }
            Kind::Loras(access) => {
                let loras = serde_json::from_value(value.clone());
                *(access.get_mut)(params) = loras.map_err(|_| expected(LORAS))?;
            }
            Kind::Choice {
                access, choices, ..
            } => {
                let text = value
                    .as_str()
                    .ok_or_else(|| expected(&format!("text in quotes: {}", quoted(choices))))?;
                text.clone_into((access.get_mut)(params));
            }
            Kind::Integer { access, .. } => {
                let number = whole(value).ok_or_else(|| expected("a whole number"))?;
                *(access.get_mut)(params) = saturate(number);
            }
            Kind::OptionalInteger { access, .. } => {
                *(access.get_mut)(params) =
                    Some(whole(value).ok_or_else(|| expected("a whole number"))?);
            }
            Kind::Number { access, .. } => {
                *(access.get_mut)(params) = value.as_f64().ok_or_else(|| expected("a number"))?;
            }
            Kind::Boolean { access, .. } => {
                *(access.get_mut)(params) =
                    value.as_bool().ok_or_else(|| expected("true or false"))?;
            }
        }
        Ok(())
    }

    /// Takes over a value typed as text, on the command line or into a text box.
    ///
    /// # Errors
    /// When the text cannot be read as the input's type. Limits are checked later, all at once.
    pub fn set_text(&self, params: &mut Params, text: &str) -> Result<(), Problem> {
        let expected = |what: &str| {
            Problem::new(
                self.name,
                format!("must be {what}, not '{}'", text.escape_debug()),
            )
        };
        match self.kind {
            Kind::Text(access) | Kind::Weights(access) => {
                *(access.get_mut)(params) = Some(text.to_owned());
            }
            Kind::Image(access) => *(access.get_mut)(params) = Some(PathBuf::from(text)),
            Kind::Loras(access) => {
                let loras = serde_json::from_str(text);
                *(access.get_mut)(params) = loras.map_err(|_| expected(LORAS))?;
            }
            Kind::Choice { access, .. } => text.clone_into((access.get_mut)(params)),
            Kind::Integer { access, .. } => {
                *(access.get_mut)(params) = saturate(
                    text.trim()
                        .parse()
                        .map_err(|_| expected("a whole number"))?,
                );
            }
            Kind::OptionalInteger { access, .. } => {
                *(access.get_mut)(params) = Some(
                    text.trim()
                        .parse()
                        .map_err(|_| expected("a whole number"))?,
                );
            }
            Kind::Number { access, .. } => {
                *(access.get_mut)(params) =
                    text.trim().parse().map_err(|_| expected("a number"))?;
            }
            Kind::Boolean { access, .. } => {
                *(access.get_mut)(params) = match text.trim() {
                    "true" => true,
                    "false" => false,
                    _ => return Err(expected("true or false")),
                };
            }
        }
        Ok(())
    }
}

/// What a list of LoRAs looks like.
const LORAS: &str = r#"a JSON list such as [{"lora": "owner/name", "scale": 0.8}]"#;

/// The choices in words: `'a', 'b' or 'c'`.
pub fn quoted(choices: &[&str]) -> String {
    match choices {
        [] => String::new(),
        [only] => format!("'{only}'"),
        [most @ .., last] => {
            let most: Vec<_> = most.iter().map(|choice| format!("'{choice}'")).collect();
            format!("{} or '{last}'", most.join(", "))
        }
    }
}

/// A JSON number without a fraction; `4.0` counts as 4.
fn whole(value: &Value) -> Option<i128> {
    let exact = value
        .as_i64()
        .map(i128::from)
        .or_else(|| value.as_u64().map(i128::from));
    exact.or_else(|| {
        value
            .as_f64()
            .filter(|number| number.fract() == 0.0)
            .map(|number| number as i128)
    })
}

/// Keeps a far too large number far too large, so that the range check can speak of it.
fn saturate(number: i128) -> i64 {
    number.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}
