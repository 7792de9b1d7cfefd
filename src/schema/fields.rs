//! THE table: one row per input, in presentation order.
//!
//! Defaults, limits, choices, help and when an input does not act are written here and nowhere else. The form, the command
//! line, the default [`Params`], the range checks, the saved settings, the metadata in an image and the printed JSON schema
//! are all made from these rows.

use crate::schema::field::{Access, Field, Group, Kind, access};
use crate::schema::params::{Params, SCALES};
use crate::schema::text;

/// The farthest an edge of a mask can be moved or softened, in pixels.
const MAX_EDGE: i64 = 256;

/// The farthest a side of a picture can be extended, in pixels.
pub(super) const MAX_EXTEND: i64 = 4096;

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

/// Every input of the contract, in its order.
pub static FIELDS: [Field; 21] = [
    Kind::Text(access!(prompt))
        .named("prompt", "Prompt", Group::Prompt)
        .help(
            "What the picture shows. With a LoRA, include its trigger word to make its object, \
             style or concept appear.",
        ),
    Kind::Image(access!(image))
        .named("image", "Starting picture", Group::Input)
        .help(
            "The picture that image-to-image and inpainting start from. Its size is used in place \
             of aspect ratio, width and height.",
        ),
    Kind::Image(access!(mask))
        .named("mask", "Mask", Group::Input)
        .help(
            "Where to repaint the starting picture: white is repainted, black is kept. Aspect \
             ratio, width and height are not used.",
        )
        .unused(without_image),
    Kind::choice(access!(aspect_ratio, "1:1"), &ASPECT_RATIOS)
        .named("aspect_ratio", "Aspect ratio", Group::Size)
        .help(
            "Shape of the picture. 'custom' uses width and height; it works with go_fast as well.",
        )
        .unused(with_image),
    side(access!(height), "height", "Height"),
    side(access!(width), "width", "Width"),
    Kind::number(access!(prompt_strength, 0.8), 0.0..=1.0)
        .named("prompt_strength", "Prompt strength", Group::Input)
        .help("How much of the starting picture is given up. 1 destroys all of its information.")
        .unused(without_image),
    Kind::choice(access!(model, "dev"), &["dev", "schnell"])
        .named("model", "Model", Group::Sampling)
        .help("Which FLUX.1 model runs. dev is at its best around 28 steps, schnell needs only 4."),
    Kind::integer(access!(num_outputs, 1), 1..=4)
        .named("num_outputs", "Pictures", Group::Output)
        .help("How many pictures to make."),
    Kind::integer(access!(num_inference_steps, 28), 1..=50)
        .named("num_inference_steps", "Steps", Group::Sampling)
        .help("Denoising steps. More give more detail and take longer."),
    Kind::number(access!(guidance_scale, 3.0), 0.0..=10.0)
        .named("guidance_scale", "Guidance", Group::Sampling)
        .help(
            "How literally the prompt is followed (dev only). Lower values look more realistic; \
             good values to try are 2, 2.5, 3 and 3.5.",
        )
        .unused(|params| (params.model == "schnell").then_some(text::NO_GUIDANCE)),
    Kind::optional_integer(access!(seed), None)
        .named("seed", "Seed", Group::Sampling)
        .help(
            "Fixes the random noise, so that the same settings make the same picture. Empty: a \
             fresh one each time.",
        ),
    Kind::choice(access!(output_format, "webp"), &["webp", "jpg", "png"])
        .named("output_format", "Format", Group::Output)
        .help("File format of the pictures."),
    Kind::integer(access!(output_quality, 80), 0..=100)
        .named("output_quality", "Quality", Group::Output)
        .help("Quality of the saved pictures, 100 is best. Not used for png.")
        .unused(|params| (params.output_format == "png").then_some(text::NOT_ON_PNG)),
    Kind::Boolean(access!(disable_safety_checker, false))
        .named(
            "disable_safety_checker",
            "Turn the safety checker off",
            Group::Output,
        )
        .help("Turns the check of the finished pictures off."),
    Kind::Boolean(access!(go_fast, false))
        .named("go_fast", "Go fast", Group::Sampling)
        .help(
            "Runs a version of the model made for speed (8-bit in place of bf16), at every size, \
             also with a starting picture.",
        ),
    Kind::choice(access!(megapixels, "1"), &["1", "0.25"])
        .named("megapixels", "Megapixels", Group::Size)
        .help("About how many megapixels the picture has. Not used with the aspect ratio 'custom'.")
        .unused(|params| with_image(params).or(is_custom(params).then_some(text::NOT_CUSTOM))),
    Kind::Weights(access!(replicate_weights))
        .named("replicate_weights", "LoRA", Group::Lora)
        .help(
            "Main LoRA: a Replicate model owner/name or owner/name/version, a page \
             huggingface.co/owner/model or civitai.com/models/<id>, or the URL of a .safetensors \
             file.",
        ),
    Kind::number(access!(lora_scale, 1.0), SCALES.0..=SCALES.1)
        .named("lora_scale", "LoRA scale", Group::Lora)
        .help(
            "How strongly the main LoRA acts. 0 to 1 is sane for the base model; with go_fast the \
             value is multiplied by 1.5.",
        )
        .unused(|params| params.main_lora().is_none().then_some(text::NO_MAIN_LORA)),
    Kind::Weights(access!(extra_lora))
        .named("extra_lora", "Extra LoRA", Group::Lora)
        .help("A second LoRA, in the same forms as the main one."),
    Kind::number(access!(extra_lora_scale, 1.0), SCALES.0..=SCALES.1)
        .named("extra_lora_scale", "Extra LoRA scale", Group::Lora)
        .help(
            "How strongly the extra LoRA acts. 0 to 1 is sane for the base model; with go_fast \
             the value is multiplied by 1.5.",
        )
        .unused(|params| params.extra_lora().is_none().then_some(text::NO_EXTRA_LORA)),
];

/// Every input beyond the contract, in presentation order: more LoRAs, and how the starting picture and its mask are treated.
///
/// At their defaults nothing differs from the contract. They act in the corrected mode only
/// ([`quirks::honours_extras`](crate::schema::quirks::honours_extras)).
pub static EXTRAS: [Field; 9] = [
    Kind::Loras(access!(more_loras))
        .named("more_loras", "More LoRAs", Group::Lora)
        .help(
            "LoRAs beyond the main and the extra one, as a JSON list: [{\"lora\": \"owner/name\", \
             \"scale\": 0.8}]. Scales go from -1 to 3.",
        ),
    Kind::integer(access!(grow, 0), -MAX_EDGE..=MAX_EDGE)
        .named("grow", "Grow the mask", Group::Input)
        .help(
            "Moves the edge of the mask outwards by this many pixels of the result, or inwards \
             where negative.",
        )
        .in_pixels()
        .unused(without_mask),
    Kind::integer(access!(feather, 0), 0..=MAX_EDGE)
        .named("feather", "Feather", Group::Input)
        .help(
            "Blends old and new inside the edge of the mask, over a band of this many pixels of \
             the result. Outside the mask nothing changes.",
        )
        .in_pixels()
        .unused(without_mask),
    Kind::Boolean(access!(crop_to_mask, false))
        .named("crop_to_mask", "Inpaint at full resolution", Group::Input)
        .help(
            "Cuts the surroundings of the mask out, repaints them at the size the model draws \
             best, and puts them back. The picture keeps its own size, so a large photograph and \
             a small face both work.",
        )
        .unused(without_mask),
    Kind::integer(access!(crop_margin, 64), 0..=2048)
        .named("crop_margin", "Context around the mask", Group::Input)
        .help(
            "With inpainting at full resolution: how many pixels around the mask the model sees \
             at least.",
        )
        .in_pixels()
        .unused(|params| {
            let off = !params.crop_to_mask;
            without_mask(params).or(off.then_some(text::ONLY_WHEN_CROPPED))
        }),
    extend(access!(extend_left, 0), "extend_left", "Extend left").help(
        "Outpainting: how many pixels are added to the left of the starting picture, to be \
         painted by the model.",
    ),
    extend(access!(extend_top, 0), "extend_top", "Extend above").help(
        "Outpainting: how many pixels are added above the starting picture, to be painted by \
         the model.",
    ),
    extend(access!(extend_right, 0), "extend_right", "Extend right").help(
        "Outpainting: how many pixels are added to the right of the starting picture, to be \
         painted by the model.",
    ),
    extend(access!(extend_bottom, 0), "extend_bottom", "Extend below").help(
        "Outpainting: how many pixels are added below the starting picture, to be painted by \
         the model.",
    ),
];

const ASPECT_RATIOS: [&str; 12] = [
    "1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21", "custom",
];

/// The row for a side of a custom size.
const fn side(access: Access<Option<i128>>, name: &'static str, label: &'static str) -> Field {
    Kind::optional_integer(access, Some((256, 1440)))
        .named(name, label, Group::Size)
        .help(
            "Only with the aspect ratio 'custom'. Rounded up to a multiple of 16; works with go_fast \
             as well.",
        )
        .in_pixels()
        .unused(|params| with_image(params).or((!is_custom(params)).then_some(text::ONLY_CUSTOM)))
}

/// The row for a side that a picture is extended on.
const fn extend(access: Access<i64>, name: &'static str, label: &'static str) -> Field {
    Kind::integer(access, 0..=MAX_EXTEND)
        .named(name, label, Group::Input)
        .in_pixels()
        .unused(without_image)
}

fn is_custom(params: &Params) -> bool {
    params.aspect_ratio == "custom"
}

/// Why what decides the shape of an image made from noise does not act.
fn with_image(params: &Params) -> Option<&'static str> {
    params.image.is_some().then_some(text::SIZE_OF_IMAGE)
}

/// Why what is done to a starting image does not act.
fn without_image(params: &Params) -> Option<&'static str> {
    params.image.is_none().then_some(text::ONLY_WITH_IMAGE)
}

/// Why what is done to the edge of what is repainted does not act.
fn without_mask(params: &Params) -> Option<&'static str> {
    let extends = [
        params.extend_left,
        params.extend_top,
        params.extend_right,
        params.extend_bottom,
    ];
    let repaints = params.image.is_some() && (params.mask.is_some() || extends != [0; 4]);
    (!repaints).then_some(text::ONLY_WITH_MASK)
}
