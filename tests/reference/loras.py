"""Makes the LoRA files and what they do to the tiny dev model's pictures; see README.md."""

import argparse
import contextlib
import shutil
from pathlib import Path

import torch
from diffusers import FluxPipeline
from diffusers.utils import logging as diffusers_logging
from safetensors.torch import save_file

import lora_checks as checks
import lora_names as names
import pictures
import quiet
import vocabularies
from edits import PROMPT
from listing import one_case_a_line
from lora_changes import Change, Shapes, changes
from lora_files import CLIP_ONLY, FILES, MEASURES, YES, foreign
from lora_layouts import LAYOUTS, adapter_metadata, tensors
from stages import Tensors, random

DATA = Path(__file__).resolve().parent.parent / "data"

CASE = {"prompt": PROMPT, "width": 64, "height": 64, "steps": 2, "guidance": 3.5, "num_outputs": 1}
SCALES = [-1.0, 0.0, 0.5, 1.0, 1.5]
# Two at once: each adds what it would add alone to the model's weights.
TOGETHER = [
    [("whole", 0.5), ("second", 1.0)],
    [("whole", 1.0), ("second", -1.0)],
    [("dora_peft", 1.0), ("second", 0.5)],
    [("dora_out", 0.5), ("loha", 1.0)],
    [("text", 1.0), ("second", 1.0)],
]
# The files with which diffusers is asked for two at once; none has a part for T5.
LOADED_TOGETHER = {change: f"{change}-peft" for change in ("whole", "second", "dora_peft")}
# The change that is also run with LyCORIS' own formula.
LYCORIS = "dora_out"

Applied = list[tuple[str, float]]


def parameters(pipe: FluxPipeline) -> Tensors:
    """The weights and biases that a LoRA can change, by the names in its files."""
    out = {}
    for model, prefix in (("transformer", ""), ("text_encoder", "text_model."), ("text_encoder_2", "")):
        for name, parameter in getattr(pipe, model).named_parameters():
            out[f"{model}.{prefix}{name.removeprefix(prefix)}"] = parameter
    return out


def weights(pipe: FluxPipeline) -> Tensors:
    """The weight of each layer by diffusers' names, and of BFL's layers by BFL's."""
    ours = {name.removesuffix(".weight"): tensor for name, tensor in parameters(pipe).items() if ".weight" in name}
    return ours | {name: torch.cat([ours[layer] for layer in layers]) for name, layers in names.BFL.items()}


def merge(pipe: FluxPipeline, applied: list[tuple[Change, float]], lycoris: bool = False) -> FluxPipeline:
    """A pipeline with changes in its weights; in f64, then rounded once."""
    out = checks.copied(pipe)
    base, before, after = weights(pipe), parameters(pipe), parameters(out)
    deltas = {name: torch.zeros_like(tensor, dtype=torch.float64) for name, tensor in before.items()}
    for change, scale in applied:
        for name, part in change.items():
            delta = (part.lycoris if lycoris else part.delta)(base[name].double(), scale)
            row = 0
            for layer in names.BFL.get(name, [name]):
                height = len(base[layer])
                deltas[f"{layer}.weight"] += delta[row : row + height]
                if part.bias is not None:
                    deltas[f"{layer}.bias"] += part.bias_delta(scale)[row : row + height]
                row += height
    for name, delta in deltas.items():
        after[name].copy_((before[name].double() + delta).float())
    return out


def run(pipe: FluxPipeline, noise: torch.Tensor) -> Tensors:
    """The latents after the last step, and what the text encoders make of the prompt."""
    packed = FluxPipeline._pack_latents(noise, *noise.shape)
    hidden, pooled, _ = pipe.encode_prompt(PROMPT, max_sequence_length=vocabularies.T5_LENGTH)
    return {"latents": pictures.run(pipe, CASE, latents=packed)[-1], "clip_pooled": pooled, "t5_hidden": hidden}


def label(applied: Applied) -> str:
    return "+".join(f"{name}@{scale:g}" for name, scale in applied)


def goldens(pipe: FluxPipeline, known: dict[str, Change], noise: torch.Tensor) -> tuple[list[dict], Tensors]:
    """Every change at every scale, and the pairs."""
    base = run(pipe, noise)["latents"]
    cases, out = [{"name": "base", "loras": [], "tensors": ["latents"]}], {"base.latents": base}
    for applied in [*([(name, scale)] for name in known for scale in SCALES), *TOGETHER]:
        named = [(known[name], scale) for name, scale in applied]
        made = run(merge(pipe, named), noise)
        first, scale = applied[0]
        keys = ["latents"]
        if first == "text":
            keys += ["clip_pooled", "t5_hidden"]
        if first == LYCORIS and len(applied) == 1:
            made["lycoris_latents"] = run(merge(pipe, named, lycoris=True), noise)["latents"]
            keys.append("lycoris_latents")

        moved = checks.error(base, made["latents"])
        if not made["latents"].isfinite().all() or (scale == 1 and moved < 0.1):
            raise RuntimeError(f"{label(applied)} moves the latents by {moved}")
        loras = [{"change": name, "scale": scale} for name, scale in applied]
        cases.append({"name": label(applied), "loras": loras, "tensors": keys})
        out |= {f"{label(applied)}.{key}": made[key] for key in keys}
    return cases, out


def off(pipe: FluxPipeline, files: list[Path], runs: list[Applied], golden: Tensors, key: str) -> float:
    """How far diffusers is from the golden tensors with these files, at worst."""
    theirs, errors = checks.loaded(pipe, files), []
    for applied in runs:
        checks.set_scales(theirs, [scale for _, scale in applied])
        made = run(theirs, golden["noise"])[key]
        errors.append(checks.error(golden[f"{label(applied)}.{key}"], made))
    return max(errors)


def check_with_diffusers(pipe: FluxPipeline, folder: Path, golden: Tensors) -> None:
    """Fails where diffusers does not do with a file what the list says."""
    for file, change, _, verdict in FILES:
        runs = [[(change, scale)] for scale in SCALES]
        key = "clip_pooled" if verdict == CLIP_ONLY else "latents"
        try:
            with contextlib.nullcontext() if verdict == YES else checks.small_converters():
                error = off(pipe, [folder / f"{file}.safetensors"], runs, golden, key)
            found = "agrees" if error < checks.TOLERANCE else f"is off by {error}"
        except Exception as failure:  # Whatever a converter stumbles over.
            found = repr(failure)
        if (found == "agrees") != (verdict in MEASURES):
            raise RuntimeError(f"{file} in diffusers: {found}; the list says {verdict}")
    for applied in TOGETHER:
        if all(name in LOADED_TOGETHER for name, _ in applied):
            paths = [folder / f"{LOADED_TOGETHER[name]}.safetensors" for name, _ in applied]
            error = off(pipe, paths, [applied], golden, "latents")
            if error > checks.TOLERANCE:
                raise RuntimeError(f"{label(applied)} in diffusers is off by {error}")


def write_files(folder: Path, known: dict[str, Change], shapes: Shapes) -> dict[str, list[dict]]:
    """Every file, as `cases.json` lists them."""
    files, strangers = [], []
    for file, change, name, verdict in FILES:
        layout, metadata = LAYOUTS[name], {"format": "pt"}
        if layout.style.factor == "metadata":
            # Without the format: safetensors writes two entries in another order every time.
            metadata = {"lora_adapter_metadata": adapter_metadata(known[change], use_rslora="rslora" in change)}
        save(tensors(known[change], layout, shapes), folder / f"{file}.safetensors", metadata)
        loads = True if verdict == YES else verdict
        files.append({"file": f"{file}.safetensors", "layout": name, "change": change, "loads_in_diffusers": loads})
    for file, what, held in foreign():
        save(held, folder / f"{file}.safetensors", {"format": "pt"})
        strangers.append({"file": f"{file}.safetensors", "what": what})
    return {"files": files, "foreign": strangers}


def save(held: Tensors, file: Path, metadata: dict[str, str] | None = None) -> None:
    save_file({name: tensor.contiguous().clone() for name, tensor in held.items()}, file, metadata)


@torch.no_grad()
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", nargs="?", type=Path, default=DATA / "loras", help="where to write")
    folder = arguments.parse_args().folder

    quiet.set_up()
    # Nothing is said about what diffusers leaves out of a file: the checks find it.
    diffusers_logging.set_verbosity(diffusers_logging.CRITICAL)

    pipe = FluxPipeline.from_pretrained(DATA / "reference" / "dev", dtype=torch.float32)
    pipe.to(torch.float32).set_progress_bar_config(disable=True)
    base = weights(pipe)
    known = changes(base)

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cases = write_files(folder, known, {name: tuple(weight.shape) for name, weight in base.items()})
    noise = random("loras", 1, 16, 8, 8)
    save({"noise": noise}, folder / "noise.safetensors")
    cases["goldens"], golden = goldens(pipe, known, noise)
    save(golden, folder / "golden.safetensors")
    (folder / "cases.json").write_text(one_case_a_line(cases), encoding="utf-8")

    for change in known.values():
        checks.check_with_lycoris(change, base, SCALES)
    check_with_diffusers(pipe, folder, golden | {"noise": noise})


if __name__ == "__main__":
    main()
