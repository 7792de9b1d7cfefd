"""Makes a model of FLUX.1-dev's true shapes with random weights, for measuring time and memory; see README.md here.

    python benches/checkpoint.py FOLDER [--type Q4_K|Q8_0|BF16] [--double 19] [--single 38] [--t5-layers 24]

Without other numbers it is the whole model of 12 billion weights with its T5. Nothing is held in memory but one tensor.
Needs numpy alone. The tokenizers are those of the tests.
"""

import argparse
import json
import shutil
import struct
from pathlib import Path

import numpy as np

WIDTH, INNER, HEAD, POOLED, JOINT, TOKEN = 3072, 12288, 128, 768, 4096, 64
T5_HEADS, T5_MLP, T5_VOCABULARY, T5_TOKENS = 64, 10240, 32128, 512
CLIP_LAYERS, CLIP_MLP, CLIP_VOCABULARY, CLIP_POSITIONS = 12, 3072, 49408, 77
VAE_WIDTHS, LATENTS = (128, 256, 512, 512), 16

# Number, block size and bytes of a block of GGML's types.
TYPES = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144), "BF16": (30, 1, 2)}
TOKENIZERS = Path(__file__).resolve().parent.parent / "tests/data/reference/dev"

random = np.random.default_rng(0)
Shapes = dict[str, tuple[int, ...]]


def linear(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def transformer(double: int, single: int) -> Shapes:
    """https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/model.py"""
    shapes = linear("img_in", TOKEN, WIDTH) | linear("txt_in", JOINT, WIDTH)
    for name, inputs in (("time_in", 256), ("vector_in", POOLED), ("guidance_in", 256)):
        shapes |= linear(f"{name}.in_layer", inputs, WIDTH) | linear(f"{name}.out_layer", WIDTH, WIDTH)
    for i in range(double):
        for kind in ("img", "txt"):
            block = f"double_blocks.{i}.{kind}"
            shapes |= linear(f"{block}_mod.lin", WIDTH, 6 * WIDTH)
            shapes |= linear(f"{block}_attn.qkv", WIDTH, 3 * WIDTH) | linear(f"{block}_attn.proj", WIDTH, WIDTH)
            shapes |= linear(f"{block}_mlp.0", WIDTH, INNER) | linear(f"{block}_mlp.2", INNER, WIDTH)
            shapes |= {f"{block}_attn.norm.{norm}_norm.scale": (HEAD,) for norm in ("query", "key")}
    for i in range(single):
        block = f"single_blocks.{i}"
        shapes |= linear(f"{block}.modulation.lin", WIDTH, 3 * WIDTH)
        shapes |= linear(f"{block}.linear1", WIDTH, 3 * WIDTH + INNER) | linear(f"{block}.linear2", WIDTH + INNER, WIDTH)
        shapes |= {f"{block}.norm.{norm}_norm.scale": (HEAD,) for norm in ("query", "key")}
    return shapes | linear("final_layer.adaLN_modulation.1", WIDTH, 2 * WIDTH) | linear("final_layer.linear", WIDTH, TOKEN)


def t5(layers: int) -> Shapes:
    shapes = {"token_embd.weight": (T5_VOCABULARY, JOINT), "enc.output_norm.weight": (JOINT,)}
    shapes["enc.blk.0.attn_rel_b.weight"] = (32, T5_HEADS)
    for i in range(layers):
        block = f"enc.blk.{i}"
        shapes |= {f"{block}.attn_{name}.weight": (JOINT, JOINT) for name in "qkvo"}
        shapes |= {f"{block}.ffn_{name}.weight": (T5_MLP, JOINT) for name in ("gate", "up")}
        shapes |= {f"{block}.ffn_down.weight": (JOINT, T5_MLP)}
        shapes |= {f"{block}.{name}_norm.weight": (JOINT,) for name in ("attn", "ffn")}
    return shapes


def clip() -> Shapes:
    root = "text_model"
    shapes = {
        f"{root}.embeddings.token_embedding.weight": (CLIP_VOCABULARY, POOLED),
        f"{root}.embeddings.position_embedding.weight": (CLIP_POSITIONS, POOLED),
    }
    norm = {"weight": (POOLED,), "bias": (POOLED,)}
    for i in range(CLIP_LAYERS):
        layer = f"{root}.encoder.layers.{i}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= linear(f"{layer}.self_attn.{name}", POOLED, POOLED)
        shapes |= linear(f"{layer}.mlp.fc1", POOLED, CLIP_MLP) | linear(f"{layer}.mlp.fc2", CLIP_MLP, POOLED)
        shapes |= {f"{layer}.layer_norm{j}.{leaf}": shape for j in (1, 2) for leaf, shape in norm.items()}
    return shapes | {f"{root}.final_layer_norm.{leaf}": shape for leaf, shape in norm.items()}


def vae() -> Shapes:
    """https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/modules/autoencoder.py"""

    def conv(name: str, inputs: int, outputs: int, side: int = 3) -> Shapes:
        return {f"{name}.weight": (outputs, inputs, side, side), f"{name}.bias": (outputs,)}

    def norm(name: str, width: int) -> Shapes:
        return {f"{name}.weight": (width,), f"{name}.bias": (width,)}

    def block(name: str, inputs: int, outputs: int) -> Shapes:
        shapes = norm(f"{name}.norm1", inputs) | conv(f"{name}.conv1", inputs, outputs)
        shapes |= norm(f"{name}.norm2", outputs) | conv(f"{name}.conv2", outputs, outputs)
        return shapes if inputs == outputs else shapes | conv(f"{name}.nin_shortcut", inputs, outputs, 1)

    def mid(name: str, width: int) -> Shapes:
        shapes = block(f"{name}.block_1", width, width) | block(f"{name}.block_2", width, width)
        shapes |= norm(f"{name}.attn_1.norm", width)
        for part in ("q", "k", "v", "proj_out"):
            shapes |= conv(f"{name}.attn_1.{part}", width, width, 1)
        return shapes

    top = VAE_WIDTHS[-1]
    shapes = conv("encoder.conv_in", 3, VAE_WIDTHS[0]) | mid("encoder.mid", top)
    inputs = VAE_WIDTHS[0]
    for i, width in enumerate(VAE_WIDTHS):
        for j in range(2):
            shapes |= block(f"encoder.down.{i}.block.{j}", inputs, width)
            inputs = width
        if i + 1 < len(VAE_WIDTHS):
            shapes |= conv(f"encoder.down.{i}.downsample.conv", width, width)
    shapes |= norm("encoder.norm_out", top) | conv("encoder.conv_out", top, 2 * LATENTS)
    shapes |= conv("decoder.conv_in", LATENTS, top) | mid("decoder.mid", top)
    inputs = top
    for i, width in reversed(list(enumerate(VAE_WIDTHS))):
        for j in range(3):
            shapes |= block(f"decoder.up.{i}.block.{j}", inputs, width)
            inputs = width
        if i > 0:
            shapes |= conv(f"decoder.up.{i}.upsample.conv", width, width)
    return shapes | norm("decoder.norm_out", inputs) | conv("decoder.conv_out", inputs, 3)


def spread(name: str, shape: tuple[int, ...]) -> float:
    """The standard deviation of a matrix that keeps the size of what goes in; branches add little to their stream."""
    inputs = int(np.prod(shape[1:]))
    if "embed" in name or "embd" in name:
        return 1.0
    quiet = ("linear2", "proj.", "mlp.2", "ffn_down", "attn_o", "fc2", "out_proj", "conv2", "proj_out", "mod.lin", "modulation")
    return (0.1 if any(word in name for word in quiet) else 1.0) * inputs**-0.5


def numbers(kind: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor as bytes of its type. Norms are 1, biases 0."""
    count = int(np.prod(shape))
    if len(shape) == 1:
        values = np.full(count, 0.0 if name.endswith("bias") else 1.0, dtype=np.float32)
    elif kind in ("Q4_K", "Q8_0"):
        return blocks(kind, spread(name, shape), count)
    else:
        values = random.standard_normal(count, dtype=np.float32) * np.float32(spread(name, shape))
    if kind == "BF16":
        return (values.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    return values.astype({"F32": np.float32, "F16": np.float16}[kind]).view(np.uint8)


def blocks(kind: str, size: float, count: int) -> np.ndarray:
    """Random blocks of this spread."""
    _, per_block, width = TYPES[kind]
    data = random.integers(0, 256, (count // per_block, width), dtype=np.uint8)
    if kind == "Q8_0":
        data[:, :2] = np.frombuffer(np.float16(size / 73.9).tobytes(), dtype=np.uint8)
    else:
        # All inner scales are 32, so that a number is its 4 bits less 7.5, times the scale.
        step = size / 4.61
        data[:, :2] = np.frombuffer(np.float16(step / 32).tobytes(), dtype=np.uint8)
        data[:, 2:4] = np.frombuffer(np.float16(7.5 * step / 32).tobytes(), dtype=np.uint8)
        data[:, 4:12], data[:, 12:16] = 160, 0
    return data.reshape(-1)


def type_of(kind: str, shape: tuple[int, ...], name: str) -> str:
    """What city96's files give a tensor: small ones and those outside the blocks stay wide."""
    if len(shape) != 2:
        return "F32"
    if "blk." in name or "blocks." in name:
        return kind if shape[-1] % TYPES[kind][1] == 0 and min(shape) > 64 else "F16"
    return kind if name == "token_embd.weight" else "F16"


def write_gguf(file: Path, arch: str, shapes: Shapes, kind: str) -> None:
    text = lambda value: struct.pack("<Q", len(value)) + value.encode()
    header = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), 1)
    header += text("general.architecture") + struct.pack("<I", 8) + text(arch)
    place, kinds = 0, {}
    for name, shape in shapes.items():
        kinds[name] = type_of(kind, shape, name)
        number, per_block, width = TYPES[kinds[name]]
        header += text(name) + struct.pack("<I", len(shape))
        header += struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", number, place)
        place += -(-int(np.prod(shape)) // per_block * width // 32) * 32
    with file.open("wb") as out:
        out.write(header + bytes(-len(header) % 32))
        for name, shape in shapes.items():
            data = numbers(kinds[name], name, shape)
            out.write(data)
            out.write(bytes(-len(data) % 32))


def write_safetensors(file: Path, shapes: Shapes, kind: str) -> None:
    width = TYPES[kind][2]
    place, header = 0, {}
    for name, shape in shapes.items():
        length = int(np.prod(shape)) * width
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [place, place + length]}
        place += length
    text = json.dumps(header).encode()
    with file.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes.items():
            out.write(numbers(kind, name, shape))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--type", default="Q4_K", choices=["Q4_K", "Q8_0", "BF16"])
    parser.add_argument("--double", type=int, default=19)
    parser.add_argument("--single", type=int, default=38)
    parser.add_argument("--t5-layers", type=int, default=24)
    arguments = parser.parse_args()
    folder, kind = arguments.folder, arguments.type
    folder.mkdir(parents=True, exist_ok=True)
    shapes = transformer(arguments.double, arguments.single)
    if kind == "BF16":
        write_safetensors(folder / "flux1-dev.safetensors", shapes, kind)
    else:
        write_gguf(folder / f"flux1-dev-{kind}.gguf", "flux", shapes, kind)
    write_gguf(folder / "t5-v1_1-xxl-encoder.gguf", "t5encoder", t5(arguments.t5_layers), "Q8_0" if kind == "Q8_0" else "Q4_K")
    write_safetensors(folder / "clip_l.safetensors", clip(), "F16")
    write_safetensors(folder / "ae.safetensors", vae(), "F32")
    for name, length in (("tokenizer", CLIP_POSITIONS), ("tokenizer_2", T5_TOKENS)):
        shutil.copytree(TOKENIZERS / name, folder / name, dirs_exist_ok=True)
        # As many tokens as the real ones give, where the tests have fewer.
        config = json.loads((TOKENIZERS / name / "tokenizer_config.json").read_text())
        config["model_max_length"] = length
        (folder / name / "tokenizer_config.json").write_text(json.dumps(config))


if __name__ == "__main__":
    main()
