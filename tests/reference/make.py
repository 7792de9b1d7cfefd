"""Makes the tiny models and the golden tensors that the tests compare with; see README.md."""

import argparse
import shutil
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from safetensors.torch import save_file

import edits
import models
import pictures
import quiet
import stages
from listing import one_case_a_line

DEFAULT = Path(__file__).resolve().parent.parent / "data" / "reference"


def pipelines(folder: Path) -> dict[str, FluxPipeline]:
    """Loads what was written, the way a user would; schnell shares all but its transformer and scheduler."""
    dev = FluxPipeline.from_pretrained(folder / "dev", dtype=torch.float32)
    own = {
        "transformer": FluxTransformer2DModel.from_pretrained(folder / "schnell" / "transformer"),
        "scheduler": FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "schnell" / "scheduler"),
    }
    schnell = FluxPipeline(**{**dev.components, **own})
    for pipe in (dev, schnell):
        pipe.to(torch.float32).set_progress_bar_config(disable=True)
    return {"dev": dev, "schnell": schnell}


def save(tensors: stages.Tensors, file: Path) -> None:
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, file)


@torch.no_grad()
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", nargs="?", type=Path, default=DEFAULT, help="where to write")
    folder = arguments.parse_args().folder

    quiet.set_up()

    for name, write in (("dev", models.write_dev), ("schnell", models.write_schnell)):
        shutil.rmtree(folder / name, ignore_errors=True)
        for part in ("tokenizer", "tokenizer_2") if name == "dev" else ():
            (folder / name / part).mkdir(parents=True)
        write(folder / name)
    pipes = pipelines(folder)

    cases, tensors = {}, {}
    for key, (listed, made) in {
        "prompts": stages.text(pipes["dev"]),
        "sigmas": stages.sigmas(pipes),
        "transformer": stages.transformer(pipes),
        "vae": stages.vae(pipes["dev"]),
        "noise": stages.cuda_noise(),
    }.items():
        cases[key] = listed
        tensors |= made
    save(tensors, folder / "stages.safetensors")

    cases["text_to_image"] = pictures.CASES
    for case in pictures.CASES:
        save(pictures.picture(pipes[case["model"]], case), folder / f"t2i-{case['name']}.safetensors")

    (folder / "inputs").mkdir(exist_ok=True)
    for name, image in edits.inputs().items():
        image.save(folder / "inputs" / f"{name}.png", optimize=True)
    for key, listed in edits.cases().items():
        cases[key] = listed
        for case in listed:
            file = folder / f"{edits.PREFIXES[key]}-{case['name']}.safetensors"
            save(edits.edit(pipes[case["model"]], case, folder), file)

    (folder / "cases.json").write_text(one_case_a_line(cases), encoding="utf-8")


if __name__ == "__main__":
    main()
