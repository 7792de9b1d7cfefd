//! THE table: one row per input, in presentation order. Inputs beyond the contract are in [`extras`](crate::schema::extras).
//!
//! Defaults, limits, choices and help are written here and nowhere else. The form, the command line, the default
//! [`Params`], the range checks, the saved settings, the metadata in a picture and the printed JSON schema are all made
//! from these rows.

use std::path::PathBuf;

use crate::schema::extras::EXTRAS;
use crate::schema::lora::{MoreLora, SCALES};
use crate::schema::params::Params;

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
    /// Its type, where it lives in [`Params`], its limits and its default.
    pub kind: Kind,
}

/// The parts of the form, in the order they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// What the picture shows.
    Prompt,
    /// Shape and size.
    Size,
    /// Which model runs, and how long.
    Sampling,
    /// Starting picture and mask.
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

/// The type of an input, with its limits and default.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Free text that must be given; it may be empty.
    Text(Access<Option<String>>),
    /// A picture file.
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
        self.to_json(params) == self.to_json(&Params::default())
    }

    /// Whether the input must be given.
    pub fn is_required(&self) -> bool {
        matches!(self.kind, Kind::Text(_))
    }

    /// The limits in words, such as `256 to 1440 px`.
    pub fn range_text(&self) -> Option<String> {
        let range = match self.kind {
            Kind::Integer { min, max, .. } => format!("{min} to {max}"),
            Kind::OptionalInteger {
                limits: Some((min, max)),
                ..
            } => format!("{min} to {max}"),
            Kind::Number { min, max, .. } => format!("{min} to {max}"),
            _ => return None,
        };
        Some(
            self.unit
                .map_or(range.clone(), |unit| format!("{range} {unit}")),
        )
    }
}

/// Every input: those of the contract, then those beyond it.
pub fn all() -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().chain(&EXTRAS)
}

/// The row called `name`.
pub fn find(name: &str) -> Option<&'static Field> {
    all().find(|field| field.name == name)
}

/// Makes the pair of accessors for one field of `Params`.
macro_rules! access {
    ($field:ident) => {
        Access {
            get: |params| &params.$field,
            get_mut: |params| &mut params.$field,
        }
    };
}

pub(super) use access;

/// Every input of the contract, in its order.
pub static FIELDS: [Field; 21] = [
    Field {
        name: "prompt",
        label: "Prompt",
        group: Group::Prompt,
        help: "What the picture shows. With a LoRA, include its trigger word to make its object, style or concept appear.",
        unit: None,
        kind: Kind::Text(access!(prompt)),
    },
    Field {
        name: "image",
        label: "Starting picture",
        group: Group::Input,
        help: "The picture that image-to-image and inpainting start from. Its size is used in place of aspect ratio, width and height.",
        unit: None,
        kind: Kind::Image(access!(image)),
    },
    Field {
        name: "mask",
        label: "Mask",
        group: Group::Input,
        help: "Where to repaint the starting picture: white is repainted, black is kept. Aspect ratio, width and height are not used.",
        unit: None,
        kind: Kind::Image(access!(mask)),
    },
    Field {
        name: "aspect_ratio",
        label: "Aspect ratio",
        group: Group::Size,
        help: "Shape of the picture. 'custom' uses width and height; it works with go_fast as well.",
        unit: None,
        kind: Kind::Choice {
            access: access!(aspect_ratio),
            choices: &[
                "1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21",
                "custom",
            ],
            default: "1:1",
        },
    },
    Field {
        name: "height",
        label: "Height",
        group: Group::Size,
        help: "Only with the aspect ratio 'custom'. Rounded up to a multiple of 16; works with go_fast as well.",
        unit: Some("px"),
        kind: Kind::OptionalInteger {
            access: access!(height),
            limits: Some((256, 1440)),
        },
    },
    Field {
        name: "width",
        label: "Width",
        group: Group::Size,
        help: "Only with the aspect ratio 'custom'. Rounded up to a multiple of 16; works with go_fast as well.",
        unit: Some("px"),
        kind: Kind::OptionalInteger {
            access: access!(width),
            limits: Some((256, 1440)),
        },
    },
    Field {
        name: "prompt_strength",
        label: "Prompt strength",
        group: Group::Input,
        help: "How much of the starting picture is given up. 1 destroys all of its information.",
        unit: None,
        kind: Kind::Number {
            access: access!(prompt_strength),
            min: 0.0,
            max: 1.0,
            default: 0.8,
        },
    },
    Field {
        name: "model",
        label: "Model",
        group: Group::Sampling,
        help: "Which FLUX.1 model runs. dev is at its best around 28 steps, schnell needs only 4.",
        unit: None,
        kind: Kind::Choice {
            access: access!(model),
            choices: &["dev", "schnell"],
            default: "dev",
        },
    },
    Field {
        name: "num_outputs",
        label: "Pictures",
        group: Group::Output,
        help: "How many pictures to make.",
        unit: None,
        kind: Kind::Integer {
            access: access!(num_outputs),
            min: 1,
            max: 4,
            default: 1,
        },
    },
    Field {
        name: "num_inference_steps",
        label: "Steps",
        group: Group::Sampling,
        help: "Denoising steps. More give more detail and take longer.",
        unit: None,
        kind: Kind::Integer {
            access: access!(num_inference_steps),
            min: 1,
            max: 50,
            default: 28,
        },
    },
    Field {
        name: "guidance_scale",
        label: "Guidance",
        group: Group::Sampling,
        help: "How literally the prompt is followed (dev only). Lower values look more realistic; good values to try are 2, 2.5, 3 and 3.5.",
        unit: None,
        kind: Kind::Number {
            access: access!(guidance_scale),
            min: 0.0,
            max: 10.0,
            default: 3.0,
        },
    },
    Field {
        name: "seed",
        label: "Seed",
        group: Group::Sampling,
        help: "Fixes the random noise, so that the same settings make the same picture. Empty: a fresh one each time.",
        unit: None,
        kind: Kind::OptionalInteger {
            access: access!(seed),
            limits: None,
        },
    },
    Field {
        name: "output_format",
        label: "Format",
        group: Group::Output,
        help: "File format of the pictures.",
        unit: None,
        kind: Kind::Choice {
            access: access!(output_format),
            choices: &["webp", "jpg", "png"],
            default: "webp",
        },
    },
    Field {
        name: "output_quality",
        label: "Quality",
        group: Group::Output,
        help: "Quality of the saved pictures, 100 is best. Not used for png.",
        unit: None,
        kind: Kind::Integer {
            access: access!(output_quality),
            min: 0,
            max: 100,
            default: 80,
        },
    },
    Field {
        name: "disable_safety_checker",
        label: "Turn the safety checker off",
        group: Group::Output,
        help: "Turns the check of the finished pictures off.",
        unit: None,
        kind: Kind::Boolean {
            access: access!(disable_safety_checker),
            default: false,
        },
    },
    Field {
        name: "go_fast",
        label: "Go fast",
        group: Group::Sampling,
        help: "Runs a version of the model made for speed (8-bit in place of bf16), at every size, also with a starting picture.",
        unit: None,
        kind: Kind::Boolean {
            access: access!(go_fast),
            default: false,
        },
    },
    Field {
        name: "megapixels",
        label: "Megapixels",
        group: Group::Size,
        help: "About how many megapixels the picture has. Not used with the aspect ratio 'custom'.",
        unit: None,
        kind: Kind::Choice {
            access: access!(megapixels),
            choices: &["1", "0.25"],
            default: "1",
        },
    },
    Field {
        name: "replicate_weights",
        label: "LoRA",
        group: Group::Lora,
        help: "Main LoRA: a Replicate model owner/name or owner/name/version, a page huggingface.co/owner/model or civitai.com/models/<id>, or the URL of a .safetensors file.",
        unit: None,
        kind: Kind::Weights(access!(replicate_weights)),
    },
    Field {
        name: "lora_scale",
        label: "LoRA scale",
        group: Group::Lora,
        help: "How strongly the main LoRA acts. 0 to 1 is sane for the base model; with go_fast the value is multiplied by 1.5.",
        unit: None,
        kind: Kind::Number {
            access: access!(lora_scale),
            min: SCALES.0,
            max: SCALES.1,
            default: 1.0,
        },
    },
    Field {
        name: "extra_lora",
        label: "Extra LoRA",
        group: Group::Lora,
        help: "A second LoRA, in the same forms as the main one.",
        unit: None,
        kind: Kind::Weights(access!(extra_lora)),
    },
    Field {
        name: "extra_lora_scale",
        label: "Extra LoRA scale",
        group: Group::Lora,
        help: "How strongly the extra LoRA acts. 0 to 1 is sane for the base model; with go_fast the value is multiplied by 1.5.",
        unit: None,
        kind: Kind::Number {
            access: access!(extra_lora_scale),
            min: SCALES.0,
            max: SCALES.1,
            default: 1.0,
        },
    },
];
