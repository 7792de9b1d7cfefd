"""Measures how well the exported model follows prompts, attribute by attribute.

The pictures come from the exported folder's weights (bfloat16 values computed in float32). Every row
of the printed table is one setting; the same prompts and noise are used for all.
"""

import argparse
import random

import torch
from diffusers import AutoencoderKL, FluxTransformer2DModel

import captions
import faces
import flux
import judge
import render
import text
from vae import pixels


def row(name, scores):
    """One line of a Markdown table."""
    values = list(scores.values())
    print("| " + " | ".join([name, f"{sum(values) / len(values):.3f}", *(f"{v:.2f}" for v in values)]) + " |", flush=True)


def short_prompts(rng):
    """'a smiling yellow face on a blue background' for every expression and bright skin: no hair, hat or glasses.

    Captions in training say more than that, so these are harder than random captions.
    """
    shown, texts = [], []
    for expression in faces.VALUES["expression"][1:]:
        for skin in faces.BRIGHT_SKIN:
            background = rng.choice([c for c in faces.PAINT if c != skin])
            face = dict(faces.sample(rng), kind="face", skin=skin, expression=expression, glasses="none", hat="none", hair="bald",
                        beard="none", background=background, pattern="plain", shirt="blue")
            shown.append(face)
            texts.append(f"{captions.article(expression)} {skin} face on {captions.article(background)} background")
    return shown, texts


@torch.no_grad()
def main(options):
    """Prints the table."""
    torch.set_num_threads(options.threads)
    transformer = FluxTransformer2DModel.from_pretrained(options.model, subfolder="transformer").float().eval()
    vae = AutoencoderKL.from_pretrained(options.model, subfolder="vae").float().eval()
    encoders, critic = text.load(options.work), judge.load(options.work)
    pictures, shown = render.load(options.work, "test-128x128")
    pictures, shown = pictures[:options.count], shown[:options.count]
    rng = random.Random(3)
    texts = [captions.caption(face, rng) for face in shown]
    print("| setting | mean | " + " | ".join(k.replace("_", " ") for k in judge.JUDGED) + " |")
    print("|---" * (len(judge.JUDGED) + 2) + "|")
    row("drawn pictures", judge.score(critic, pictures, shown))
    latents = torch.cat([vae.encode(pixels(pictures[i:i + 20])).latent_dist.mode() for i in range(0, len(pictures), 20)])
    row("through the autoencoder", judge.score(critic, flux.decode(vae, (latents - vae.config.shift_factor) * vae.config.scaling_factor), shown))
    for setting in options.settings:
        steps, guidance = setting.split(",")
        latents = torch.cat([flux.sample(transformer, encoders, texts[i:i + 20], int(steps), float(guidance), seed=i)
                             for i in range(0, len(texts), 20)])
        row(f"{steps} steps, guidance {guidance}", judge.score(critic, flux.decode(vae, latents), shown))
    shown, texts = short_prompts(rng)
    latents = flux.sample(transformer, encoders, texts, 28, 3.0, seed=0)
    scores = judge.score(critic, flux.decode(vae, latents), shown)
    print("short prompts, 28 steps, guidance 3:", {k: round(scores[k], 2) for k in ("skin", "expression", "background")})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="folder of the training run")
    parser.add_argument("--model", required=True, help="the exported model")
    parser.add_argument("--count", type=int, default=200, help="prompts")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("settings", nargs="*", default=["28,3", "12,3", "8,3", "4,3", "28,1", "28,5"], help="STEPS,GUIDANCE")
    main(parser.parse_args())
