"""Writes the finished model as a diffusers folder in bfloat16.

Beside the dev transformer it holds transformer_schnell/, which diffusers does not look at: the program
runs it when a job asks for schnell.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler
from safetensors.torch import load_file, save_file

import base
import flux
import text

MODEL_INDEX = {
    "_class_name": "FluxPipeline",
    "_diffusers_version": "0.42.1",
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "text_encoder_2": ["transformers", "T5EncoderModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    # Not T5TokenizerFast: transformers 5 would rebuild that one without this tokenizer's lower-casing.
    "tokenizer_2": ["transformers", "PreTrainedTokenizerFast"],
    "transformer": ["diffusers", "FluxTransformer2DModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
ABOUT = {
    "name": "Demo faces",
    "native_size": 128,
    "about": "A small model of cartoon faces: it shows how the program works, not how good FLUX.1 is",
    "examples": [
        "a smiling green face with round glasses",
        "a laughing woman with long blond hair and a golden crown",
        "a surprised man with a red beard, sunglasses and a blue top hat on a yellow background",
    ],
}


def name_as_flux(path):
    """Puts "text_model." before every name: transformers 5 leaves it out, the files of FLUX.1 have it."""
    weights = {f"text_model.{name.removeprefix('text_model.')}": w for name, w in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})


def main(work, out):
    """Writes every part of the folder."""
    work, out = Path(work), Path(out)
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    encoders = text.load(work)
    base.load(work / "saturated.pt").to(torch.bfloat16).save_pretrained(out / "transformer")
    schnell = base.load(work / "schnell.pt", guidance_embeds=False)
    schnell.to(torch.bfloat16).save_pretrained(out / "transformer_schnell")
    encoders.clip.to(torch.bfloat16).save_pretrained(out / "text_encoder")
    name_as_flux(out / "text_encoder" / "model.safetensors")
    encoders.t5.to(torch.bfloat16).save_pretrained(out / "text_encoder_2")
    AutoencoderKL.from_pretrained(work / "vae").to(torch.bfloat16).save_pretrained(out / "vae")
    FlowMatchEulerDiscreteScheduler(**flux.SCHEDULER).save_pretrained(out / "scheduler")
    for name in ("tokenizer", "tokenizer_2"):
        shutil.copytree(work / name, out / name)
    (out / "model_index.json").write_text(json.dumps(MODEL_INDEX, indent=2) + "\n")
    (out / "flux-qfaces.json").write_text(json.dumps(ABOUT, indent=2) + "\n")
    for path in out.rglob("config.json"):  # save_pretrained notes where the model came from; that is nobody's business
        config = json.loads(path.read_text())
        config.pop("_name_or_path", None)
        path.write_text(json.dumps(config, indent=2) + "\n")
    for path in out.rglob("*.safetensors"):
        path.chmod(0o644)
    files = [p for p in out.rglob("*") if p.is_file()]
    print(f"{out}: {len(files)} files, {sum(p.stat().st_size for p in files) / 1e6:.1f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="folder for data and checkpoints")
    parser.add_argument("--out", required=True, help="folder to write the model to; what is there is deleted first")
    options = parser.parse_args()
    main(options.work, options.out)
