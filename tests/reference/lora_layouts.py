"""How the layouts of LoRA files name what a change holds."""

import json
from collections import Counter
from dataclasses import dataclass, replace

import torch
from peft import LoraConfig

import lora_names as names
from lora_changes import Change, Shapes, rows
from lora_parts import Difference, Part, Style, Tensors, fused

PEFT = Style("lora_A.weight", "lora_B.weight", "up")
PEFT_ALPHA = replace(PEFT, factor="tensor")
PEFT_METADATA = replace(PEFT, factor="metadata")
OLD = Style("lora.down.weight", "lora.up.weight", "up")
KOHYA = Style("lora_down.weight", "lora_up.weight", "tensor")
KOHYA_PLAIN = replace(KOHYA, factor="up")
XLABS = Style("down.weight", "up.weight", "up")

# What stands in a pattern for the only layer that ends with it.
END = "proj_mlp"

# The layers of the transformer as diffusers has them, each for itself.
DIFFUSERS = {layer: [layer] for layer in names.layers(names.BFL)}


@dataclass(frozen=True)
class Layout:
    prefix: str
    style: Style
    table: names.Names | None = None  # BFL's or XLabs' names; diffusers' where there is none.
    underscores: bool = False
    clip: str = ""
    t5: str = ""
    dtype: torch.dtype = torch.float16

    def key(self, name: str) -> str:
        """What a layer's tensors begin with. `name` begins with the model for those of diffusers."""
        prefix = self.prefix
        for model, its_prefix in (("transformer.", prefix), ("text_encoder.", self.clip), ("text_encoder_2.", self.t5)):
            if name.startswith(model):
                prefix, name = its_prefix, name.removeprefix(model)
        return prefix + (name.replace(".", "_") if self.underscores else name)


DOTS = {"clip": "text_encoder.", "t5": "text_encoder_2."}
LAYOUTS = {
    "peft": Layout("transformer.", PEFT, **DOTS),
    "peft-bf16": Layout("transformer.", PEFT, dtype=torch.bfloat16),
    "peft-f32": Layout("transformer.", PEFT, dtype=torch.float32),
    "peft-f8": Layout("transformer.", PEFT, dtype=torch.float8_e4m3fn),
    "peft-alpha": Layout("transformer.", PEFT_ALPHA),
    "peft-metadata": Layout("transformer.", PEFT_METADATA),
    "old-diffusers": Layout("transformer.", OLD),
    "diffusers-down": Layout("transformer.", KOHYA),
    "kohya": Layout("lora_unet_", KOHYA, names.BFL, underscores=True),
    "kohya-plain": Layout("lora_unet_", KOHYA_PLAIN, names.BFL, underscores=True),
    "kohya-te2": Layout("lora_unet_", KOHYA, names.BFL, underscores=True, clip="lora_te1_", t5="lora_te2_"),
    "kohya-te3": Layout("lora_unet_", KOHYA, names.BFL, underscores=True, clip="lora_te1_", t5="lora_te3_"),
    "comfyui-down": Layout("diffusion_model.", KOHYA, names.BFL),
    "comfyui": Layout("diffusion_model.", PEFT, names.BFL),
    "base-model": Layout("base_model.model.", PEFT, names.BFL),
    "bfl": Layout("", PEFT, names.BFL),
    "xlabs": Layout("", XLABS, names.XLABS),
    "onetrainer": Layout("lora_transformer_", KOHYA, underscores=True),
    "lycoris": Layout("lycoris_", KOHYA, underscores=True),
}


def named(change: Change, layout: Layout, shapes: Shapes) -> dict[str, Part]:
    """The parts by the layout's names, joined or taken apart as its layers want."""
    out, used = {}, set()
    # First the layers that the change has as the layout has them, then those it has in pieces or in one piece.
    table = layout.table or DIFFUSERS
    apart = {}
    for name, part in change.items():
        apart |= {name: part} if name in table else rows(part, names.BFL.get(name, [name]), shapes)
    for name, layers in table.items():
        given = [apart.get(layer) for layer in layers]
        if name in apart:
            out[name] = apart.pop(name)
        elif any(given):
            joined = given[0] if len(layers) == 1 else fused(given, [shapes[layer][0] for layer in layers])
            # Shift before scale, as in BFL's last layer.
            out[name] = joined.swapped() if name == names.FINAL_MODULATION else joined
            used.update(layers)
    rest = {name: part for name, part in apart.items() if name not in used}
    if any(not name.startswith("text_encoder") for name in rest):
        raise ValueError(f"no name in this layout for {', '.join(rest)}")
    return out | rest


def tensors(change: Change, layout: Layout, shapes: Shapes) -> Tensors:
    """What a file holds."""
    out = {}
    for name, part in named(change, layout, shapes).items():
        key = layout.key(name)
        # ComfyUI takes `.weight` off a name and leaves all other endings.
        if name in names.NORMS and isinstance(part, Difference) and not layout.underscores:
            key += ".scale"
        out |= {f"{key}.{suffix}": tensor for suffix, tensor in part.tensors(layout.style).items()}
    exact = {key: tensor.to(layout.dtype) for key, tensor in out.items()}
    if any(not torch.equal(exact[key].float(), tensor.float()) for key, tensor in out.items()):
        raise RuntimeError(f"{layout.dtype} does not hold the change exactly")
    return exact


def adapter_metadata(change: Change, use_rslora: bool) -> str:
    """What diffusers' `save_lora_weights` writes as `lora_adapter_metadata`.

    The keys of the patterns are regular expressions for the end of a name. Here they are whole names, some with the `^`
    that diffusers puts before them, and the end of one.
    """
    ranks, alphas = {}, {}
    for layer, part in change.items():
        name, rank = layer.removeprefix("transformer."), len(part.down)
        ranks[name] = rank
        alpha = round(part.factor * (rank**0.5 if use_rslora else rank), 6)
        alphas[name] = int(alpha) if alpha.is_integer() else alpha

    def split(values: dict[str, float]) -> tuple[float, dict[str, float]]:
        """The commonest value, and a pattern for the layers that have another."""
        default, pattern = Counter(values.values()).most_common(1)[0][0], {}
        for i, (name, value) in enumerate(values.items()):
            if value != default:
                pattern[END if name.endswith(END) else f"^{name}" if i % 2 else name] = value
        return default, pattern

    (r, rank_pattern), (lora_alpha, alpha_pattern) = split(ranks), split(alphas)
    config = LoraConfig(
        r=r,
        rank_pattern=rank_pattern,
        lora_alpha=lora_alpha,
        alpha_pattern=alpha_pattern,
        target_modules=list(ranks),
        use_rslora=use_rslora,
        lora_bias=any(part.bias is not None for part in change.values()),
    )
    # PEFT has the modules in a set, whose order is another in every run.
    entries = config.to_dict() | {"target_modules": sorted(ranks)}
    return json.dumps({f"transformer.{key}": value for key, value in entries.items()}, indent=2, sort_keys=True)
