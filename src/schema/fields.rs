//! THE table: one row per input, in presentation order. Inputs beyond the contract are in [`extras`](crate::schema::extras).
//!
//! Defaults, limits, choices, help and when an input does not act are written here and nowhere else. The form, the command
//! line, the default [`Params`], the range checks, the saved settings, the metadata in an image and the printed JSON schema
//! are all made from these rows.

use crate::schema::extras::EXTRAS;
use crate::schema::field::{Access, Field, Group, Kind, access};
use crate::schema::params::{Params, SCALES};
use crate::schema::unused;

/// Every input: those of the contract, then those beyond it.
pub fn all() -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().chain(&EXTRAS)
}

/// The row called `name`.
pub fn find(name: &str) -> Option<&'static Field> {
    all().find(|field| field.name == name)
}

impl Default for Params {
    fn default() -> Self {
        let mut params = Self::blank();
        all().for_each(|field| field.reset(&mut params));
        params
    }
}

/// The row for a side of a custom size.
const fn side(name: &'static str, label: &'static str, access: Access<Option<i128>>) -> Field {
    Field {
        name,
        label,
        group: Group::Size,
        help: "Only with the aspect ratio 'custom'. Rounded up to a multiple of 16; works with go_fast as well.",
        unit: Some("px"),
        unused: unused::unless_custom,
        kind: Kind::OptionalInteger {
            access,
            limits: Some((256, 1440)),
        },
    }
}

/// Every input of the contract, in its order.
pub static FIELDS: [Field; 21] = [
    Field {
        name: "prompt",
        label: "Prompt",
        group: Group::Prompt,
        help: "What the picture shows. With a LoRA, include its trigger word to make its object, style or concept appear.",
        unit: None,
        unused: unused::never,
        kind: Kind::Text(access!(prompt)),
    },
    Field {
        name: "image",
        label: "Starting picture",
        group: Group::Input,
        help: "The picture that image-to-image and inpainting start from. Its size is used in place of aspect ratio, width and height.",
        unit: None,
        unused: unused::never,
        kind: Kind::Image(access!(image)),
    },
    Field {
        name: "mask",
        label: "Mask",
        group: Group::Input,
        help: "Where to repaint the starting picture: white is repainted, black is kept. Aspect ratio, width and height are not used.",
        unit: None,
        unused: unused::without_image,
        kind: Kind::Image(access!(mask)),
    },
    Field {
        name: "aspect_ratio",
        label: "Aspect ratio",
        group: Group::Size,
        help: "Shape of the picture. 'custom' uses width and height; it works with go_fast as well.",
        unit: None,
        unused: unused::with_image,
        kind: Kind::Choice {
            access: access!(aspect_ratio, "1:1"),
            choices: &[
                "1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21",
                "custom",
            ],
        },
    },
    side("height", "Height", access!(height)),
    side("width", "Width", access!(width)),
    Field {
        name: "prompt_strength",
        label: "Prompt strength",
        group: Group::Input,
        help: "How much of the starting picture is given up. 1 destroys all of its information.",
        unit: None,
        unused: unused::without_image,
        kind: Kind::number(access!(prompt_strength, 0.8), 0.0..=1.0),
    },
    Field {
        name: "model",
        label: "Model",
        group: Group::Sampling,
        help: "Which FLUX.1 model runs. dev is at its best around 28 steps, schnell needs only 4.",
        unit: None,
        unused: unused::never,
        kind: Kind::Choice {
            access: access!(model, "dev"),
            choices: &["dev", "schnell"],
        },
    },
    Field {
        name: "num_outputs",
        label: "Pictures",
        group: Group::Output,
        help: "How many pictures to make.",
        unit: None,
        unused: unused::never,
        kind: Kind::integer(access!(num_outputs, 1), 1..=4),
    },
    Field {
        name: "num_inference_steps",
        label: "Steps",
        group: Group::Sampling,
        help: "Denoising steps. More give more detail and take longer.",
        unit: None,
        unused: unused::never,
        kind: Kind::integer(access!(num_inference_steps, 28), 1..=50),
    },
    Field {
        name: "guidance_scale",
        label: "Guidance",
        group: Group::Sampling,
        help: "How literally the prompt is followed (dev only). Lower values look more realistic; good values to try are 2, 2.5, 3 and 3.5.",
        unit: None,
        unused: unused::with_schnell,
        kind: Kind::number(access!(guidance_scale, 3.0), 0.0..=10.0),
    },
    Field {
        name: "seed",
        label: "Seed",
        group: Group::Sampling,
        help: "Fixes the random noise, so that the same settings make the same picture. Empty: a fresh one each time.",
        unit: None,
        unused: unused::never,
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
        unused: unused::never,
        kind: Kind::Choice {
            access: access!(output_format, "webp"),
            choices: &["webp", "jpg", "png"],
        },
    },
    Field {
        name: "output_quality",
        label: "Quality",
        group: Group::Output,
        help: "Quality of the saved pictures, 100 is best. Not used for png.",
        unit: None,
        unused: unused::with_png,
        kind: Kind::integer(access!(output_quality, 80), 0..=100),
    },
    Field {
        name: "disable_safety_checker",
        label: "Turn the safety checker off",
        group: Group::Output,
        help: "Turns the check of the finished pictures off.",
        unit: None,
        unused: unused::never,
        kind: Kind::Boolean {
            access: access!(disable_safety_checker, false),
        },
    },
    Field {
        name: "go_fast",
        label: "Go fast",
        group: Group::Sampling,
        help: "Runs a version of the model made for speed (8-bit in place of bf16), at every size, also with a starting picture.",
        unit: None,
        unused: unused::never,
        kind: Kind::Boolean {
            access: access!(go_fast, false),
        },
    },
    Field {
        name: "megapixels",
        label: "Megapixels",
        group: Group::Size,
        help: "About how many megapixels the picture has. Not used with the aspect ratio 'custom'.",
        unit: None,
        unused: unused::if_custom,
        kind: Kind::Choice {
            access: access!(megapixels, "1"),
            choices: &["1", "0.25"],
        },
    },
    Field {
        name: "replicate_weights",
        label: "LoRA",
        group: Group::Lora,
        help: "Main LoRA: a Replicate model owner/name or owner/name/version, a page huggingface.co/owner/model or civitai.com/models/<id>, or the URL of a .safetensors file.",
        unit: None,
        unused: unused::never,
        kind: Kind::Weights(access!(replicate_weights)),
    },
    Field {
        name: "lora_scale",
        label: "LoRA scale",
        group: Group::Lora,
        help: "How strongly the main LoRA acts. 0 to 1 is sane for the base model; with go_fast the value is multiplied by 1.5.",
        unit: None,
        unused: unused::without_main_lora,
        kind: Kind::number(access!(lora_scale, 1.0), SCALES.0..=SCALES.1),
    },
    Field {
        name: "extra_lora",
        label: "Extra LoRA",
        group: Group::Lora,
        help: "A second LoRA, in the same forms as the main one.",
        unit: None,
        unused: unused::never,
        kind: Kind::Weights(access!(extra_lora)),
    },
    Field {
        name: "extra_lora_scale",
        label: "Extra LoRA scale",
        group: Group::Lora,
        help: "How strongly the extra LoRA acts. 0 to 1 is sane for the base model; with go_fast the value is multiplied by 1.5.",
        unit: None,
        unused: unused::without_extra_lora,
        kind: Kind::number(access!(extra_lora_scale, 1.0), SCALES.0..=SCALES.1),
    },
];
