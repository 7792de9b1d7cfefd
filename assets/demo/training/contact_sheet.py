"""Draws sixteen prompts with the unmodified FluxPipeline of diffusers and puts the pictures on one sheet."""

import argparse

import torch
from diffusers import FluxPipeline
from PIL import Image

PROMPTS = """a smiling green face with round glasses and a red hat on a yellow background
a sad man with a black beard on a blue background
a laughing woman with long blond hair on a pink background
an angry red face on a black background
a surprised boy with spiky ginger hair and a blue cap on a green background
portrait of a winking man with a moustache and a black top hat, purple background
a woman with curly ginger hair, sunglasses, turquoise background
a purple face with a yellow crown on a red background
a man with a green mohawk and square glasses on a white background with blue dots
a smiling girl with long brown hair wearing a pink beanie, red and white striped background
a bald man with a white beard and round glasses, grey background
a sad blue face with a green party hat on an orange background
a woman with short black hair and dark skin, yellow background
angry man with a ginger beard, orange hat, blue background
a smiling yellow face on a blue background
a surprised pink face with sunglasses and a white top hat on a green background""".splitlines()


def main(options):
    """Four rows of four."""
    pipeline = FluxPipeline.from_pretrained(options.model, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    size, gap = 128, 4
    sheet = Image.new("RGB", (4 * (size + gap) + gap, 4 * (size + gap) + gap), "white")
    pictures = pipeline(PROMPTS, width=size, height=size, num_inference_steps=options.steps, guidance_scale=options.guidance,
                        max_sequence_length=pipeline.tokenizer_2.model_max_length,
                        generator=torch.Generator().manual_seed(options.seed)).images
    for i, picture in enumerate(pictures):
        sheet.paste(picture, (gap + i % 4 * (size + gap), gap + i // 4 * (size + gap)))
    sheet.save(options.out, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="the exported model")
    parser.add_argument("--out", required=True, help="the PNG file to write")
    parser.add_argument("--work", help="not used; every stage takes it")
    parser.add_argument("--steps", type=int, default=28)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=1)
    main(parser.parse_args())
