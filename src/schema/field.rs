//! What a row of the tables of inputs is.

use std::ops::RangeInclusive;
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
    /// Its type, where it lives in [`Params`], its default and its limits.
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

/// A typed pointer to one field of [`Params`], with its default.
pub struct Access<T> {
    /// Reads it.
    pub get: fn(&Params) -> &T,
    /// Writes it.
    pub get_mut: fn(&mut Params) -> &mut T,
    /// The value when nothing is given.
    pub default: fn() -> T,
}

impl<T> Access<T> {
    /// Writes a value, if there is one.
    pub(super) fn set(self, params: &mut Params, value: Option<T>) -> Option<()> {
        *(self.get_mut)(params) = value?;
        Some(())
    }

    fn reset(self, params: &mut Params) {
        *(self.get_mut)(params) = (self.default)();
    }
}

impl<T> Clone for Access<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Access<T> {}

/// Makes the pointer to one field of `Params`; without a default it is empty.
macro_rules! access {
    ($field:ident) => {
        $crate::schema::field::Access {
            get: |params| &params.$field,
            get_mut: |params| &mut params.$field,
            default: Default::default,
        }
    };
    ($field:ident, $default:expr) => {
        $crate::schema::field::Access {
            get: |params| &params.$field,
            get_mut: |params| &mut params.$field,
            default: || $default.into(),
        }
    };
}

pub(super) use access;

/// The type of an input, with its limits.
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
    },
    /// A whole number within limits, both included.
    Integer {
        /// Where it lives.
        access: Access<i64>,
        /// The smallest value.
        min: i64,
        /// The largest value.
        max: i64,
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
    },
    /// Yes or no.
    Boolean(Access<bool>),
}

impl Kind {
    pub(super) const fn integer(access: Access<i64>, limits: RangeInclusive<i64>) -> Self {
        let (min, max) = (*limits.start(), *limits.end());
        Self::Integer { access, min, max }
    }

    pub(super) const fn optional_integer(
        access: Access<Option<i128>>,
        limits: Option<(i128, i128)>,
    ) -> Self {
        Self::OptionalInteger { access, limits }
    }

    pub(super) const fn number(access: Access<f64>, limits: RangeInclusive<f64>) -> Self {
        let (min, max) = (*limits.start(), *limits.end());
        Self::Number { access, min, max }
    }

    pub(super) const fn choice(access: Access<String>, choices: &'static [&'static str]) -> Self {
        Self::Choice { access, choices }
    }

    /// The row for an input of this type; without more said it has no unit and always acts.
    pub(super) const fn named(
        self,
        name: &'static str,
        label: &'static str,
        group: Group,
    ) -> Field {
        Field {
            name,
            label,
            group,
            help: "",
            unit: None,
            unused: |_| None,
            kind: self,
        }
    }
}

impl Field {
    pub(super) const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    pub(super) const fn in_pixels(self) -> Self {
        let unit = Some("px");
        Self { unit, ..self }
    }

    pub(super) const fn unused(self, unused: fn(&Params) -> Option<&'static str>) -> Self {
        Self { unused, ..self }
    }

    /// Puts the default back.
    pub fn reset(&self, params: &mut Params) {
        match self.kind {
            Kind::Text(access) | Kind::Weights(access) => access.reset(params),
            Kind::Image(access) => access.reset(params),
            Kind::Loras(access) => access.reset(params),
            Kind::Choice { access, .. } => access.reset(params),
            Kind::Integer { access, .. } => access.reset(params),
            Kind::OptionalInteger { access, .. } => access.reset(params),
            Kind::Number { access, .. } => access.reset(params),
            Kind::Boolean(access) => access.reset(params),
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
            Kind::OptionalInteger { limits, .. } => {
                limits.map(|(min, max)| text::range(min, max))?
            }
            Kind::Number { min, max, .. } => text::range(min, max),
            _ => return None,
        };
        Some(match self.unit {
            Some(unit) => format!("{range} {unit}"),
            None => range,
        })
    }
}
