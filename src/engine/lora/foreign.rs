//! What a file seems to be that is no LoRA for this model.

use crate::engine::lora::layouts::{Role, split};
use crate::engine::lora::targets::Targets;
use crate::engine::tensors::file::TensorFile;
use crate::schema::choices::Model;
use crate::weights::architecture::Architecture;

/// What is said of a file that needs another model.
pub(super) const WIDENS: &str = "it is a LoRA for a control or Fill model, whose input is wider than this model's: such models cannot be used here";

/// A part of names, and what a file is for, or is, in whose names it occurs.
type Sign = (&'static str, &'static str);

/// Layers that FLUX.1 does not have in models that share names and sizes with it, so that a part of their LoRAs would act;
/// with underscores for dots.
const OF_RELATIVES: [Sign; 12] = [
    ("img_mlp_net", "Qwen-Image"),
    ("txt_mlp_net", "Qwen-Image"),
    ("img_mod_1", "Qwen-Image"),
    ("img_mlp_fc1", "HunyuanVideo"),
    ("img_mod_linear", "HunyuanVideo"),
    ("modulation_linear", "HunyuanVideo"),
    ("individual_token_refiner", "HunyuanVideo"),
    ("to_qkv_mlp_proj", "FLUX.2"),
    ("ff_linear_in", "FLUX.2"),
    ("ff_context_linear_in", "FLUX.2"),
    ("double_stream_modulation", "FLUX.2"),
    ("distilled_guidance_layer", "Chroma"),
];

/// What the header of a file tells of the model that it was trained on: `modelspec.architecture`
/// (<https://github.com/Stability-AI/ModelSpec>) and kohya's `ss_base_model_version`. Others are written too carelessly to
/// refuse a file for them.
const OF_HEADERS: [Sign; 6] = [
    ("chroma", "Chroma"),
    ("qwen", "Qwen-Image"),
    ("hunyuan", "HunyuanVideo"),
    ("flux-2", "FLUX.2"),
    ("flux2", "FLUX.2"),
    ("flux.2", "FLUX.2"),
];

/// What a LoRA on blocks that FLUX.1 does not have is for.
const DEEPER: &str = "a model with more blocks than FLUX.1, such as Qwen-Image or HunyuanVideo";

/// FLUX.1 itself, whose two models have as many blocks.
const FLUX: Architecture = Architecture::flux1(Model::Dev);

/// How many blocks of each kind FLUX.1 has, by their names. The longer name comes first where it ends like another.
const DEPTHS: [(&str, usize); 4] = [
    ("single_transformer_blocks", FLUX.single_blocks),
    ("single_blocks", FLUX.single_blocks),
    ("transformer_blocks", FLUX.double_blocks),
    ("double_blocks", FLUX.double_blocks),
];

const STABLE_DIFFUSION: &str = "Stable Diffusion 1.5 or SDXL";
const ANOTHER_KIND: &str = "another kind of model, such as one for videos";

/// What the names in a LoRA tell it is for; the first row that fits counts.
const OF_LORAS: [Sign; 13] = [
    ("lora_te2_text_model", "SDXL"),
    ("input_blocks_7_1_transformer_blocks_9", "SDXL"),
    ("input_blocks_8_1", "SDXL"),
    ("lora_unet_down_blocks", STABLE_DIFFUSION),
    ("lora_unet_input_blocks", STABLE_DIFFUSION),
    ("lora_unet_mid_block", STABLE_DIFFUSION),
    ("unet.down_blocks", STABLE_DIFFUSION),
    ("joint_blocks", "Stable Diffusion 3"),
    ("controlnet", "a ControlNet"),
    ("cross_attn", ANOTHER_KIND),
    ("attn1", ANOTHER_KIND),
    ("lora_prior", ANOTHER_KIND),
    ("diffusion_model.layers.", ANOTHER_KIND),
];

const CHECKPOINT: &str = "a whole Stable Diffusion checkpoint";
const DIFFUSERS: &str = "a whole FLUX.1 transformer in the layout of diffusers";

/// What the names in another file tell it is; the first row that fits counts.
const OF_OTHERS: [Sign; 23] = [
    ("controlnet_", "a ControlNet"),
    ("control_model.", "a ControlNet"),
    ("input_hint_block", "a ControlNet"),
    ("ip_adapter", "an IP-Adapter"),
    ("image_proj.", "an IP-Adapter"),
    ("emb_params", "a textual inversion"),
    ("string_to_param", "a textual inversion"),
    ("model.diffusion_model.input_blocks", CHECKPOINT),
    ("cond_stage_model.", CHECKPOINT),
    ("conditioner.embedders", CHECKPOINT),
    ("model.diffusion_model.", "a whole checkpoint"),
    ("double_blocks.", "a whole FLUX.1 transformer"),
    ("single_blocks.", "a whole FLUX.1 transformer"),
    ("transformer_blocks.0.", DIFFUSERS),
    ("decoder.conv_in", "a VAE"),
    ("decoder.conv_out", "a VAE"),
    ("decoder.up", "a VAE"),
    ("SelfAttention", "a T5 text encoder"),
    ("enc.blk.", "a T5 text encoder"),
    ("text_model.", "a CLIP text encoder"),
    ("clip_l", "a textual inversion"),
    ("clip_g", "a textual inversion"),
    ("t5xxl", "a textual inversion"),
];

/// What the first of the signs that occurs in one of the names tells.
fn told(signs: &[Sign], names: &[String]) -> Option<&'static str> {
    let occurs = |(word, _): &&Sign| names.iter().any(|name| name.contains(word));
    signs.iter().find(occurs).map(|(_, what)| *what)
}

/// Says what a LoRA is for by its header and by the layers of which nothing is known, if that is not FLUX.1 although much of
/// it fits.
pub(super) fn relative(file: &TensorFile, unknown: &[String]) -> Option<String> {
    let notes = ["modelspec.architecture", "ss_base_model_version"].into_iter();
    let notes = notes.filter_map(|key| Some(file.notes().get(key)?.to_ascii_lowercase()));
    let joined: Vec<_> = unknown.iter().map(|name| name.replace('.', "_")).collect();
    let deeper = || unknown.iter().any(|name| is_deeper(name)).then_some(DEEPER);
    let model = told(&OF_HEADERS, &notes.collect::<Vec<_>>())
        .or_else(|| told(&OF_RELATIVES, &joined))
        .or_else(deeper)?;
    Some(format!("it is a LoRA for {model}"))
}

/// Whether a layer lies in a block that FLUX.1 does not have.
fn is_deeper(layer: &str) -> bool {
    let found = DEPTHS.iter().find_map(|(kind, depth)| {
        let (_, rest) = layer.split_once(kind)?;
        let number = rest.get(1..)?.split(['.', '_']).next()?;
        Some((number.parse::<usize>().ok()?, *depth))
    });
    found.is_some_and(|(number, depth)| number >= depth)
}

/// Says what a file seems to be of which nothing matches. `wrong_sizes` tells that names did match, but no sizes.
pub(super) fn describe(file: &TensorFile, targets: &Targets, wrong_sizes: bool) -> String {
    let names = file.names();
    let Some(first) = names.first() else {
        return "it is empty: there is no tensor in it".to_owned();
    };
    let is_part = |name: &String| split(name).is_some_and(|(_, role)| role != Role::Replacement);
    let is_lora = names.iter().any(is_part);
    let is_oft = |name: &String| name.contains("oft_blocks") || name.contains("oft_unet_");
    if is_lora && names.iter().any(is_oft) {
        return "it is an OFT, a kind of change that is not understood here".to_owned();
    }
    if let Some(model) = told(&OF_LORAS, &names).filter(|_| is_lora) {
        return format!("it is a LoRA for {model}");
    }
    if let Some(what) = told(&OF_OTHERS, &names).filter(|_| !is_lora) {
        return format!("it is {what}, not a LoRA");
    }
    let width = targets.width();
    match (is_lora, stream_width(file)) {
        (true, Some(theirs)) if wrong_sizes && theirs != width => format!(
            "it is a LoRA for a model of another size: its layers take {theirs} features, those of this model {width}"
        ),
        (true, _) if wrong_sizes => {
            "it is a LoRA for a model of another size, whose layers are named as those of this one: FLUX.2 Klein has such"
                .to_owned()
        }
        (true, _) => {
            format!("it is a LoRA for another kind of model (its first tensor is {first})")
        }
        (false, _) => format!("it is no LoRA (its first tensor is {first})"),
    }
}

/// The features that go into most of the low-rank changes of a file.
fn stream_width(file: &TensorFile) -> Option<usize> {
    let names = file.names();
    let is_down = |name: &&String| split(name).is_some_and(|(_, role)| role == Role::Down);
    let downs = names.iter().filter(is_down);
    let mut widths: Vec<_> = downs
        .filter_map(|name| file.shape(name)?.get(1).copied())
        .collect();
    widths.sort_unstable();
    widths.get(widths.len() / 2).copied()
}
