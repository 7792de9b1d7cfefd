"""The files of `tests/data/loras`: which change in which layout, what diffusers makes of them, and foreign files."""

import torch

from lora_parts import Tensors

# What diffusers 0.42 does with a file. With the first three it is a measure for the golden tensors.
YES = "true"
FIXED = "its converter has FLUX.1's sizes in it; with this model's in their place the latents agree"
CLIP_ONLY = "T5's part is left out in silence; what CLIP makes of the prompt agrees"
MEASURES = (YES, FIXED, CLIP_ONLY)

NOTHING = "nothing is applied, in silence"
NO_LORA = "fails: takes it for no LoRA"
OUTSIDE = "layers outside the blocks are left out in silence"
OUTSIDE_FAILS = "fails on layers outside the blocks"
ALPHA = "alpha is left out"
ONETRAINER = "fails on all layers of a block that are not in `attn`"
DORA = "dora_scale is left out, with a warning"
CONTROL = "fails: takes it for a control LoRA"

# File, change, layout, and what diffusers does with it.
FILES = [
    ("whole-peft", "whole", "peft", YES),
    ("whole-kohya-split", "whole", "kohya", OUTSIDE),
    ("whole-comfyui", "whole", "comfyui", NOTHING),
    ("whole-base-model", "whole", "base-model", OUTSIDE_FAILS),
    ("whole-onetrainer", "whole", "onetrainer", ONETRAINER),
    ("blocks-peft", "blocks", "peft", YES),
    ("blocks-peft-alpha", "blocks", "peft-alpha", YES),
    ("blocks-peft-bf16", "blocks", "peft-bf16", YES),
    ("blocks-old-diffusers", "blocks", "old-diffusers", YES),
    ("blocks-diffusers-down", "blocks", "diffusers-down", ALPHA),
    ("blocks-kohya", "blocks", "kohya", FIXED),
    ("blocks-kohya-plain", "blocks", "kohya-plain", FIXED),
    ("blocks-comfyui-down", "blocks", "comfyui-down", FIXED),
    ("blocks-bfl", "blocks", "bfl", NOTHING),
    ("blocks-lycoris", "blocks", "lycoris", NO_LORA),
    ("attention-peft", "attention", "peft", YES),
    ("attention-xlabs", "attention", "xlabs", YES),
    ("attention-kohya", "attention", "kohya", FIXED),
    ("partial-peft-f32", "partial", "peft-f32", YES),
    ("partial-kohya-split", "partial", "kohya", FIXED),
    ("partial-comfyui", "partial", "comfyui", NOTHING),
    ("partial-onetrainer", "partial", "onetrainer", ONETRAINER),
    ("mixed-peft", "mixed", "peft", YES),
    ("mixed-peft-alpha", "mixed", "peft-alpha", YES),
    ("mixed-metadata", "mixed", "peft-metadata", YES),
    ("mixed_rslora-metadata", "mixed_rslora", "peft-metadata", YES),
    ("text-peft", "text", "peft", CLIP_ONLY),
    ("text-kohya-te2", "text", "kohya-te2", CLIP_ONLY),
    ("text-kohya-te3", "text", "kohya-te3", CLIP_ONLY),
    ("second-peft", "second", "peft", YES),
    ("second-kohya-split", "second", "kohya", FIXED),
    ("dora_peft-peft", "dora_peft", "peft", YES),
    ("dora_out-lycoris", "dora_out", "lycoris", NO_LORA),
    ("dora_in-onetrainer", "dora_in", "onetrainer", ONETRAINER),
    ("dora_fused-kohya", "dora_fused", "kohya", DORA),
    ("dora_fused_in-kohya", "dora_fused_in", "kohya", DORA),
    ("loha-kohya", "loha", "kohya", NOTHING),
    ("loha-lycoris", "loha", "lycoris", NO_LORA),
    ("lokr_whole-kohya", "lokr_whole", "kohya", NOTHING),
    ("lokr_whole-lycoris", "lokr_whole", "lycoris", NO_LORA),
    ("lokr_low-kohya", "lokr_low", "kohya", NOTHING),
    ("lokr_low-lycoris", "lokr_low", "lycoris", NO_LORA),
    ("lokr_low-peft", "lokr_low", "peft", NO_LORA),
    ("lokr_both-kohya", "lokr_both", "kohya", NOTHING),
    ("full-kohya", "full", "kohya", NOTHING),
    ("full-comfyui", "full", "comfyui", CONTROL),
    ("norms-bfl", "norms", "bfl", FIXED),
    ("biased-peft-alpha", "biased", "peft-alpha", YES),
    ("biased-metadata", "biased", "peft-metadata", YES),
    ("coarse-peft-f8", "coarse", "peft-f8", YES),
    ("final_dora_peft-peft", "final_dora_peft", "peft", YES),
    ("final_dora_out-lycoris", "final_dora_out", "lycoris", NO_LORA),
    ("final_dora_out-kohya", "final_dora_out", "kohya", DORA),
    ("final_dora_in-onetrainer", "final_dora_in", "onetrainer", ONETRAINER),
    ("final_loha-lycoris", "final_loha", "lycoris", NO_LORA),
    ("final_loha-kohya", "final_loha", "kohya", NOTHING),
    ("final_lokr_even-lycoris", "final_lokr_even", "lycoris", NO_LORA),
    ("final_lokr_odd-lycoris", "final_lokr_odd", "lycoris", NO_LORA),
]

# File, what it is, and the names and shapes of its tensors.
FOREIGN = [
    (
        "foreign-sdxl",
        "an SDXL LoRA",
        {
            "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight": (2, 8),
            "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q.lora_up.weight": (8, 2),
            "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q.alpha": (),
            "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (2, 8),
            "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": (16, 2),
            "lora_te1_text_model_encoder_layers_0_mlp_fc1.alpha": (),
            "lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (2, 8),
            "lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": (16, 2),
            "lora_te2_text_model_encoder_layers_0_mlp_fc1.alpha": (),
        },
    ),
    (
        "foreign-sd15",
        "a Stable Diffusion 1.5 LoRA",
        {
            "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (2, 8),
            "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": (8, 2),
            "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.alpha": (),
            "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": (2, 8),
            "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight": (8, 2),
            "lora_te_text_model_encoder_layers_0_self_attn_q_proj.alpha": (),
        },
    ),
    (
        "foreign-checkpoint",
        "a whole FLUX checkpoint with BFL's names",
        {
            "double_blocks.0.img_attn.norm.key_norm.scale": (4,),
            "double_blocks.0.img_attn.qkv.weight": (24, 8),
            "double_blocks.0.img_attn.qkv.bias": (24,),
            "final_layer.linear.weight": (4, 8),
            "img_in.weight": (8, 4),
            "single_blocks.0.linear1.weight": (56, 8),
        },
    ),
    (
        "foreign-checkpoint-diffusers",
        "a whole FLUX transformer with the names of diffusers",
        {
            "x_embedder.weight": (8, 4),
            "transformer_blocks.0.attn.to_q.weight": (8, 8),
            "transformer_blocks.0.attn.to_q.bias": (8,),
            "single_transformer_blocks.0.proj_mlp.weight": (32, 8),
            "proj_out.weight": (4, 8),
        },
    ),
    ("foreign-embedding", "a textual inversion for two text encoders", {"clip_l": (2, 8), "t5xxl": (2, 16)}),
    ("foreign-embedding-sd", "a textual inversion for one text encoder", {"emb_params": (2, 8)}),
    (
        "foreign-controlnet",
        "a FLUX ControlNet",
        {
            "controlnet_x_embedder.weight": (8, 4),
            "controlnet_blocks.0.weight": (8, 8),
            "controlnet_blocks.0.bias": (8,),
            "transformer_blocks.0.attn.to_q.weight": (8, 8),
        },
    ),
    (
        "foreign-vae",
        "an autoencoder",
        {
            "encoder.conv_in.weight": (4, 3, 3, 3),
            "encoder.down.0.block.0.conv1.weight": (4, 4, 3, 3),
            "decoder.conv_in.weight": (4, 16, 3, 3),
            "decoder.up.0.block.0.conv1.weight": (4, 4, 3, 3),
        },
    ),
    (
        "foreign-control-lora",
        "a FLUX control LoRA; it needs an img_in of 128 inputs, twice the model's",
        {
            "img_in.lora_A.weight": (2, 128),
            "img_in.lora_B.weight": (48, 2),
            "img_in.lora_B.bias": (48,),
            "double_blocks.0.img_attn.proj.lora_A.weight": (2, 48),
            "double_blocks.0.img_attn.proj.lora_B.weight": (48, 2),
            "double_blocks.0.img_attn.norm.query_norm.scale": (16,),
        },
    ),
    (
        "foreign-transformer",
        "a LoRA of another diffusion transformer, with attn1 in its blocks",
        {
            "transformer.transformer_blocks.0.attn1.to_q.lora_A.weight": (2, 48),
            "transformer.transformer_blocks.0.attn1.to_q.lora_B.weight": (48, 2),
        },
    ),
    (
        "foreign-wan",
        "a LoRA of Wan, with ComfyUI's prefix",
        {
            "diffusion_model.blocks.0.self_attn.q.lora_A.weight": (2, 48),
            "diffusion_model.blocks.0.self_attn.q.lora_B.weight": (48, 2),
        },
    ),
]


def foreign() -> list[tuple[str, str, Tensors]]:
    """Files that are no LoRA for FLUX.1; their numbers mean nothing."""
    return [
        (file, what, {name: torch.full(shape, 0.5, dtype=torch.float16) for name, shape in shapes.items()})
        for file, what, shapes in FOREIGN
    ]
