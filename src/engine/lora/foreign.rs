//! What a file seems to be that is no LoRA for this model.

use crate::engine::lora::layouts::{Role, split};
use crate::engine::lora::targets::Targets;
use crate::engine::tensors::file::TensorFile;
use crate::schema::choices::Model;
use crate::weights::architecture::Architecture;

/// What is said of a file that needs another model.
pub(super) const WIDENS: &str = "it is a LoRA for a control or Fill model, whose input is wider than this model's: such models cannot be used here";

/// Parts of names, and what a file is in which one of them occurs.
type Signs = (&'static [&'static str], &'static str);

/// Layers that FLUX.1 does not have in models that share names and sizes with it, so that a part of their LoRAs would act.
const OF_RELATIVES: [Signs; 4] = [
    (
        &[
            "img_mlp.net",
            "img_mlp_net",
            "txt_mlp.net",
            "txt_mlp_net",
            "img_mod.1",
            "img_mod_1",
        ],
        "it is a LoRA for Qwen-Image",
    ),
    (
        &[
            "img_mlp.fc1",
            "img_mlp_fc1",
            "img_mod.linear",
            "img_mod_linear",
            "modulation.linear",
            "modulation_linear",
            "individual_token_refiner",
        ],
        "it is a LoRA for HunyuanVideo",
    ),
    (
        &[
            "to_qkv_mlp_proj",
            "ff.linear_in",
            "ff_linear_in",
            "ff_context.linear_in",
            "ff_context_linear_in",
            "double_stream_modulation",
        ],
        "it is a LoRA for FLUX.2",
    ),
    (&["distilled_guidance_layer"], "it is a LoRA for Chroma"),
];

/// What the header of a file tells of the model that it was trained on: `modelspec.architecture`
/// (<https://github.com/Stability-AI/ModelSpec>) and kohya's `ss_base_model_version`. Others are written too carelessly to
/// refuse a file for them.
const OF_HEADERS: [Signs; 4] = [
    (&["chroma"], "it is a LoRA for Chroma"),
    (&["qwen"], "it is a LoRA for Qwen-Image"),
    (&["hunyuan"], "it is a LoRA for HunyuanVideo"),
    (&["flux-2", "flux2", "flux.2"], "it is a LoRA for FLUX.2"),
];

/// What is said of a LoRA on blocks that FLUX.1 does not have.
const DEEPER: &str =
    "it is a LoRA for a model with more blocks than FLUX.1, such as Qwen-Image or HunyuanVideo";

/// FLUX.1 itself, whose two models have as many blocks.
const FLUX: Architecture = Architecture::flux1(Model::Dev);

/// How many blocks of each kind FLUX.1 has, by their names. The longer name comes first where it ends like another.
const DEPTHS: [(&str, usize); 4] = [
    ("single_transformer_blocks", FLUX.single_blocks),
    ("single_blocks", FLUX.single_blocks),
    ("transformer_blocks", FLUX.double_blocks),
    ("double_blocks", FLUX.double_blocks),
];

/// What the names in a LoRA tell; the first row that fits counts.
const OF_LORAS: [Signs; 6] = [
    (
        &["oft_blocks", "oft_unet_"],
        "it is an OFT, a kind of change that is not understood here",
    ),
    (
        &[
            "lora_te2_text_model",
            "input_blocks_7_1_transformer_blocks_9",
            "input_blocks_8_1",
        ],
        "it is a LoRA for SDXL",
    ),
    (
        &[
            "lora_unet_down_blocks",
            "lora_unet_input_blocks",
            "lora_unet_mid_block",
            "unet.down_blocks",
        ],
        "it is a LoRA for Stable Diffusion 1.5 or SDXL",
    ),
    (&["joint_blocks"], "it is a LoRA for Stable Diffusion 3"),
    (&["controlnet"], "it is a LoRA for a ControlNet"),
    (
        &[
            "cross_attn",
            "attn1",
            "lora_prior",
            "diffusion_model.layers.",
        ],
        "it is a LoRA for another kind of model, such as one for videos",
    ),
];

/// What the names in another file tell; the first row that fits counts.
const OF_OTHERS: [Signs; 11] = [
    (
        &["controlnet_", "control_model.", "input_hint_block"],
        "it is a ControlNet, not a LoRA",
    ),
    (
        &["ip_adapter", "image_proj."],
        "it is an IP-Adapter, not a LoRA",
    ),
    (
        &["emb_params", "string_to_param"],
        "it is a textual inversion, not a LoRA",
    ),
    (
        &[
            "model.diffusion_model.input_blocks",
            "cond_stage_model.",
            "conditioner.embedders",
        ],
        "it is a whole Stable Diffusion checkpoint, not a LoRA",
    ),
    (
        &["model.diffusion_model."],
        "it is a whole checkpoint, not a LoRA",
    ),
    (
        &["double_blocks.", "single_blocks."],
        "it is a whole FLUX.1 transformer, not a LoRA",
    ),
    (
        &["transformer_blocks.0."],
        "it is a whole FLUX.1 transformer in the layout of diffusers, not a LoRA",
    ),
    (
        &["decoder.conv_in", "decoder.conv_out", "decoder.up"],
        "it is a VAE, not a LoRA",
    ),
    (
        &["SelfAttention", "enc.blk."],
        "it is a T5 text encoder, not a LoRA",
    ),
    (&["text_model."], "it is a CLIP text encoder, not a LoRA"),
    (
        &["clip_l", "clip_g", "t5xxl"],
        "it is a textual inversion, not a LoRA",
    ),
];

/// What a LoRA is for by its header and by the layers of which nothing is known, if that is not FLUX.1 although much of it
/// fits.
pub(super) fn relative(file: &TensorFile, unknown: &[String]) -> Option<&'static str> {
    let notes = file.notes();
    let told = ["modelspec.architecture", "ss_base_model_version"]
        .into_iter()
        .filter_map(|key| notes.get(key))
        .map(|text| text.to_ascii_lowercase());
    let told: Vec<_> = told.collect();
    let among = |signs: &[Signs], names: &[String]| {
        let has = |word: &&str| names.iter().any(|name| name.contains(word));
        let found = signs.iter().find(|(words, _)| words.iter().any(has));
        found.map(|(_, sentence)| *sentence)
    };
    let deeper = || unknown.iter().any(|name| is_deeper(name)).then_some(DEEPER);
    among(&OF_HEADERS, &told)
        .or_else(|| among(&OF_RELATIVES, unknown))
        .or_else(deeper)
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
    let signs: &[Signs] = if is_lora { &OF_LORAS } else { &OF_OTHERS };
    let has = |word: &&str| names.iter().any(|name| name.contains(word));
    if let Some((_, sentence)) = signs.iter().find(|(words, _)| words.iter().any(has)) {
        return (*sentence).to_owned();
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
    let downs = names
        .iter()
        .filter(|name| split(name).is_some_and(|(_, role)| role == Role::Down));
    let mut widths: Vec<_> = downs
        .filter_map(|name| file.shape(name)?.get(1).copied())
        .collect();
    widths.sort_unstable();
    widths.get(widths.len() / 2).copied()
}
