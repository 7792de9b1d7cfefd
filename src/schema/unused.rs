//! When an input does not act because of the others, and why; each rule is named by rows of the tables of inputs.

use crate::schema::params::Params;
use crate::schema::text;

/// The reason, where the input does not act.
type Why = Option<&'static str>;

/// For an input that always acts.
pub(super) fn never(_: &Params) -> Why {
    None
}

/// For what decides the shape of an image made from noise.
pub(super) fn with_image(params: &Params) -> Why {
    params.image.is_some().then_some(text::SIZE_OF_IMAGE)
}

/// For the sides of a custom size.
pub(super) fn unless_custom(params: &Params) -> Why {
    with_image(params).or_else(|| (!is_custom(params)).then_some(text::ONLY_CUSTOM))
}

/// For what a custom size replaces.
pub(super) fn if_custom(params: &Params) -> Why {
    with_image(params).or_else(|| is_custom(params).then_some(text::NOT_CUSTOM))
}

fn is_custom(params: &Params) -> bool {
    params.aspect_ratio == "custom"
}

/// For what is done to a starting image.
pub(super) fn without_image(params: &Params) -> Why {
    params.image.is_none().then_some(text::ONLY_WITH_IMAGE)
}

/// For what is done to the edge of what is repainted.
pub(super) fn without_mask(params: &Params) -> Why {
    let extends = [
        params.extend_left,
        params.extend_top,
        params.extend_right,
        params.extend_bottom,
    ];
    let repaints = params.image.is_some() && (params.mask.is_some() || extends != [0; 4]);
    (!repaints).then_some(text::ONLY_WITH_MASK)
}

/// For what is part of inpainting at full resolution.
pub(super) fn without_crop(params: &Params) -> Why {
    without_mask(params).or_else(|| (!params.crop_to_mask).then_some(text::ONLY_WHEN_CROPPED))
}

/// For the guidance.
pub(super) fn with_schnell(params: &Params) -> Why {
    (params.model == "schnell").then_some(text::NO_GUIDANCE)
}

/// For the quality of a lossy file.
pub(super) fn with_png(params: &Params) -> Why {
    (params.output_format == "png").then_some(text::NOT_ON_PNG)
}

/// For the scale of the main LoRA.
pub(super) fn without_main_lora(params: &Params) -> Why {
    params.main_lora().is_none().then_some(text::NO_MAIN_LORA)
}

/// For the scale of the extra LoRA.
pub(super) fn without_extra_lora(params: &Params) -> Why {
    params.extra_lora().is_none().then_some(text::NO_EXTRA_LORA)
}
