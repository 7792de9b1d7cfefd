//! What a file seems to be that is no LoRA for this model.

use crate::engine::checkpoint::safetensors::TensorFile;
use crate::engine::lora::layouts::split;
use crate::engine::lora::targets::Targets;

/// What is said of a file that needs another model.
pub(crate) const WIDENS: &str = "it is a LoRA for control pictures: it widens the input of the model, which this version cannot do";

/// What names give a file away, and what it then is; the first row that fits counts.
const SIGNS: [(&[&str], &str); 19] = [
    (&["controlnet_", "control_model.", "input_hint_block"], "it is a ControlNet, not a LoRA"),
    (&["ip_adapter", "image_proj."], "it is an IP-Adapter, not a LoRA"),
    (&["emb_params", "string_to_param", "string_to_token"], "it is a textual inversion, not a LoRA"),
    (&["lora_te2_text_model", "lora_unet_input_blocks_7_1_transformer_blocks_9", "lora_unet_input_blocks_8_1"], "it is a LoRA for SDXL"),
    (&["lora_unet_down_blocks", "lora_unet_input_blocks", "unet.down_blocks", "lora_unet_mid_block"], "it is a LoRA for Stable Diffusion 1.5 or SDXL"),
    (&["cross_attn.k.lora", "blocks.0.cross_attn", "blocks_0_cross_attn", "attn1.to_q.lora"], "it is a LoRA for another kind of model, such as a video model"),
    (&["joint_blocks.", "joint_blocks_"], "it is a LoRA for Stable Diffusion 3"),
    (&["model.diffusion_model.input_blocks", "cond_stage_model.", "conditioner.embedders"], "it is a whole Stable Diffusion checkpoint, not a LoRA"),
    (&["model.diffusion_model.double_blocks", "text_encoders."], "it is a whole FLUX.1 checkpoint, not a LoRA"),
    (&["double_blocks.0.img_attn.qkv.weight", "double_blocks.0.img_attn.proj.weight", "double_blocks.0.img_mlp.0.weight", "single_blocks.0.linear1.weight"], "it is a whole FLUX.1 transformer, not a LoRA"),
    (&["single_transformer_blocks.0.attn.to_q.weight", "transformer_blocks.0.attn.to_q.weight", "transformer_blocks.0.norm1.linear.weight"], "it is a whole FLUX.1 transformer in the layout of diffusers, not a LoRA"),
    (&["decoder.conv_in.weight", "decoder.conv_out.weight", "encoder.conv_in.weight", "decoder.up_blocks", "decoder.up.0.block"], "it is a VAE, not a LoRA"),
    (&["SelfAttention.q.weight", "enc.blk.0"], "it is a T5 text encoder, not a LoRA"),
    (&["text_model.encoder.layers.0.self_attn.q_proj.weight", "text_model.embeddings"], "it is a CLIP text encoder, not a LoRA"),
    (&["down_blocks.0.", "up_blocks.0."], "it is a whole checkpoint of another kind of model, not a LoRA"),
    (&["clip_l", "clip_g", "t5xxl"], "it is a textual inversion, not a LoRA"),
    (&["lora_unet_layers_", "diffusion_model.layers."], "it is a LoRA for another kind of model"),
    (&["lora_prior_unet", "lora_prior"], "it is a LoRA for another kind of model"),
    (&["lora_te1_", "lora_te_"], "it is a LoRA for the text encoder of another model"),
];

/// Says what a file seems to be of which nothing matches. `wrong_sizes` tells that names did match, but no sizes.
pub(crate) fn describe(file: &TensorFile, targets: &Targets, wrong_sizes: bool) -> String {
    let names = file.names();
    if wrong_sizes {
        let width = targets.width();
        return match stream_width(file) {
            Some(theirs) => format!(
                "it is a LoRA for a model of another size: its layers take {theirs} features, those of this model {width}"
            ),
            None => format!("it is a LoRA for a model of another size than this one, which has {width} features"),
        };
    }
    let has = |word: &&str| names.iter().any(|name| name.contains(*word));
    if let Some((_, sentence)) = SIGNS.iter().find(|(words, _)| words.iter().any(|word| has(&word))) {
        return (*sentence).to_owned();
    }
    match names.first() {
        None => "it is an empty file: there is no tensor in it".to_owned(),
        Some(first) if names.iter().any(|name| split(name).is_some()) => {
            format!("it is a LoRA for another kind of model (its first tensor is {first})")
        }
        Some(first) => format!("it is no LoRA (its first tensor is {first})"),
    }
}

/// The features that go into most of the low-rank changes of a file.
fn stream_width(file: &TensorFile) -> Option<usize> {
    let is_down = |name: &&String| {
        let endings = [".lora_A.weight", ".lora_down.weight", ".down.weight"];
        endings.iter().any(|ending| name.ends_with(ending))
    };
    let names = file.names();
    let mut widths: Vec<_> = names
        .iter()
        .filter(is_down)
        .filter_map(|name| file.shape(name)?.get(1).copied())
        .collect();
    widths.sort_unstable();
    widths.get(widths.len() / 2).copied()
}
