"""The names of the tiny model's layers in diffusers and in BFL's own code, and which of BFL's hold several."""

DOUBLE_BLOCKS, SINGLE_BLOCKS = 2, 3
TEXT_LAYERS = 2

Names = dict[str, list[str]]

# What BFL's layers are made of, row by row.
DOUBLE = {
    "img_mod.lin": ["norm1.linear"],
    "txt_mod.lin": ["norm1_context.linear"],
    "img_attn.qkv": ["attn.to_q", "attn.to_k", "attn.to_v"],
    "txt_attn.qkv": ["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"],
    "img_attn.proj": ["attn.to_out.0"],
    "txt_attn.proj": ["attn.to_add_out"],
    "img_mlp.0": ["ff.net.0.proj"],
    "img_mlp.2": ["ff.net.2"],
    "txt_mlp.0": ["ff_context.net.0.proj"],
    "txt_mlp.2": ["ff_context.net.2"],
}
SINGLE = {
    "modulation.lin": ["norm.linear"],
    "linear1": ["attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"],
    "linear2": ["proj_out"],
}
DOUBLE_NORMS = {
    "img_attn.norm.query_norm": ["attn.norm_q"],
    "img_attn.norm.key_norm": ["attn.norm_k"],
    "txt_attn.norm.query_norm": ["attn.norm_added_q"],
    "txt_attn.norm.key_norm": ["attn.norm_added_k"],
}
SINGLE_NORMS = {"norm.query_norm": ["attn.norm_q"], "norm.key_norm": ["attn.norm_k"]}
# Its halves stand the other way round than in diffusers.
FINAL_MODULATION = "final_layer.adaLN_modulation.1"
AROUND = {
    "img_in": ["x_embedder"],
    "txt_in": ["context_embedder"],
    "time_in.in_layer": ["time_text_embed.timestep_embedder.linear_1"],
    "time_in.out_layer": ["time_text_embed.timestep_embedder.linear_2"],
    "vector_in.in_layer": ["time_text_embed.text_embedder.linear_1"],
    "vector_in.out_layer": ["time_text_embed.text_embedder.linear_2"],
    "guidance_in.in_layer": ["time_text_embed.guidance_embedder.linear_1"],
    "guidance_in.out_layer": ["time_text_embed.guidance_embedder.linear_2"],
    FINAL_MODULATION: ["norm_out.linear"],
    "final_layer.linear": ["proj_out"],
}
XLABS_DOUBLE = {
    "processor.qkv_lora1": DOUBLE["img_attn.qkv"],
    "processor.qkv_lora2": DOUBLE["txt_attn.qkv"],
    "processor.proj_lora1": DOUBLE["img_attn.proj"],
    "processor.proj_lora2": DOUBLE["txt_attn.proj"],
}
XLABS_SINGLE = {"processor.qkv_lora": SINGLE["linear1"][:3], "processor.proj_lora": SINGLE["linear2"]}
CLIP_LAYER = [*(f"self_attn.{name}_proj" for name in ("q", "k", "v", "out")), "mlp.fc1", "mlp.fc2"]
T5_LAYER = [
    *(f"layer.0.SelfAttention.{name}" for name in "qkvo"),
    *(f"layer.1.DenseReluDense.{name}" for name in ("wi_0", "wi_1", "wo")),
]


def in_blocks(double: Names, single: Names) -> Names:
    """The names of every block."""
    return {
        f"{theirs}.{i}.{name}": [f"transformer.{ours}.{i}.{layer}" for layer in layers]
        for theirs, ours, count, table in (
            ("double_blocks", "transformer_blocks", DOUBLE_BLOCKS, double),
            ("single_blocks", "single_transformer_blocks", SINGLE_BLOCKS, single),
        )
        for i in range(count)
        for name, layers in table.items()
    }


BLOCKS = in_blocks(DOUBLE, SINGLE)
OUTSIDE = {name: [f"transformer.{layer}" for layer in layers] for name, layers in AROUND.items()}
NORMS = in_blocks(DOUBLE_NORMS, SINGLE_NORMS)
BFL = BLOCKS | OUTSIDE | NORMS
XLABS = in_blocks(XLABS_DOUBLE, XLABS_SINGLE)
CLIP = [f"text_encoder.text_model.encoder.layers.{i}.{layer}" for i in range(TEXT_LAYERS) for layer in CLIP_LAYER]
T5 = [f"text_encoder_2.encoder.block.{i}.{layer}" for i in range(TEXT_LAYERS) for layer in T5_LAYER]


def layers(names: Names) -> list[str]:
    return [layer for made_of in names.values() for layer in made_of]
