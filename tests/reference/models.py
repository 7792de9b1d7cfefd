"""Tiny FLUX models with random weights, in the folders and file names of the real checkpoints.

Every weight is a bf16 number, so a bf16 file holds it exactly and all arithmetic on it can run in f32.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

import vocabularies

TEXT_WIDTH = 32

# What a matrix does to the size of its input, by the first pattern its name ends with; 1 keeps it.
GAINS = {
    # adaLN: shifts, scales and gates of about 0.5 where the embedding after SiLU is of order 1.
    "norm1.linear.weight": 0.7,
    "norm1_context.linear.weight": 0.7,
    "norm.linear.weight": 0.7,
    "norm_out.linear.weight": 0.7,
    # The branches of CLIP, T5 and the VAE, so that the residual stream grows slowly.
    "conv2.weight": 0.5,
    "mid_block.attentions.0.to_out.0.weight": 0.5,
    "mlp.fc2.weight": 0.7,
    "DenseReluDense.wo.weight": 0.7,
    # T5 does not divide its attention scores by the square root of the head size.
    "SelfAttention.q.weight": 8**-0.25,
    "SelfAttention.k.weight": 8**-0.25,
    # Pictures mostly within -1 and 1.
    "decoder.conv_out.weight": 0.4,
}
# Tables are looked up, so their size is that of one entry.
TABLES = {
    "token_embedding.weight": 1.0,
    "position_embedding.weight": 0.5,
    "shared.weight": 1.0,
    "relative_attention_bias.weight": 0.7,
}


def fill(model: torch.nn.Module, name: str) -> torch.nn.Module:
    """Sets every parameter to a random bf16 number that depends on `name` alone."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    with torch.no_grad():
        for key, weight in sorted(model.named_parameters()):
            values = random.standard_normal(tuple(weight.shape)) * spread(key, weight)
            if weight.ndim == 1 and key.endswith("weight"):
                values += 1.0  # The scale of a norm.
            weight.copy_(torch.from_numpy(values).bfloat16())
    return model.eval()


def spread(key: str, weight: torch.Tensor) -> float:
    """The standard deviation of a parameter."""
    if weight.ndim == 1:
        return 0.2 if key.endswith("weight") else 0.1
    for pattern, size in TABLES.items():
        if key.endswith(pattern):
            return size
    inputs = weight[0].numel()
    gain = next((gain for pattern, gain in GAINS.items() if key.endswith(pattern)), 1.0)
    return gain * inputs**-0.5


def transformer(name: str, guidance: bool) -> FluxTransformer2DModel:
    model = FluxTransformer2DModel(
        in_channels=64,
        num_layers=2,
        num_single_layers=3,
        attention_head_dim=16,
        num_attention_heads=3,
        joint_attention_dim=TEXT_WIDTH,
        pooled_projection_dim=TEXT_WIDTH,
        guidance_embeds=guidance,
        axes_dims_rope=(4, 6, 6),
    )
    return fill(model, name)


def vae(name: str, widths: tuple[int, ...], scaling: float, shift: float) -> AutoencoderKL:
    """FLUX's autoencoder but small."""
    model = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=16,
        norm_num_groups=8,
        sample_size=64,
        scaling_factor=scaling,
        shift_factor=shift,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    return fill(model, name)


def clip() -> CLIPTextModel:
    vocabulary = vocabularies.clip_vocabulary(vocabularies.clip_merges())
    config = CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        projection_dim=TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=vocabularies.CLIP_LENGTH,
        hidden_act="quick_gelu",
        bos_token_id=vocabulary[vocabularies.CLIP_START],
        eos_token_id=vocabulary[vocabularies.CLIP_END],
        pad_token_id=vocabulary[vocabularies.CLIP_END],
    )
    return fill(CLIPTextModel(config), "text_encoder")


def t5() -> T5EncoderModel:
    config = T5Config(
        vocab_size=512,  # More rows than tokens, as in T5 v1.1.
        d_model=TEXT_WIDTH,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        pad_token_id=0,
        eos_token_id=1,
    )
    return fill(T5EncoderModel(config), "text_encoder_2")


def write_dev(folder: Path) -> None:
    """A whole pipeline: each part in a folder of its own, one weight file per model."""
    transformer("dev", guidance=True).bfloat16().save_pretrained(folder / "transformer")
    # Its scaling and shift are not FLUX's, so they must be read.
    vae("vae", widths=(16, 16, 32, 32), scaling=0.42, shift=0.15).bfloat16().save_pretrained(folder / "vae")
    clip().bfloat16().save_pretrained(folder / "text_encoder")
    prefix_clip(folder / "text_encoder" / "model.safetensors")
    t5().bfloat16().save_pretrained(folder / "text_encoder_2")
    vocabularies.write_clip(folder / "tokenizer")
    vocabularies.write_t5(folder / "tokenizer_2")
    dev = FlowMatchEulerDiscreteScheduler(
        shift=3.0,
        use_dynamic_shifting=True,
        base_shift=0.5,
        max_shift=1.15,
        base_image_seq_len=256,
        max_image_seq_len=4096,
    )
    dev.save_pretrained(folder / "scheduler")
    write_index(folder)


def write_schnell(folder: Path) -> None:
    """What differs from dev. The transformer comes in shards with an index, like both real ones."""
    model = transformer("schnell", guidance=False).bfloat16()
    model.save_pretrained(folder / "transformer", max_shard_size="300KB")
    schnell = FlowMatchEulerDiscreteScheduler(shift=1.0, use_dynamic_shifting=False)
    schnell.save_pretrained(folder / "scheduler")
    write_index(folder)


def write_index(folder: Path) -> None:
    index = {
        "_class_name": "FluxPipeline",
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": ["transformers", "T5EncoderModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "T5TokenizerFast"],
        "transformer": ["diffusers", "FluxTransformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def prefix_clip(file: Path) -> None:
    """Puts back the `text_model.` that FLUX.1's file has and that newer transformers leave out."""
    weights = {f"text_model.{key}": weight for key, weight in load_file(file).items()}
    save_file(weights, file, metadata={"format": "pt"})
