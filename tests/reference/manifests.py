"""Writes what is published of the real files: names, shapes and types of all tensors, compactly; see README.md.

    python tests/reference/manifests.py            # or: manifests.py some/other/file.json

The names and shapes of diffusers' and transformers' layouts come from those libraries, built without weights; BFL's and
llama.cpp's from `benches/checkpoint.py`, which follows their code. Sizes in bytes are those that the repositories list, and
this script fails where the tensors do not add up to them.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, FluxTransformer2DModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPConfig, CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel, ViTConfig, ViTForImageClassification

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "benches"))

import checkpoint  # noqa: E402

Shapes = dict[str, tuple[int, ...]]
BYTES = {"I64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1}
# What newer versions of transformers call ViT's modules in memory, and what files call them.
VIT = {
    "vit.layers.": "vit.encoder.layer.",
    "attention.q_proj": "attention.attention.query",
    "attention.k_proj": "attention.attention.key",
    "attention.v_proj": "attention.attention.value",
    "attention.o_proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}


def of(model: torch.nn.Module, prefix: str = "") -> Shapes:
    return {prefix + name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def libraries() -> dict[str, Shapes]:
    """The models of the layout of diffusers, from their published configurations."""
    with torch.device("meta"):
        dev = FluxTransformer2DModel(
            in_channels=64, num_layers=19, num_single_layers=38, attention_head_dim=128, num_attention_heads=24,
            joint_attention_dim=4096, pooled_projection_dim=768, guidance_embeds=True, axes_dims_rope=(16, 56, 56),
        )
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=16, norm_num_groups=32,
            use_quant_conv=False, use_post_quant_conv=False,
        )
        clip = CLIPTextModel(CLIPTextConfig(
            vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
        ))
        t5 = T5EncoderModel(T5Config(
            vocab_size=32128, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu",
        ))
        sees = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 14}
        checker = of(StableDiffusionSafetyChecker(CLIPConfig(projection_dim=768, vision_config=sees)))
        classifier = of(ViTForImageClassification(ViTConfig(num_labels=2)))
    checker = {name.replace("vision_model.", "vision_model.vision_model.", 1): shape for name, shape in checker.items()}
    for ours, theirs in VIT.items():
        classifier = {name.replace(ours, theirs): shape for name, shape in classifier.items()}
    clip_names = {f"text_model.{name.removeprefix('text_model.')}": shape for name, shape in of(clip).items()}
    return {"transformer": of(dev), "vae": of(vae), "clip": clip_names, "t5": of(t5), "checker": checker, "classifier": classifier}


def without(shapes: Shapes, *words: str) -> Shapes:
    return {name: shape for name, shape in shapes.items() if not any(word in name for word in words)}


def prefixed(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + name: shape for name, shape in shapes.items()}


def compact(shapes: Shapes, kind: str) -> list[list]:
    """`[name with * for its number, how many numbers or 0, type, shape]`: blocks of one shape are told once."""
    number = re.compile(r"(blocks?|blk|layers?)\.\d+\.")
    groups: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        groups.setdefault(number.sub(r"\1.*.", name, count=1), {})[name] = shape
    rows = []
    for starred, group in groups.items():
        first, *others = group.values()
        in_turn = [starred.replace("*", str(i)) for i in range(len(group))] == list(group)
        if "*" in starred and in_turn and all(shape == first for shape in others):
            rows.append([starred, len(group), kind, list(first)])
        else:
            rows += [[name, 0, kind, list(shape)] for name, shape in group.items()]
    return rows


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    default = ROOT / "tests/data/manifests.json"
    arguments.add_argument("file", nargs="?", type=Path, default=default, help="what to write")
    file = arguments.parse_args().file
    known = libraries()
    dev = checkpoint.transformer(19, 38)
    schnell = without(dev, "guidance_in")
    clip, ae = known["clip"], checkpoint.vae()
    t5 = known["t5"] | {"encoder.embed_tokens.weight": (32128, 4096)}
    one_table = without(t5, "encoder.embed_tokens")
    projection = {"text_encoders.clip_l.transformer.text_projection.weight": (768, 768)}
    position_ids = {"vision_model.vision_model.embeddings.position_ids": (1, 257)}
    scales = {"text_encoders.clip_l.logit_scale": (), "text_encoders.t5xxl.logit_scale": ()}

    def everything(transformer: Shapes) -> list[tuple[Shapes, str]]:
        return [
            (prefixed("model.diffusion_model.", transformer), "F8_E4M3"),
            (prefixed("text_encoders.clip_l.transformer.", clip) | projection, "F16"),
            (prefixed("text_encoders.t5xxl.transformer.", one_table), "F8_E4M3"),
            (prefixed("vae.", ae) | scales, "F32"),
        ]

    files = {
        "flux1-dev.safetensors": (23_802_932_552, [(dev, "BF16")]),
        "flux1-schnell.safetensors": (23_782_506_688, [(schnell, "BF16")]),
        "ae.safetensors": (335_304_388, [(ae, "F32")]),
        "clip_l.safetensors": (246_144_152, [(clip, "F16")]),
        "t5xxl_fp16.safetensors": (9_787_841_024, [(t5, "F16")]),
        "t5xxl_fp8_e4m3fn.safetensors": (4_893_934_904, [(t5, "F8_E4M3")]),
        "flux1-dev-fp8.safetensors": (17_246_524_772, everything(dev)),
        "flux1-schnell-fp8.safetensors": (17_236_328_572, everything(schnell)),
        "transformer/diffusion_pytorch_model.safetensors": (None, [(known["transformer"], "BF16")]),
        "vae/diffusion_pytorch_model.safetensors": (167_666_902, [(known["vae"], "BF16")]),
        "text_encoder/model.safetensors": (246_144_352, [(clip, "F16")]),
        "text_encoder_2/model.safetensors": (None, [(one_table, "BF16")]),
        "safety_checker/model.safetensors": (608_018_440, [(position_ids, "I64"), (known["checker"], "F16")]),
        "safety_classifier/model.safetensors": (343_223_968, [(known["classifier"], "F32")]),
    }
    listed = {}
    for name, (size, parts) in files.items():
        count = sum(len(shapes) for shapes, _ in parts)
        data = sum(BYTES[kind] * torch.Size(shape).numel() for shapes, kind in parts for shape in shapes.values())
        if size is not None:
            # What is beyond the tensors is the header, with 50 to 200 letters for each.
            assert 50 * count < size - data < 200 * count, (name, size, data, count)
        listed[name] = {"bytes": size, "count": count, "tensors": [row for shapes, kind in parts for row in compact(shapes, kind)]}
    lines = []
    for name, manifest in listed.items():
        rows = ",\n    ".join(json.dumps(row) for row in manifest["tensors"])
        lines.append(f'{json.dumps(name)}: {{"bytes": {json.dumps(manifest["bytes"])}, "count": {manifest["count"]}, "tensors": [\n    {rows}]}}')
    file.write_text("{\n  " + ",\n  ".join(lines) + "\n}\n", encoding="utf-8")
    assert json.loads(file.read_text()) == listed


if __name__ == "__main__":
    main()
