"""Makes one tiny model in every layout that FLUX.1's files come in, and what each must give; see README.md.

    python tests/reference/checkpoints.py            # or: checkpoints.py some/other/folder

The names are written from diffusers' models by the rules of the published converters, not by the program that reads them.
What fp8 and GGUF round away is rounded in the expected results too: diffusers runs with the weights as they come back.
"""

import argparse
import shutil
from pathlib import Path

import gguf
import numpy as np
import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from gguf import GGMLQuantizationType as Type
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer, T5EncoderModel, T5TokenizerFast

import models
import pictures
import quiet
from edits import PROMPT
from listing import one_case_a_line
from stages import Tensors, random

DATA = Path(__file__).resolve().parent.parent / "data"
TOKENIZERS = DATA / "reference" / "dev"

CASE = {"name": "checkpoints", "prompt": PROMPT, "width": 64, "height": 64, "steps": 2, "guidance": 3.5, "num_outputs": 1}
WIDTH = 32

# Types of GGUF that gguf can write; the layers of the mixed files take turns.
TURNS = [Type.Q8_0, Type.Q5_0, Type.Q5_1, Type.Q4_0, Type.Q4_1, Type.F16, Type.BF16]
# Types that it can only read, in blocks of 256.
K_TYPES = [Type.Q6_K, Type.Q5_K, Type.Q4_K, Type.Q3_K, Type.Q2_K]


def transformer(guidance: bool) -> FluxTransformer2DModel:
    model = FluxTransformer2DModel(
        in_channels=64,
        num_layers=1,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=WIDTH // 16,
        joint_attention_dim=models.TEXT_WIDTH,
        pooled_projection_dim=models.TEXT_WIDTH,
        guidance_embeds=guidance,
        axes_dims_rope=(4, 6, 6),
    )
    return models.fill(model, f"checkpoints {guidance}")


def vae() -> AutoencoderKL:
    """With FLUX's own scale and shift, which single files do not tell."""
    return models.vae("checkpoints vae", widths=(16, 16, 16, 32), scaling=0.3611, shift=0.1159)


def bfl(weights: Tensors) -> Tensors:
    """A transformer under BFL's names, by the inverse of
    https://github.com/huggingface/diffusers/blob/v0.32.2/scripts/convert_flux_to_diffusers.py"""
    out = {}
    top = {
        "x_embedder": "img_in",
        "context_embedder": "txt_in",
        "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
        "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
        "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
        "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
        "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
        "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
        "proj_out": "final_layer.linear",
    }
    for theirs, ours in top.items():
        for leaf in ("weight", "bias"):
            if f"{theirs}.{leaf}" in weights:
                out[f"{ours}.{leaf}"] = weights[f"{theirs}.{leaf}"]
    for leaf in ("weight", "bias"):
        scale, shift = weights[f"norm_out.linear.{leaf}"].chunk(2)
        out[f"final_layer.adaLN_modulation.1.{leaf}"] = torch.cat([shift, scale])
    depth = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("transformer_blocks."))
    for i in range(depth):
        block, ours = f"transformer_blocks.{i}", f"double_blocks.{i}"
        for kind, norm, attention, head_norm, out_proj, mlp in (
            ("img", "norm1", ("to_q", "to_k", "to_v"), ("norm_q", "norm_k"), "to_out.0", "ff"),
            ("txt", "norm1_context", ("add_q_proj", "add_k_proj", "add_v_proj"), ("norm_added_q", "norm_added_k"), "to_add_out", "ff_context"),
        ):
            for leaf in ("weight", "bias"):
                out[f"{ours}.{kind}_mod.lin.{leaf}"] = weights[f"{block}.{norm}.linear.{leaf}"]
                out[f"{ours}.{kind}_attn.qkv.{leaf}"] = torch.cat([weights[f"{block}.attn.{name}.{leaf}"] for name in attention])
                out[f"{ours}.{kind}_attn.proj.{leaf}"] = weights[f"{block}.attn.{out_proj}.{leaf}"]
                out[f"{ours}.{kind}_mlp.0.{leaf}"] = weights[f"{block}.{mlp}.net.0.proj.{leaf}"]
                out[f"{ours}.{kind}_mlp.2.{leaf}"] = weights[f"{block}.{mlp}.net.2.{leaf}"]
            for name, theirs in zip(("query_norm", "key_norm"), head_norm):
                out[f"{ours}.{kind}_attn.norm.{name}.scale"] = weights[f"{block}.attn.{theirs}.weight"]
    depth = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("single_transformer_blocks."))
    for i in range(depth):
        block, ours = f"single_transformer_blocks.{i}", f"single_blocks.{i}"
        for leaf in ("weight", "bias"):
            out[f"{ours}.modulation.lin.{leaf}"] = weights[f"{block}.norm.linear.{leaf}"]
            parts = ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")
            out[f"{ours}.linear1.{leaf}"] = torch.cat([weights[f"{block}.{name}.{leaf}"] for name in parts])
            out[f"{ours}.linear2.{leaf}"] = weights[f"{block}.proj_out.{leaf}"]
        out[f"{ours}.norm.query_norm.scale"] = weights[f"{block}.attn.norm_q.weight"]
        out[f"{ours}.norm.key_norm.scale"] = weights[f"{block}.attn.norm_k.weight"]
    return out


def diffusers(weights: Tensors, like: Tensors) -> Tensors:
    """The way back, by asking which of BFL's tensors each of `like` went into."""
    marked = {name: torch.full_like(tensor, i, dtype=torch.float64) for i, (name, tensor) in enumerate(like.items())}
    names = list(like)
    out = {}
    for ours, marks in bfl(marked).items():
        for mark in marks.unique():
            name = names[int(mark)]
            out[name] = weights[ours][marks == mark].reshape(like[name].shape)
    # The halves of the last layer's modulation were exchanged.
    for leaf in ("weight", "bias"):
        shift, scale = weights[f"final_layer.adaLN_modulation.1.{leaf}"].chunk(2)
        out[f"norm_out.linear.{leaf}"] = torch.cat([scale, shift])
    return out


def ldm_vae(weights: Tensors) -> Tensors:
    """A VAE under BFL's names, by the inverse of `convert_ldm_vae_checkpoint` in
    https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/loaders/single_file_utils.py"""
    levels = 4
    out = {}
    for name, tensor in weights.items():
        words = name.split(".")
        if "mid_block" in words:
            i = words.index("mid_block")
            if words[i + 1] == "resnets":
                words[i : i + 3] = ["mid", f"block_{int(words[i + 2]) + 1}"]
            else:
                inner = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out": "proj_out"}[words[i + 3]]
                words = [*words[:i], "mid", "attn_1", inner, words[-1]]
                if tensor.ndim == 2:
                    tensor = tensor[:, :, None, None]
        elif "down_blocks" in words:
            words[1] = "down"
        elif "up_blocks" in words:
            words[1], words[2] = "up", str(levels - 1 - int(words[2]))
        if words[1] in ("down", "up") and words[3] == "resnets":
            words[3] = "block"
        elif words[1] in ("down", "up"):
            words[3:6] = ["downsample" if words[1] == "down" else "upsample", "conv"]
        words = ["nin_shortcut" if word == "conv_shortcut" else "norm_out" if word == "conv_norm_out" else word for word in words]
        out[".".join(words)] = tensor
    return out


def llama_t5(weights: Tensors) -> Tensors:
    """T5 under llama.cpp's names, as convert_hf_to_gguf.py writes them."""
    modules = {
        "layer.0.SelfAttention.q": "attn_q",
        "layer.0.SelfAttention.k": "attn_k",
        "layer.0.SelfAttention.v": "attn_v",
        "layer.0.SelfAttention.o": "attn_o",
        "layer.0.SelfAttention.relative_attention_bias": "attn_rel_b",
        "layer.0.layer_norm": "attn_norm",
        "layer.1.DenseReluDense.wi_0": "ffn_gate",
        "layer.1.DenseReluDense.wi_1": "ffn_up",
        "layer.1.DenseReluDense.wo": "ffn_down",
        "layer.1.layer_norm": "ffn_norm",
    }
    out = {}
    for name, tensor in weights.items():
        if name == "shared.weight":
            out["token_embd.weight"] = tensor
        elif name == "encoder.final_layer_norm.weight":
            out["enc.output_norm.weight"] = tensor
        elif name.startswith("encoder.block."):
            _, _, block, module = name.removesuffix(".weight").split(".", 3)
            out[f"enc.blk.{block}.{modules[module]}.weight"] = tensor
    return out


def fp8(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float().to(torch.float8_e4m3fn)


def fp8_scaled(weights: Tensors) -> tuple[Tensors, Tensors]:
    """The matrices of the blocks as ComfyUI scales them, so that the greatest number is the greatest of fp8; and what they
    come back as."""
    stored, back = {"scaled_fp8": torch.zeros(0).to(torch.float8_e4m3fn)}, {}
    for name, tensor in weights.items():
        stored[name], back[name] = tensor, tensor.float()
        if tensor.ndim == 2 and "_blocks." in name and name.endswith(".weight"):
            scale = tensor.float().abs().max() / 448
            stored[name] = fp8(tensor.float() / scale)
            layer = name.removesuffix("weight")
            stored[f"{layer}scale_weight"] = scale
            stored[f"{layer}scale_input"] = torch.tensor(1.0)
            back[name] = stored[name].float() * scale
    return stored, back


def write_gguf(file: Path, arch: str, weights: Tensors, types: list[Type]) -> Tensors:
    """A GGUF file whose matrices take the types in turn; what they come back as."""
    writer = gguf.GGUFWriter(file, arch)
    back, turn = {}, 0
    for name, tensor in weights.items():
        values = tensor.float().numpy()
        kind = Type.F32
        if tensor.ndim == 2 and min(tensor.shape) >= 32:
            kind = types[turn % len(types)]
            turn += 1
        data = gguf.quants.quantize(values, kind)
        writer.add_tensor(name, data, raw_dtype=kind)
        back[name] = torch.from_numpy(np.array(gguf.quants.dequantize(data, kind))).reshape(tensor.shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return back


def save(weights: Tensors, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous().clone() for name, tensor in weights.items()}, file)


def prefixed(prefix: str, weights: Tensors) -> Tensors:
    return {f"{prefix}{name}": tensor for name, tensor in weights.items()}


def dtype(weights: Tensors, kind: torch.dtype) -> Tensors:
    return {name: tensor.to(kind) for name, tensor in weights.items()}


def blocks(folder: Path) -> list[dict]:
    """Random blocks of every type, and the numbers in them; their scales are kept finite and small."""
    dice = np.random.default_rng(1)
    listed = []
    for kind in [*TURNS[:5], *K_TYPES]:
        numbers, size = gguf.GGML_QUANT_SIZES[kind]
        data = dice.integers(0, 256, (6, size), dtype=np.uint8)
        # Where the halves are that scale a block: at its end or at its beginning.
        places = {Type.Q6_K: [-2], Type.Q3_K: [-2], Type.Q2_K: [-4, -2], Type.Q4_1: [0, 2], Type.Q5_1: [0, 2], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2]}
        for place in places.get(kind, [0]):
            halves = dice.normal(0, 0.1, 6).astype(np.float16).view(np.uint8).reshape(6, 2)
            start = place % size
            data[:, start : start + 2] = halves
        values = gguf.quants.dequantize(data, kind)
        save({"bytes": torch.from_numpy(data), "numbers": torch.from_numpy(np.array(values)).reshape(6, numbers)}, folder / f"{kind.name}.safetensors")
        listed.append({"format": kind.name})
    return listed


def tiled(decoder: AutoencoderKL) -> Tensors:
    """A picture that diffusers decodes in tiles of 8 latents, from the latents that our decoder gets."""
    latents = random("tiles", 1, 16, 16, 21)
    decoder.enable_tiling()
    decoder.tile_latent_min_size, decoder.tile_sample_min_size = 8, 64
    config = decoder.config
    image = decoder.decode(latents / config.scaling_factor + config.shift_factor).sample
    decoder.disable_tiling()
    return {"tiles latents": latents, "tiles image": image}


def pipeline(clip: CLIPTextModel, t5: T5EncoderModel, model: FluxTransformer2DModel, decoder: AutoencoderKL) -> FluxPipeline:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15)
    pipe = FluxPipeline(
        scheduler=scheduler,
        vae=decoder,
        text_encoder=clip,
        text_encoder_2=t5,
        tokenizer=CLIPTokenizer.from_pretrained(TOKENIZERS / "tokenizer"),
        tokenizer_2=T5TokenizerFast.from_pretrained(TOKENIZERS / "tokenizer_2"),
        transformer=model,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@torch.no_grad()
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", nargs="?", type=Path, default=DATA / "checkpoints", help="where to write")
    folder = arguments.parse_args().folder
    shutil.rmtree(folder, ignore_errors=True)
    quiet.set_up()

    model, decoder, clip, t5 = transformer(True), vae(), models.clip(), models.t5()
    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    ours = bfl(own)
    text = {name: tensor for name, tensor in t5.state_dict().items() if name != "encoder.embed_tokens.weight"}
    clip_text = {f"text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in clip.state_dict().items()}
    pictured = ldm_vae(decoder.state_dict())

    # One folder for what several layouts share, as ComfyUI's users have it.
    parts = folder / "parts"
    save(dtype(ours, torch.bfloat16), parts / "flux1-dev.safetensors")
    save(dtype(pictured, torch.bfloat16), parts / "ae.safetensors")
    save(dtype(clip_text, torch.float16), parts / "clip_l.safetensors")
    both = text | {"encoder.embed_tokens.weight": text["shared.weight"]}
    save(dtype(both, torch.float16), parts / "t5xxl_fp16.safetensors")

    base = folder / "diffusers"
    model.bfloat16().save_pretrained(base / "transformer", max_shard_size="60KB", variant="bf16")
    decoder.bfloat16().save_pretrained(base / "vae")
    clip.half().save_pretrained(base / "text_encoder")
    t5.half().save_pretrained(base / "text_encoder_2", variant="fp16")
    FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15).save_pretrained(base / "scheduler")
    models.write_index(base)
    model, decoder, clip, t5 = model.float(), decoder.float(), clip.float(), t5.float()

    extra = {
        "text_encoders.clip_l.transformer.text_projection.weight": torch.eye(models.TEXT_WIDTH).half(),
        "text_encoders.clip_l.logit_scale": torch.tensor(4.6),
        "text_encoders.t5xxl.logit_scale": torch.tensor(4.6),
    }
    save(
        prefixed("model.diffusion_model.", dtype(ours, torch.bfloat16))
        | prefixed("vae.", dtype(pictured, torch.bfloat16))
        | prefixed("text_encoders.clip_l.transformer.", dtype(clip_text, torch.float16))
        | prefixed("text_encoders.t5xxl.transformer.", dtype(text, torch.float16))
        | extra,
        folder / "all-in-one.safetensors",
    )

    run = {"plain": (own, text)}
    # Everything in fp8, biases and norms too, as in ComfyUI's own file of everything.
    plain = {name: fp8(tensor) for name, tensor in ours.items()}
    save(plain, folder / "fp8.safetensors")
    save({name: fp8(tensor) for name, tensor in text.items()}, folder / "t5xxl_fp8_e4m3fn.safetensors")
    run["fp8"] = (diffusers(dtype(plain, torch.float32), own), {name: fp8(tensor).float() for name, tensor in text.items()})
    scaled, back = fp8_scaled(ours)
    save(scaled, folder / "fp8-scaled.safetensors")
    run["fp8-scaled"] = (diffusers(back, own), text)
    back = write_gguf(folder / "mixed.gguf", "flux", ours, TURNS)
    back_t5 = write_gguf(folder / "t5.gguf", "t5encoder", llama_t5(text), TURNS[2:] + TURNS[:2])
    way = {theirs: name for name, theirs in zip(text, llama_t5(text))}
    run["gguf"] = (diffusers(back, own), {way[theirs]: tensor for theirs, tensor in back_t5.items()})
    back = write_gguf(folder / "prefixed.gguf", "flux", prefixed("model.diffusion_model.", ours), TURNS[3:])
    back = {name.removeprefix("model.diffusion_model."): tensor for name, tensor in back.items()}
    run["gguf-prefixed"] = (diffusers(back, own), text)

    golden = {}
    for name, (weights, t5_weights) in run.items():
        model.load_state_dict(dtype(weights, torch.float32))
        t5.load_state_dict(t5_weights | {"encoder.embed_tokens.weight": t5_weights["shared.weight"]}, strict=False)
        made = pictures.picture(pipeline(clip, t5, model, decoder), CASE)
        golden |= {"noise": made["noise"], f"{name} latents": made["latents_2"], f"{name} image": made["image"], f"{name} t5": made["t5_hidden"], f"{name} clip": made["clip_pooled"]}
    save(golden | tiled(decoder), folder / "golden.safetensors")
    cases = {
        "case": [CASE],
        "runs": [{"run": name} for name in run],
        "blocks": blocks(folder / "blocks"),
    }
    (folder / "cases.json").write_text(one_case_a_line(cases), encoding="utf-8")


if __name__ == "__main__":
    main()
