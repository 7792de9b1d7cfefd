"""What a LoRA does to one layer: a class for each kind, with its formula in f64 and its tensors as files hold them.

`delta(weight, scale)` is what comes on top of the layer's weight. Several LoRAs on one layer add up their deltas.
"""

from dataclasses import dataclass, replace

import torch

# What f32 has after 1; LyCORIS adds it to a norm before it divides. PEFT adds nothing.
LYCORIS_EPSILON = torch.finfo(torch.float32).eps

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Style:
    """How a layout spells the two matrices of a low-rank part, and where it has the factor.

    That is `tensor`, an alpha for each layer; `up`, multiplied into the up matrix; or `metadata`, of the file.
    """

    down: str
    up: str
    factor: str


class Part:
    """What all kinds have; `bias` is what a file says of the layer's bias."""

    bias: torch.Tensor | None = None

    def bias_delta(self, scale: float) -> torch.Tensor:
        """What comes on top of the layer's bias, where there is a `bias`."""
        return scale * self.bias.double()

    def swapped(self) -> "Part":
        """The part with the two halves of the layer's outputs the other way round."""
        raise NotImplementedError

    def delta(self, weight: torch.Tensor, scale: float) -> torch.Tensor:
        raise NotImplementedError

    def rows(self, first: int, last: int) -> "Part":
        """The part for some of the layer's outputs."""
        raise NotImplementedError

    def tensors(self, style: Style) -> Tensors:
        raise NotImplementedError


@dataclass(frozen=True)
class LowRank(Part):
    """scale · factor · B·A; the factor is alpha / r, or alpha / √r in PEFT's `use_rslora`."""

    down: torch.Tensor  # A (r, in)
    up: torch.Tensor  # B (out, r)
    factor: float = 1.0
    bias: torch.Tensor | None = None  # (out), of `lora_B`, and so multiplied as B is

    def bias_delta(self, scale: float) -> torch.Tensor:
        return scale * self.factor * self.bias.double()

    def swapped(self) -> "LowRank":
        half = len(self.up) // 2
        bias = None if self.bias is None else self.bias.roll(half)
        return replace(self, up=self.up.roll(half, 0), bias=bias)

    def matrix(self) -> torch.Tensor:
        return self.factor * self.up.double() @ self.down.double()

    def delta(self, weight: torch.Tensor, scale: float) -> torch.Tensor:
        return scale * self.matrix()

    def rows(self, first: int, last: int) -> "LowRank":
        bias = None if self.bias is None else self.bias[first:last]
        return replace(self, up=self.up[first:last], bias=bias)

    def tensors(self, style: Style) -> Tensors:
        up = self.factor * self.up if style.factor == "up" else self.up
        out = {style.down: self.down, style.up: up}
        if style.factor == "tensor":
            out["alpha"] = torch.tensor(self.factor * len(self.down))
        if self.bias is not None:
            out[style.up.replace("weight", "bias")] = self.factor * self.bias if style.factor == "up" else self.bias
        return out


@dataclass(frozen=True)
class PeftDora(LowRank):
    """PEFT: W' = m · (W + scale · BA) / ‖W + scale · BA‖, the norm of each row; BA has the factor in it.

    At scale 0 that is m · W / ‖W‖ and not W.
    """

    magnitude: torch.Tensor | None = None  # (out)

    def delta(self, weight: torch.Tensor, scale: float) -> torch.Tensor:
        moved = weight + scale * self.matrix()
        return self.magnitude.double()[:, None] * moved / moved.norm(dim=1, keepdim=True) - weight

    def tensors(self, style: Style) -> Tensors:
        return super().tensors(style) | {"lora_magnitude_vector": self.magnitude}


@dataclass(frozen=True)
class LycorisDora(LowRank):
    """W' = W + scale · (D − W), where D = m · (W + BA) / (‖W + BA‖ + ε), by rows or by columns.

    LyCORIS 4.1 was run: at scale 1 this is what it does. At another scale its forward gives
    (W + BA) · (1 + scale · (m / ‖W + BA‖ − 1)), which has all of BA even at scale 0: that is `lycoris`. With `delta`
    the scale turns the whole change on and off.
    """

    magnitude: torch.Tensor | None = None  # (out, 1) or (1, in)

    def decomposed(self, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """W + BA, and what it is multiplied with."""
        moved = weight + self.matrix()
        axis = 1 if self.magnitude.shape[1] == 1 else 0
        return moved, self.magnitude.double() / (moved.norm(dim=axis, keepdim=True) + LYCORIS_EPSILON)

    def delta(self, weight: torch.Tensor, scale: float) -> torch.Tensor:
        moved, ratio = self.decomposed(weight)
        return scale * (moved * ratio - weight)

    def lycoris(self, weight: torch.Tensor, scale: float) -> torch.Tensor:
        moved, ratio = self.decomposed(weight)
        return moved * (1 + scale * (ratio - 1)) - weight

    def swapped(self) -> "LycorisDora":
        magnitude = self.magnitude
        if magnitude.shape[1] == 1:
            magnitude = magnitude.roll(len(magnitude) // 2, 0)
        return replace(super().swapped(), magnitude=magnitude)

    def rows(self, first: int, last: int) -> "LycorisDora":
        if self.magnitude.shape[1] != 1:
            raise ValueError("a norm over all rows cannot be told from some of them")
        return replace(super().rows(first, last), magnitude=self.magnitude[first:last])

    def tensors(self, style: Style) -> Tensors:
        return super().tensors(style) | {"dora_scale": self.magnitude}


@dataclass(frozen=True)
class Hada(Part):
    """LoHa: scale · alpha / r · (w1_a·w1_b) ∘ (w2_a·w2_b)."""

    w1_a: torch.Tensor  # (out, r)
    w1_b: torch.Tensor  # (r, in)
    w2_a: torch.Tensor
    w2_b: torch.Tensor
    alpha: float

    def delta(self, weight: torch.Tensor, scale: float) -> torch.Tensor:
        one, two = self.w1_a.double() @ self.w1_b.double(), self.w2_a.double() @ self.w2_b.double()
        return scale * self.alpha / len(self.w1_b) * one * two

    def swapped(self) -> "Hada":
        half = len(self.w1_a) // 2
        return replace(self, w1_a=self.w1_a.roll(half, 0), w2_a=self.w2_a.roll(half, 0))

    def rows(self, first: int, last: int) -> "Hada":
        return replace(self, w1_a=self.w1_a[first:last], w2_a=self.w2_a[first:last])

    def tensors(self, style: Style) -> Tensors:
        names = ("w1_a", "w1_b", "w2_a", "w2_b")
        return {f"hada_{name}": getattr(self, name) for name in names} | {"alpha": torch.tensor(self.alpha)}


def product(matrices: tuple[torch.Tensor, ...]) -> torch.Tensor:
    first, *second = (matrix.double() for matrix in matrices)
    return first @ second[0] if second else first


@dataclass(frozen=True)
class Kron(Part):
    """LoKr: scale · factor · w1 ⊗ w2, each of them whole or a product.

    The factor is alpha / r where at least one is a product, and 1 where both are whole, whatever alpha says.
    """

    w1: tuple[torch.Tensor, ...]  # One matrix, or two to multiply.
    w2: tuple[torch.Tensor, ...]
    alpha: float

    def rank(self) -> int | None:
        """The rank of the products; None where there is none."""
        return next((len(pair[1]) for pair in (self.w1, self.w2) if len(pair) == 2), None)

    def factor(self) -> float:
        rank = self.rank()
        return self.alpha / rank if rank else 1.0

    def delta(self, weight: torch.Tensor, scale: float) -> torch.Tensor:
        return scale * self.factor() * torch.kron(product(self.w1), product(self.w2))

    def rows(self, first: int, last: int) -> "Kron":
        height = self.w2[0].shape[0]
        if first % height or last % height:
            raise ValueError("the rows end within a block of the product")
        return replace(self, w1=(self.w1[0][first // height : last // height], *self.w1[1:]))

    def tensors(self, style: Style) -> Tensors:
        out = {"alpha": torch.tensor(self.alpha)}
        for name, matrices in (("lokr_w1", self.w1), ("lokr_w2", self.w2)):
            ends = ("",) if len(matrices) == 1 else ("_a", "_b")
            out |= {name + end: matrix for end, matrix in zip(ends, matrices, strict=True)}
        return out


@dataclass(frozen=True)
class Difference(Part):
    """scale · diff on a weight of any shape, and scale · diff_b on the bias."""

    weight: torch.Tensor
    bias: torch.Tensor | None = None

    def delta(self, weight: torch.Tensor, scale: float) -> torch.Tensor:
        return scale * self.weight.double()

    def rows(self, first: int, last: int) -> "Difference":
        bias = None if self.bias is None else self.bias[first:last]
        return Difference(self.weight[first:last], bias)

    def tensors(self, style: Style) -> Tensors:
        return {"diff": self.weight} | ({} if self.bias is None else {"diff_b": self.bias})


@dataclass(frozen=True)
class Replacement(Part):
    """Another scale of a norm in place of the model's, at every scale of the LoRA, even 0."""

    weight: torch.Tensor

    def delta(self, weight: torch.Tensor, scale: float) -> torch.Tensor:
        return self.weight.double() - weight

    def tensors(self, style: Style) -> Tensors:
        return {"scale": self.weight}


def fused(parts: list[LowRank | None], heights: list[int]) -> LowRank:
    """Low-rank parts of layers whose outputs stand in one layer; None is a layer without one.

    Where all have the same A the rank stays and the B are stacked; else the A are stacked and B is block-diagonal.
    """
    given = [part for part in parts if part is not None]
    if len({part.factor for part in given}) > 1:
        raise ValueError("one alpha cannot stand for several factors")
    shared = all(part.down is given[0].down for part in given)
    rank = given[0].up.shape[1] if shared else sum(part.up.shape[1] for part in given)
    up, bias, row, column = torch.zeros(sum(heights), rank), torch.zeros(sum(heights)), 0, 0
    for part, height in zip(parts, heights, strict=True):
        if part is not None:
            width = part.up.shape[1]
            up[row : row + height, column : column + width] = part.up
            if part.bias is not None:
                bias[row : row + height] = part.bias
            column += 0 if shared else width
        row += height
    down = given[0].down if shared else torch.cat([part.down for part in given])
    return LowRank(down, up, given[0].factor, bias if given[0].bias is not None else None)
