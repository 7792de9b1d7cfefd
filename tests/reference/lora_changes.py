"""The changes that the files of `tests/data/loras` make, as parts by the names of the layers they change.

Names are those of diffusers, or BFL's where a part needs a whole layer of BFL's. The numbers of a matrix have four
significant bits, and alpha / r is a power of two, so that f16 and bf16 files hold a change exactly in every layout.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import torch

import lora_names as names
from lora_parts import Difference, Hada, Kron, LowRank, LycorisDora, Part, PeftDora, Replacement
from stages import random

Change = dict[str, Part]
Shapes = dict[str, tuple[int, ...]]

# How large a change's outputs are beside those of its layer, which are of order 1 for inputs of order 1.
STRENGTH = 0.4
FACTOR = 0.5

# One block of each kind, which keeps files small.
SOME = {
    name: layers for name, layers in names.BLOCKS.items() if name.startswith(("double_blocks.1.", "single_blocks.0."))
}
SOME_LAYERS = names.layers(SOME)
Q_AND_V = [
    layer
    for layer in names.layers(names.BLOCKS)
    if layer.endswith((".to_q", ".to_v", ".add_q_proj", ".add_v_proj", ".proj_mlp"))
]


def short(name: str, *shape: int, size: float = 1.0) -> torch.Tensor:
    """Random numbers with four significant bits, none of them so small that f16 would round it."""
    mantissa, exponent = torch.frexp(size * random(name, *shape))
    values = torch.ldexp(torch.round(mantissa * 16) / 16, exponent)
    return torch.round(values * 2**14) / 2**14


def low_rank(name: str, shape: Iterable[int], rank: int, factor: float = FACTOR) -> LowRank:
    height, width = shape
    down = short(f"{name} down", rank, width, size=width**-0.5)
    up = short(f"{name} up", height, rank, size=STRENGTH * rank**-0.5 / factor)
    return LowRank(down, up, factor)


def apart(name: str, layers: Iterable[str], shapes: Shapes, rank: int) -> Change:
    """Every layer with an A of its own."""
    return {layer: low_rank(f"{name} {layer}", shapes[layer], rank) for layer in layers}


def together(name: str, table: names.Names, shapes: Shapes, rank: int) -> Change:
    """Layers that are one in BFL's model share their A, as if trained as one."""
    out = {}
    for fused, layers in table.items():
        height = sum(shapes[layer][0] for layer in layers)
        out |= rows(low_rank(f"{name} {fused}", (height, shapes[layers[0]][1]), rank), layers, shapes)
    return out


def rows(part: Part, layers: list[str], shapes: Shapes) -> Change:
    """A part of a layer of BFL's as parts of the layers it is made of."""
    if len(layers) == 1:
        return {layers[0]: part}
    out, row = {}, 0
    for layer in layers:
        out[layer] = part.rows(row, row + shapes[layer][0])
        row += shapes[layer][0]
    return out


def mixed(name: str, shapes: Shapes, factors: Callable[[int, int], float]) -> Change:
    """Ranks 2, 4 and 8 in turn; `factors` has the factor of a layer's number and rank."""
    out = {}
    for i, layer in enumerate(SOME_LAYERS):
        rank = (2, 4, 8)[i % 3]
        out[layer] = low_rank(f"{name} {layer}", shapes[layer], rank, factors(i, rank))
    return out


def dora(kind: Callable, name: str, table: Iterable[str], weights: dict[str, torch.Tensor], axis: int) -> Change:
    """Low-rank parts with magnitudes near the norms of the weights; the norm runs along `axis`."""
    out = {}
    for layer in table:
        weight = weights[layer]
        part = low_rank(f"{name} {layer}", weight.shape, 2)
        norm = weight.norm(dim=axis, keepdim=kind is LycorisDora)
        magnitude = (norm * (1 + 0.25 * random(f"{name} {layer} magnitude", *norm.shape))).half().float()
        out[layer] = kind(part.down, part.up, part.factor, magnitude=magnitude)
    return out


def loha(name: str, table: Iterable[str], weights: dict[str, torch.Tensor]) -> Change:
    out, rank = {}, 2
    for layer in table:
        height, width = weights[layer].shape
        ups = [short(f"{name} {layer} {i}_a", height, rank, size=0.8) for i in (1, 2)]
        downs = [short(f"{name} {layer} {i}_b", rank, width, size=width**-0.25) for i in (1, 2)]
        out[layer] = Hada(ups[0], downs[0], ups[1], downs[1], FACTOR * rank)
    return out


# Height and width of w1. Three or seven parts of a fused layer end on whole rows of it.
LOKR_SHAPES = {
    "img_mod.lin": (12, 6),
    "txt_mod.lin": (12, 6),
    "img_attn.qkv": (12, 6),
    "txt_attn.qkv": (12, 6),
    "modulation.lin": (12, 6),
    "linear1": (14, 6),
    "linear2": (6, 12),
}


def lokr(name: str, weights: dict[str, torch.Tensor], whole: tuple[bool, bool]) -> Change:
    """Kronecker products; `whole` says which of the two factors is one matrix."""
    out, rank = {}, 2
    for layer in SOME:
        height, width = weights[layer].shape
        first = LOKR_SHAPES.get(layer.split(".", 2)[2], (6, 6))
        sizes = (first, (height // first[0], width // first[1]))
        factors = []
        for i, (size, is_whole) in enumerate(zip(sizes, whole, strict=True)):
            strength = size[1] ** -0.5 * (STRENGTH if i == 0 else 1.0)
            if is_whole:
                factors.append((short(f"{name} {layer} {i}", *size, size=strength),))
            else:
                up = short(f"{name} {layer} {i} a", size[0], rank)
                factors.append((up, short(f"{name} {layer} {i} b", rank, size[1], size=strength)))
        # An alpha of a whole product is far from 1 and must not count.
        out[layer] = Kron(factors[0], factors[1], 16.0 if all(whole) else FACTOR * rank)
    return out


def final(weights: dict[str, torch.Tensor]) -> dict[str, Change]:
    """Every kind of part but plain ones on the layer whose halves diffusers has the other way round than BFL."""
    layer = names.OUTSIDE[names.FINAL_MODULATION][0]
    height, width = weights[layer].shape
    out = {
        "final_dora_peft": dora(PeftDora, "final_dora_peft", [layer], weights, axis=1),
        "final_dora_out": dora(LycorisDora, "final_dora_out", [layer], weights, axis=1),
        "final_dora_in": dora(LycorisDora, "final_dora_in", [layer], weights, axis=0),
        "final_loha": loha("final_loha", [layer], weights),
    }
    # The halves of an odd left factor are not those of the product.
    for name, rows in (("final_lokr_even", 6), ("final_lokr_odd", 3)):
        left = short(f"{name} left", rows, 6, size=STRENGTH * 6**-0.5)
        right = short(f"{name} right", height // rows, width // 6, size=(width // 6) ** -0.5)
        out[name] = {layer: Kron((left,), (right,), 1.0)}
    return out


def biased(shapes: Shapes) -> Change:
    """A bias on the up matrix and an alpha that is not the rank."""
    out = apart("biased", SOME_LAYERS, shapes, 2)
    for layer, part in out.items():
        out[layer] = replace(part, bias=short(f"biased {layer} bias", len(part.up), size=0.2))
    return out


def coarse(shapes: Shapes) -> Change:
    """Numbers that 8 bits hold: none of them small."""
    out = apart("coarse", SOME_LAYERS, shapes, 2)
    for layer, part in out.items():
        # The factor is multiplied into the up matrix.
        down, up = (torch.where(matrix.abs() < 2**-5, 0, matrix) for matrix in (part.down, part.up))
        out[layer] = replace(part, down=down, up=up)
    return out


def full(weights: dict[str, torch.Tensor]) -> Change:
    """Whole matrices and biases on some layers, fused ones among them, and on the scales of norms."""
    chosen = ("0.img_attn.qkv", "2.modulation.lin", "img_in", "final_layer.linear")
    out = {}
    for layer in [name for name in names.BFL if name.endswith(chosen)]:
        height, width = weights[layer].shape
        weight = short(f"full {layer}", height, width, size=0.5 * width**-0.5)
        out[layer] = Difference(weight, short(f"full {layer} bias", height, size=0.2))
    for layer in ("double_blocks.0.img_attn.norm.query_norm", "single_blocks.1.norm.key_norm"):
        out[layer] = Difference(short(f"full {layer}", *weights[layer].shape, size=0.4))
    # Without a bias.
    out["double_blocks.0.txt_attn.proj"] = Difference(short("full proj", 48, 48, size=0.5 * 48**-0.5))
    return out


def norms(shapes: Shapes) -> Change:
    """All linear layers with a bias on the up matrix, and other scales in all norms of queries and keys."""
    out = together("norms", names.BLOCKS | names.OUTSIDE, shapes, 2)
    for layer, part in out.items():
        bias = short(f"norms {layer} bias", len(part.up), size=0.1)
        out[layer] = LowRank(part.down, part.up * part.factor, bias=bias)
    for layer in names.layers(names.NORMS):
        out[layer] = Replacement((1 + short(f"norms {layer}", *shapes[layer], size=0.3)).half().float())
    return out


def changes(weights: dict[str, torch.Tensor]) -> dict[str, Change]:
    """Every change by its name. `weights` are the model's, by the names of diffusers and of BFL."""
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    return {
        "whole": apart("whole", names.layers(names.BLOCKS | names.OUTSIDE), shapes, 2),
        "blocks": together("blocks", SOME, shapes, 4),
        "attention": together("attention", names.XLABS, shapes, 2),
        "partial": apart("partial", Q_AND_V, shapes, 2),
        # Factors that differ where the rank is the same.
        "mixed": mixed("mixed", shapes, lambda i, rank: (0.5, 2.0, 0.25, 1.0)[i % 4]),
        # PEFT's `use_rslora` divides alpha, here 2 or 1, by the root of the rank.
        "mixed_rslora": mixed("mixed_rslora", shapes, lambda i, rank: (2, 1)[i % 2] / rank**0.5),
        "text": together("text", names.XLABS, shapes, 2)
        | {layer: low_rank(f"text {layer}", shapes[layer], 2) for layer in [*names.CLIP, *names.T5]},
        "second": apart("second", SOME_LAYERS, shapes, 2),
        "dora_peft": dora(PeftDora, "dora_peft", SOME_LAYERS, weights, axis=1),
        "dora_out": dora(LycorisDora, "dora_out", SOME_LAYERS, weights, axis=1),
        "dora_in": dora(LycorisDora, "dora_in", SOME_LAYERS, weights, axis=0),
        "dora_fused": dora(LycorisDora, "dora_fused", SOME, weights, axis=1),
        "dora_fused_in": dora(LycorisDora, "dora_fused_in", SOME, weights, axis=0),
        "loha": loha("loha", SOME, weights),
        "lokr_whole": lokr("lokr_whole", weights, (True, True)),
        "lokr_low": lokr("lokr_low", weights, (True, False)),
        "lokr_both": lokr("lokr_both", weights, (False, False)),
        "full": full(weights),
        "norms": norms(shapes),
        "biased": biased(shapes),
        "coarse": coarse(shapes),
        **final(weights),
    }
