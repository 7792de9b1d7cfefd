"""Measures the LoRA of the square style with diffusers, and draws the same faces at several scales.

Prints, for every scale, how many of the pictures the judge sees in the square style, with the trigger
word and without it, and how many of their attributes are right.
"""

import argparse
import random

import numpy
import torch
from diffusers import FluxPipeline
from PIL import Image

import captions
import faces
import judge

SCALES = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0)
SHOWN = ["a smiling green face with round glasses and a red hat on a yellow background",
         "a sad man with a black beard on a blue background",
         "a surprised woman with long blond hair on a pink background",
         "an angry red face with a blue cap on a white background"]
FIRST_SEED = 9_700_000


@torch.no_grad()
def draw(pipeline, prompts, scale):
    """Pictures of the prompts at 12 steps and guidance 3, with the same noise at every scale."""
    if scale:
        pipeline.set_adapters(["style"], [scale])
        pipeline.enable_lora()
    else:
        pipeline.disable_lora()
    parts = [pipeline(prompts[i:i + 16], width=128, height=128, num_inference_steps=12, guidance_scale=3.0, max_sequence_length=40,
                      generator=torch.Generator().manual_seed(i)).images for i in range(0, len(prompts), 16)]
    return [image for part in parts for image in part]


def main(options):
    """Prints the table and saves the sheet."""
    torch.set_num_threads(options.threads)
    pipeline = FluxPipeline.from_pretrained(options.model, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(options.lora, adapter_name="style")
    critic = judge.load(options.judge)
    rng = random.Random(FIRST_SEED)
    shown = [{**faces.sample(rng), "style": "square"} for _ in range(options.count)]
    plain = [captions.caption_with_background(face, rng) for face in shown]
    asked = [captions.with_trigger(text, rng) for text in plain]
    gap = 4
    sheet = Image.new("RGB", (len(SCALES) * (128 + gap) + gap, len(SHOWN) * (128 + gap) + gap), "white")
    print("| scale | square with QFACE | square without | attributes right with | without |\n|---|---|---|---|---|")
    for column, scale in enumerate(SCALES):
        cells = []
        for prompts in (asked, plain):
            pictures = numpy.stack([numpy.asarray(image) for image in draw(pipeline, prompts, scale)])
            scores = judge.score(critic, pictures, shown)
            square = scores.pop("style")
            cells.append((square, sum(scores.values()) / len(scores)))
        (with_word, right), (without, right_without) = cells
        print(f"| {scale:g} | {100 * with_word:.0f} % | {100 * without:.0f} % | {100 * right:.0f} % | {100 * right_without:.0f} % |", flush=True)
        for row, image in enumerate(draw(pipeline, [f"{captions.TRIGGER} {text}" for text in SHOWN], scale)):
            sheet.paste(image, (gap + column * (128 + gap), gap + row * (128 + gap)))
    sheet.save(options.out, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="the exported model")
    parser.add_argument("--lora", required=True, help="qface-lora.safetensors")
    parser.add_argument("--judge", required=True, help="judge.safetensors")
    parser.add_argument("--out", required=True, help="the PNG file to write")
    parser.add_argument("--count", type=int, default=64, help="prompts")
    parser.add_argument("--threads", type=int, default=2)
    main(parser.parse_args())
