"""Prepares a new training folder from the committed model, so that training goes on instead of starting again.

    python resume.py --model ../model --work DIR
    python train_all.py --work DIR --out DEMO_DIR

Tokenizers, text encoders and autoencoder are taken as they are. The base begins with the dev
transformer, which at guidance 1 is the base it was distilled from, and runs base.py's steps anew.
"""

import argparse
import shutil
from pathlib import Path

from diffusers import AutoencoderKL, FluxTransformer2DModel
from transformers import CLIPTextModel, T5EncoderModel

import text
import workers


def main(model, work):
    """Writes what the stages before base.py and decoder.py would have left."""
    work.mkdir(parents=True, exist_ok=True)
    for part in ("tokenizer", "tokenizer_2"):
        shutil.copytree(model / part, work / part, dirs_exist_ok=True)
    encoders = text.TextEncoders(work)
    encoders.clip = CLIPTextModel.from_pretrained(model / "text_encoder").float()
    encoders.t5 = T5EncoderModel.from_pretrained(model / "text_encoder_2").float()
    workers.save(work / "text.pt", encoders=encoders.state_dict())
    encoders.clip.save_pretrained(work / "text_encoder")
    encoders.t5.save_pretrained(work / "text_encoder_2")
    AutoencoderKL.from_pretrained(model / "vae").float().save_pretrained(work / "vae")
    transformer = FluxTransformer2DModel.from_pretrained(model / "transformer").float()
    workers.save(work / "base.pt", model=transformer.state_dict(), optimizers=[], step=0, loss=None,
                 ema=[p.detach() for p in transformer.parameters()])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=Path, help="the committed model")
    parser.add_argument("--work", required=True, type=Path, help="new folder for data and checkpoints")
    options = parser.parse_args()
    main(options.model, options.work)
