//! What a row of the tables of inputs is.

use std::path::PathBuf;

use crate::schema::params::{MoreLora, Params};
use crate::schema::text;

/// One input.
pub struct Field {
    /// Its name in the contract, on the command line and in JSON.
    pub name: &'static str,
    /// Its name in the window.
    pub label: &'static str,
    /// The part of the form it stands in.
    pub group: Group,
    /// What it means, in one or two sentences.
    pub help: &'static str,
    /// The unit of its number, such as `px`.
    pub unit: Option<&'static str>,
    /// Says why it does not act as the other inputs stand; `None` when it acts.
    pub unused: fn(&Params) -> Option<&'static str>,
    /// Its type, where it lives in [`Params`], its limits and its default.
    pub kind: Kind,
}

/// The parts of the form, in the order they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// What the image shows.
    Prompt,
    /// Shape and size.
    Size,
    /// Which model runs, and how long.
    Sampling,
    /// Starting image and mask.
    Input,
    /// Low-rank fine-tunes.
    Lora,
    /// Number and form of the files.
    Output,
}

impl Group {
    /// Every group, in the order they are shown.
    pub const ALL: [Self; 6] = [
        Self::Prompt,
        Self::Size,
        Self::Sampling,
        Self::Input,
        Self::Lora,
        Self::Output,
    ];

    /// The heading in the window and in `--help`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Prompt => "Prompt",
            Self::Size => "Size",
            Self::Sampling => "Sampling",
            Self::Input => "Starting picture",
            Self::Lora => "LoRA",
            Self::Output => "Output",
        }
    }
}

/// A typed pointer to one field of [`Params`].
pub struct Access<T> {
    /// Reads it.
    pub get: fn(&Params) -> &T,
    /// Writes it.
    pub get_mut: fn(&mut Params) -> &mut T,
}

impl<T> Clone for Access<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Access<T> {}

/// Makes the pair of accessors for one field of `Params`.
macro_rules! access {
    ($field:ident) => {
        $crate::schema::field::Access {
            get: |params| &params.$field,
            get_mut: |params| &mut params.$field,
        }
    };
}

pub(super) use access;

/// The type of an input, with its limits and default.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Free text that must be given; it may be empty.
    Text(Access<Option<String>>),
    /// An image file.
    Image(Access<Option<PathBuf>>),
    /// A reference to LoRA weights.
    Weights(Access<Option<String>>),
    /// Any number of LoRAs with their scales.
    Loras(Access<Vec<MoreLora>>),
    /// One of a few words.
    Choice {
        /// Where it lives.
        access: Access<String>,
        /// The words, in presentation order.
        choices: &'static [&'static str],
        /// The word when nothing is given.
        default: &'static str,
    },
    /// A whole number within limits, both included.
    Integer {
        /// Where it lives.
        access: Access<i64>,
        /// The smallest value.
        min: i64,
        /// The largest value.
        max: i64,
        /// The value when nothing is given.
        default: i64,
    },
    /// A whole number that may be absent, wide enough for every 64-bit seed and every slip of the keyboard.
    OptionalInteger {
        /// Where it lives.
        access: Access<Option<i128>>,
        /// The smallest and largest value, both included, if there are limits.
        limits: Option<(i128, i128)>,
    },
    /// A number within limits, both included.
    Number {
        /// Where it lives.
        access: Access<f64>,
        /// The smallest value.
        min: f64,
        /// The largest value.
        max: f64,
        /// The value when nothing is given.
        default: f64,
    },
    /// Yes or no.
    Boolean {
        /// Where it lives.
        access: Access<bool>,
        /// The value when nothing is given.
        default: bool,
    },
}

impl Kind {
    /// A whole number from `min` to `max`.
    pub(super) const fn integer(access: Access<i64>, (min, max): (i64, i64), default: i64) -> Self {
        Self::Integer {
            access,
            min,
            max,
            default,
        }
    }

    /// A number from `min` to `max`.
    pub(super) const fn number(access: Access<f64>, (min, max): (f64, f64), default: f64) -> Self {
        Self::Number {
            access,
            min,
            max,
            default,
        }
    }

    /// Yes or no; no when nothing is given.
    pub(super) const fn switch(access: Access<bool>) -> Self {
        Self::Boolean {
            access,
            default: false,
        }
    }
}

impl Field {
    /// Puts the default back.
    pub fn reset(&self, params: &mut Params) {
        match self.kind {
            Kind::Text(access) | Kind::Weights(access) => *(access.get_mut)(params) = None,
            Kind::Image(access) => *(access.get_mut)(params) = None,
            Kind::Loras(access) => (access.get_mut)(params).clear(),
            Kind::Choice {
                access, default, ..
            } => default.clone_into((access.get_mut)(params)),
            Kind::Integer {
                access, default, ..
            } => *(access.get_mut)(params) = default,
            Kind::OptionalInteger { access, .. } => *(access.get_mut)(params) = None,
            Kind::Number {
                access, default, ..
            } => *(access.get_mut)(params) = default,
            Kind::Boolean { access, default } => *(access.get_mut)(params) = default,
        }
    }

    /// Whether the value is the default.
    pub fn is_default(&self, params: &Params) -> bool {
        match self.kind {
            Kind::Text(access) | Kind::Weights(access) => (access.get)(params).is_none(),
            Kind::Image(access) => (access.get)(params).is_none(),
            Kind::Loras(access) => (access.get)(params).is_empty(),
            Kind::Choice {
                access, default, ..
            } => (access.get)(params) == default,
            Kind::Integer {
                access, default, ..
            } => *(access.get)(params) == default,
            Kind::OptionalInteger { access, .. } => (access.get)(params).is_none(),
            Kind::Number {
                access, default, ..
            } => *(access.get)(params) == default,
            Kind::Boolean { access, default } => *(access.get)(params) == default,
        }
    }

    /// Whether the input must be given.
    pub fn is_required(&self) -> bool {
        matches!(self.kind, Kind::Text(_))
    }

    /// The limits in words, such as `256 to 1440 px`.
    pub fn range_text(&self) -> Option<String> {
        let range = match self.kind {
            Kind::Integer { min, max, .. } => text::range(min, max),
            Kind::OptionalInteger {
                limits: Some((min, max)),
                ..
            } => text::range(min, max),
            Kind::Number { min, max, .. } => text::range(min, max),
            _ => return None,
        };
        Some(match self.unit {
            Some(unit) => format!("{range} {unit}"),
            None => range,
        })
    }
}
