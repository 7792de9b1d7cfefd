"""Compares the formulas with LyCORIS and loads the files into diffusers."""

import contextlib
import copy
import inspect
import operator
import re
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import torch
from diffusers import FluxPipeline
from diffusers.loaders import lora_conversion_utils, lora_pipeline
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule

from lora_changes import Change
from lora_layouts import KOHYA
from lora_parts import Hada, Kron, LycorisDora, Part
from stages import random

# Relative L2. Merged weights and added outputs round differently, and two steps enlarge that.
TOLERANCE = 1e-5

# Numbers of the full model that diffusers' converters have in them, and this model's.
FIXED = {"12288": "192", "3072": "48", "= 19": "= 2", "= 38": "= 3"}
CONVERTERS = (
    "_convert_kohya_flux_lora_to_diffusers",
    "_convert_bfl_flux_control_lora_to_diffusers",
    "_convert_fal_kontext_lora_to_diffusers",
)


def error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return ((ours - theirs).norm() / ours.norm()).item()


def copied(pipe: FluxPipeline) -> FluxPipeline:
    """A pipeline whose weights can be changed."""
    changed = ("transformer", "text_encoder", "text_encoder_2")
    parts = {name: copy.deepcopy(part) if name in changed else part for name, part in pipe.components.items()}
    out = FluxPipeline(**parts)
    out.set_progress_bar_config(disable=True)
    return out


@contextlib.contextmanager
def small_converters() -> Iterator[None]:
    """Diffusers' converters with this model's sizes in place of FLUX.1's.

    The one for BFL's control LoRAs also swaps the halves of the last layer's A, which has a row for each rank and no
    halves; here it leaves A alone.
    """

    def swap_scale_shift(weight: torch.Tensor) -> torch.Tensor:
        is_up = weight.shape[0] == 2 * int(FIXED["3072"])
        return lora_conversion_utils.swap_scale_shift(weight) if is_up else weight

    with contextlib.ExitStack() as stack:
        for name in CONVERTERS:
            source = inspect.getsource(getattr(lora_conversion_utils, name))
            for theirs, ours in FIXED.items():
                source = re.sub(rf"{theirs}\b", ours, source)
            scope = vars(lora_conversion_utils) | {"swap_scale_shift": swap_scale_shift}
            exec(source, scope)
            stack.enter_context(mock.patch.object(lora_pipeline, name, scope[name]))
        yield


def loaded(pipe: FluxPipeline, files: list[Path]) -> FluxPipeline:
    """A pipeline with one adapter for each file, named by its place."""
    out = copied(pipe)
    for i, file in enumerate(files):
        out.load_lora_weights(file, adapter_name=f"adapter_{i}")
    return out


def set_scales(pipe: FluxPipeline, scales: list[float]) -> None:
    pipe.set_adapters([f"adapter_{i}" for i in range(len(scales))], scales)


def module(part: Part, linear: torch.nn.Linear) -> torch.nn.Module:
    """The same part as a module of LyCORIS, which makes its own factor from the rank and alpha."""
    if isinstance(part, Hada):
        out = LohaModule("", linear, 1.0, len(part.w1_b), part.alpha)
    elif isinstance(part, Kron):
        whole = [len(matrices) == 1 for matrices in (part.w1, part.w2)]
        shape = {"decompose_both": not any(whole), "full_matrix": all(whole)}
        out = LokrModule("", linear, 1.0, part.rank() or 1, part.alpha, **shape)
    else:
        rank, by_rows = len(part.down), part.magnitude.shape[1] == 1
        alpha = part.factor * rank
        out = LoConModule("", linear, 1.0, rank, alpha, weight_decompose=True, wd_on_out=by_rows)
    for name, tensor in part.tensors(KOHYA).items():
        # Assigned, since LyCORIS would choose other shapes for the two matrices of a Kronecker product.
        if name != "alpha":
            operator.attrgetter(name)(out).data = tensor
    return out


def check_with_lycoris(change: Change, weights: dict[str, torch.Tensor], scales: list[float]) -> None:
    """Runs LyCORIS' forward for every part that LyCORIS has a formula of its own for."""
    for name, part in change.items():
        if not isinstance(part, (Hada, Kron, LycorisDora)):
            continue
        weight = weights[name].double()
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        linear.weight.copy_(weight)
        theirs, inputs = module(part, linear), random("lycoris", 5, weight.shape[1])
        for scale in scales:
            theirs.multiplier = scale
            formula = part.lycoris if isinstance(part, LycorisDora) else part.delta
            ours = inputs @ (weight + formula(weight, scale)).float().T
            if error(ours, theirs.forward(inputs)) > TOLERANCE:
                raise RuntimeError(f"LyCORIS does something else for {name} at {scale}")
