//! Where the reference behaves oddly: its way, ours, and the source.
//!
//! Each function is one decision, with both behaviours: [`Fidelity::Corrected`] is what the inputs' descriptions promise,
//! [`Fidelity::AsReplicate`] what the reference really does. "The reference" is `HotswapPredictor` of
//! [cog-flux at 51e81e0](https://github.com/replicate/cog-flux/blob/51e81e0/predict.py) on
//! [diffusers 0.32.2](https://github.com/huggingface/diffusers/tree/v0.32.2) and
//! [peft 0.14.0](https://github.com/huggingface/peft/tree/v0.14.0).

use crate::schema::choices::Fidelity;
use crate::schema::notes::{Note, Problem};
use crate::schema::params::Params;
use crate::schema::size::{self, SIDE_STEP, Size};
use crate::schema::text;

/// The longest side of a starting picture for a model whose best square has `native_side` pixels; 1440 for 1024. Larger
/// ones are fitted down, smaller ones never up.
///
/// The same in both modes. <https://github.com/replicate/cog-flux/blob/51e81e0/diffusers_predictor.py>
pub fn longest_input_side(native_side: u32) -> f64 {
    1440.0 * f64::from(native_side) / f64::from(size::REFERENCE_SIDE)
}

/// The strengths of the main and the extra LoRA that really act, for the scales of those that are given.
///
/// * Corrected: linear; with `go_fast` both scales times 1.5; an extra LoRA alone acts with its own scale.
/// * As Replicate, bf16: one LoRA alone acts with its scale *squared*, because the pipeline multiplies the adapter's
///   weight by the same value once more
///   (<https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/models/transformers/transformer_flux.py>,
///   `scale_lora_layers`); two act with theirs; an extra LoRA alone is dropped.
/// * As Replicate, `go_fast`: only the main scale is multiplied, and an extra LoRA alone is promoted to main
///   (<https://github.com/replicate/cog-flux/blob/51e81e0/bfl_predictor.py>, `handle_loras`).
pub fn effective_lora_scales(
    fidelity: Fidelity,
    go_fast: bool,
    asked: [Option<f64>; 2],
) -> [Option<f64>; 2] {
    let boosted = |scale| boosted(go_fast, scale);
    match (fidelity, asked) {
        (Fidelity::Corrected, asked) => asked.map(|scale| scale.map(boosted)),
        (Fidelity::AsReplicate, [None, Some(extra)]) if go_fast => [Some(boosted(extra)), None],
        (Fidelity::AsReplicate, [main, extra]) if go_fast => [main.map(boosted), extra],
        (Fidelity::AsReplicate, [Some(main), None]) => [Some(main * main), None],
        (Fidelity::AsReplicate, [None, _]) => [None, None],
        (Fidelity::AsReplicate, both) => both,
    }
}

/// A LoRA's scale as `go_fast` makes it act: times 1.5.
///
/// <https://github.com/replicate/cog-flux/blob/51e81e0/bfl_predictor.py> (`handle_loras`)
pub fn boosted(go_fast: bool, scale: f64) -> f64 {
    scale * if go_fast { 1.5 } else { 1.0 }
}

/// Whether `go_fast` is honoured for a job with a starting picture or a custom size.
///
/// Corrected: always, since the 8-bit engine here has no fixed shapes. As Replicate: it falls back to bf16
/// (<https://github.com/replicate/cog-flux/blob/51e81e0/predict.py>, "will run in bf16").
pub fn go_fast_honoured(fidelity: Fidelity, has_image: bool, custom_size: bool) -> bool {
    fidelity == Fidelity::Corrected || !(has_image || custom_size)
}

/// What a mask without a starting picture leads to.
///
/// Corrected: a problem. As Replicate: the mask is ignored, and a note says so
/// (<https://github.com/replicate/cog-flux/blob/51e81e0/diffusers_predictor.py>).
///
/// # Errors
/// In the corrected mode.
pub fn mask_without_image(fidelity: Fidelity) -> Result<Note, Problem> {
    match fidelity {
        Fidelity::Corrected => Err(Problem::new("mask", text::MASK_NEEDS_IMAGE)),
        Fidelity::AsReplicate => Ok(Note::on("mask", text::MASK_WITHOUT_IMAGE)),
    }
}

/// Whether the aspect ratio `custom` needs its sides also where a starting picture decides the size.
///
/// As Replicate: yes, they are rounded before the picture is looked at
/// (<https://github.com/replicate/cog-flux/blob/51e81e0/predict.py>).
pub fn needs_custom_sides_with_image(fidelity: Fidelity) -> bool {
    fidelity == Fidelity::AsReplicate
}

/// What `prompt_strength` 0 leads to.
///
/// Corrected: no step runs, and a note says so. As Replicate: a problem, since the pipeline refuses
/// (<https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/flux/pipeline_flux_img2img.py>).
///
/// # Errors
/// As Replicate.
pub fn zero_prompt_strength(fidelity: Fidelity) -> Result<Note, Problem> {
    match fidelity {
        Fidelity::Corrected => Ok(Note::on("prompt_strength", text::NO_STEP_RAN)),
        Fidelity::AsReplicate => Err(Problem::new("prompt_strength", text::NO_STEP_TO_RUN)),
    }
}

/// The first step that runs for a starting picture; `steps - first_step` steps run. The same in both modes.
///
/// diffusers' formula with its order of floating-point operations, which differs from BFL's for 21 pairs:
/// <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/flux/pipeline_flux_img2img.py> (`get_timesteps`)
pub fn first_step(steps: usize, prompt_strength: f64) -> usize {
    let all = steps as f64;
    (all - (all * prompt_strength).min(all)).max(0.0) as usize
}

/// A side as it will be made: rounded up to a multiple of 16, in both modes, although the help says "nearest".
///
/// <https://github.com/replicate/cog-flux/blob/51e81e0/predict.py> (`make_multiple_of_16`)
pub fn round_side(pixels: u32) -> u32 {
    pixels.next_multiple_of(SIDE_STEP)
}

/// The size a starting picture is fitted to: at most 1440 a side, never enlarged, sides rounded up. The same in both modes.
///
/// <https://github.com/replicate/cog-flux/blob/51e81e0/diffusers_predictor.py>
pub fn fitted_size(input: Size, native_side: u32) -> Size {
    let scale_of = |side: u32| longest_input_side(native_side) / f64::from(side);
    let scale = scale_of(input.width).min(scale_of(input.height)).min(1.0);
    input.map(|side| round_side(((f64::from(side) * scale) as u32).max(1)))
}

/// Whether the EXIF orientation of a starting picture is applied; the reference ignores it.
pub fn applies_exif_orientation(fidelity: Fidelity) -> bool {
    fidelity == Fidelity::Corrected
}

/// The grey that transparency in a starting picture is composited over: white. The reference converts to RGB, so that
/// colours hidden under the alpha channel appear.
pub fn backdrop(fidelity: Fidelity) -> Option<u8> {
    (fidelity == Fidelity::Corrected).then_some(255)
}

/// The same for a mask: black, so that what is transparent is not painted.
pub fn mask_backdrop(fidelity: Fidelity) -> Option<u8> {
    (fidelity == Fidelity::Corrected).then_some(0)
}

/// The note on a mask whose shape differs from the picture's: stretched in both modes, said only in the corrected one.
pub fn stretched_mask_note(fidelity: Fidelity) -> Option<Note> {
    (fidelity == Fidelity::Corrected).then(|| Note::on("mask", text::MASK_STRETCHED))
}

/// Whether pixels outside the mask are put back from the fitted input, byte for byte.
///
/// As Replicate they have been through the VAE. <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/flux/pipeline_flux_inpaint.py>
pub fn restores_unmasked_pixels(fidelity: Fidelity) -> bool {
    fidelity == Fidelity::Corrected
}

/// Whether the inputs beyond the contract act: a mask that is grown or feathered, inpainting at full resolution,
/// outpainting. The reference has nothing like them, and hard edges on a grid of 8 pixels.
pub fn honours_extras(fidelity: Fidelity) -> bool {
    fidelity == Fidelity::Corrected
}

/// A better number of steps to offer, where the default of dev is given to schnell. It is offered, never applied.
pub fn suggested_steps(schnell: bool, steps: i64) -> Option<i64> {
    (schnell && steps > 4).then_some(4)
}

/// The guidance that goes into weights which have it.
///
/// schnell has none, so a guidance asked for does not act there, in both modes; dev weights that run on schnell's
/// schedule get the default.
pub fn acting_guidance(schnell: bool, asked: f64) -> f64 {
    if schnell {
        Params::default().guidance_scale
    } else {
        asked
    }
}

/// The seed of a job for which none is given: 32 bits, as Replicate 16 bits
/// (<https://github.com/replicate/cog-flux/blob/51e81e0/predict.py>).
pub fn fresh_seed(fidelity: Fidelity, random: u64) -> u64 {
    random
        & if fidelity == Fidelity::Corrected {
            0xFFFF_FFFF
        } else {
            0xFFFF
        }
}

/// Streaming multiprocessors of the reference's GPU, on which the layout of the noise depends: H100 and H200 SXM. The
/// same in both modes.
pub const NOISE_MULTIPROCESSORS: u64 = 132;

/// Whether a starting picture's latents are a sample of the VAE's posterior, drawn before the noise, and not its mean.
///
/// <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/flux/pipeline_flux_img2img.py> (`retrieve_latents`)
pub fn samples_posterior(fidelity: Fidelity) -> bool {
    fidelity == Fidelity::AsReplicate
}

/// Whether a picture that the safety checker flags is left out, so that the job fails when all are; otherwise it is
/// withheld, and a card in the gallery says why. The indices of the others stay
/// (<https://github.com/replicate/cog-flux/blob/51e81e0/predict.py>, `postprocess`).
pub fn drops_flagged(fidelity: Fidelity) -> bool {
    fidelity == Fidelity::AsReplicate
}

/// One channel of a picture, −1 to 1, as 8 bits: rounded, except that the reference's 8-bit engine truncates.
///
/// Rounded: <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/image_processor.py> (`numpy_to_pil`).
/// Truncated: <https://github.com/replicate/cog-flux/blob/51e81e0/fp8/flux_pipeline.py>.
pub fn to_8_bit(fidelity: Fidelity, go_fast: bool, value: f32) -> u8 {
    if fidelity == Fidelity::AsReplicate && go_fast {
        (127.5 * (value.clamp(-1.0, 1.0) + 1.0)) as u8
    } else {
        ((value / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8
    }
}

/// Whether timestep and guidance are rounded to bf16 after the multiplication by 1000, so that 3.5 acts as 3.504.
///
/// The reference computes them in the model's precision
/// (<https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/models/transformers/transformer_flux.py>, `forward`).
pub fn rounds_timesteps_to_bf16(fidelity: Fidelity) -> bool {
    fidelity == Fidelity::AsReplicate
}

/// Whether a Hugging Face page with several weight files lets the user pick; otherwise it is a problem that lists them
/// (<https://github.com/replicate/cog-flux/blob/51e81e0/weights.py>). A CivitAI page leads to its newest version in both modes.
pub fn offers_choice_of_files(fidelity: Fidelity) -> bool {
    fidelity == Fidelity::Corrected
}

/// Whether the user's tokens are used for private downloads; the reference has no way to give one.
pub fn uses_tokens(fidelity: Fidelity) -> bool {
    fidelity == Fidelity::Corrected
}

/// The LoRA that acts when `replicate_weights` is empty: none, or the fine-tune's own as the platform fills it in
/// (run log in <https://github.com/replicate/flux-fine-tuner/issues/44>).
pub fn default_weights(fidelity: Fidelity) -> Option<&'static str> {
    (fidelity == Fidelity::AsReplicate).then_some("batchbinary/flux-qfaces")
}
