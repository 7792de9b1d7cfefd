//! Every sentence that this layer says, apart from the names and help in the tables of inputs.
//!
//! A problem continues the name of its input and a note stands alone; neither has a full stop.

use std::fmt::Display;

use crate::schema::size::{MAX_PIXELS, Size};

// Values that cannot be read.
pub(super) const NO_SUCH_INPUT: &str = "there is no input of this name";
pub(super) const TEXT: &str = "text in quotes";
pub(super) const IMAGE_PATH: &str = "the path of a picture in quotes";
pub(super) const LORA_LIST: &str = r#"a JSON list such as [{"lora": "owner/name", "scale": 0.8}]"#;
pub(super) const WHOLE_NUMBER: &str = "a whole number";
pub(super) const NUMBER: &str = "a number";
pub(super) const YES_OR_NO: &str = "true or false";

pub(super) fn one_of_in_quotes(choices: &[&str]) -> String {
    format!("{TEXT}: {}", quoted(choices))
}

/// The choices in words: `'a', 'b' or 'c'`.
pub(super) fn quoted(choices: &[&str]) -> String {
    let all: Vec<_> = choices.iter().map(|word| format!("'{word}'")).collect();
    match all.as_slice() {
        [most @ .., last] if !most.is_empty() => format!("{} or {last}", most.join(", ")),
        few => few.concat(),
    }
}

// Values that are missing or out of their limits.
pub(super) const MISSING: &str = "must be given";
pub(super) const CUSTOM_SIDE_MISSING: &str = "must be given when aspect_ratio is 'custom'";

pub(super) fn expected(what: &str, given: impl Display) -> String {
    format!("must be {what}, not {given}")
}

pub(super) fn range(min: impl Display, max: impl Display) -> String {
    format!("{min} to {max}")
}

pub(super) fn at_most(limit: impl Display) -> String {
    format!("at most {limit}")
}

// Inputs that do not act.
pub(super) const SIZE_OF_IMAGE: &str = "the size is that of the starting picture";
pub(super) const ONLY_CUSTOM: &str = "it acts only with aspect_ratio 'custom'";
pub(super) const NOT_CUSTOM: &str = "it does not act with aspect_ratio 'custom'";
pub(super) const ONLY_WITH_IMAGE: &str = "it acts only with a starting picture";
pub(super) const ONLY_WITH_MASK: &str = "it acts only with a mask";
pub(super) const ONLY_WHEN_CROPPED: &str = "it acts only when inpainting at full resolution";
pub(super) const NO_GUIDANCE: &str = "schnell has no guidance";
pub(super) const NOT_ON_PNG: &str = "it does not act on png";
pub(super) const NO_MAIN_LORA: &str = "there is no main LoRA";
pub(super) const NO_EXTRA_LORA: &str = "there is no extra LoRA";
pub(super) const UNKNOWN_TO_REPLICATE: &str = "Replicate has nothing like it";

pub(super) fn unused(name: &str, why: &str) -> String {
    format!("{name} was not used: {why}")
}

// Size, seed and speed.
pub(super) const FULL_PRECISION: &str =
    "Ran in full precision, as Replicate does with a starting picture or a custom size";

pub(super) fn scaled(native_side: u32, asked: Size, size: Size) -> String {
    format!("This model draws at {native_side} × {native_side}: {asked} was scaled to {size} px")
}

pub(super) fn rounded(typed: Size, rounded: Size) -> String {
    format!("{typed} was rounded up to {rounded} px, so that both sides are multiples of 16")
}

pub(super) fn negative_seed(seed: i128) -> String {
    format!("The seed {seed} is negative, so a fresh one was used")
}

// The starting image and its mask.
pub(super) const NOT_LOOKED_AT: &str = "could not be looked at: choose it again";
pub(super) const MASK_NEEDS_IMAGE: &str =
    "needs a starting picture: give 'image' as well, or remove the mask";
pub(super) const MASK_WITHOUT_IMAGE: &str =
    "The mask was not used, because there is no starting picture";
pub(super) const MASK_STRETCHED: &str =
    "The mask has another shape than the starting picture and was stretched to it";
pub(super) const NO_STEP_RAN: &str =
    "At strength 0 no step runs: the picture was only encoded and decoded";
pub(super) const NO_STEP_TO_RUN: &str = "must be above 0: at 0 there is no step to run";

pub(super) fn too_large(whole: Size) -> String {
    format!(
        "makes the picture too large, together with the other sides ({whole} px): {} megapixels are the most",
        MAX_PIXELS / 1_000_000
    )
}

pub(super) fn fitted(whole: Size, size: Size) -> String {
    format!("The starting picture of {whole} px was fitted to {size} px")
}

pub(super) fn lossy(format: &str) -> String {
    format!(
        "A {format} file changes every pixel a little: choose png to keep those outside the mask exactly"
    )
}

pub(super) fn too_long_for_format(limit: u32, size: Size) -> String {
    format!("holds at most {limit} px a side, and the result has {size}: choose png")
}

// LoRAs.
pub(super) const EXTRA_LORA_PROMOTED: &str =
    "The extra LoRA acted as the main one, because there is no main one";
pub(super) const EXTRA_LORA_IGNORED: &str =
    "The extra LoRA was not used, because there is no main one";

pub(super) fn own_lora_does_not_fit(own: &str) -> String {
    format!("Replicate would apply {own} here, which is made for FLUX.1 and not for this model")
}

pub(super) fn numbered(number: usize, message: &str) -> String {
    format!("number {number}: {message}")
}

pub(super) fn scale_out_of_range((least, most): (f64, f64), scale: f64) -> String {
    format!("the scale must be {least} to {most}, not {scale}")
}

// References to LoRAs.
pub(super) const BAD_SHA256: &str = "must have 64 hexadecimal digits after 'sha256:'";
pub(super) const NO_REPLICATE_MODEL: &str =
    "names no model on Replicate: give replicate.com/owner/name, or owner/name/version";
pub(super) const NO_HUGGING_FACE_MODEL: &str = "names no model on Hugging Face: give huggingface.co/owner/model, or the page of one of its .safetensors files";
pub(super) const NO_SAFETENSORS: &str = "names a file that is no .safetensors file";
pub(super) const NO_CIVITAI_MODEL: &str = "names no model on CivitAI: give civitai.com/models/<number>, with ?modelVersionId=<number> for one of its versions";
pub(super) const NO_FILE_LINK: &str = "must end with .safetensors or .tar to be the link of a file; of pages, those of Replicate, huggingface.co and civitai.com are understood";
pub(super) const NO_DATA: &str = "must hold a tar archive in base64 to be a data address";

pub(super) fn no_reference(typed: &str) -> String {
    format!(
        "is no reference to a LoRA ('{}'): give owner/name from Replicate, a page on huggingface.co or civitai.com, the link of a .safetensors or .tar file, or the path of a file",
        typed.escape_debug()
    )
}

pub(super) fn wrong_scheme(scheme: &str) -> String {
    format!("must be a link that begins with https://, not {scheme}://")
}
