"""Whole image-to-image and inpainting runs of `FluxImg2ImgPipeline` and `FluxInpaintPipeline`, step by step."""

import contextlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from diffusers import FluxImg2ImgPipeline, FluxInpaintPipeline, FluxPipeline
from diffusers.models.autoencoders import vae as autoencoders
from diffusers.pipelines.flux import pipeline_flux_img2img, pipeline_flux_inpaint
from PIL import Image, ImageDraw

import fitting
import pictures
from stages import Tensors, random

PROMPT = "A knight in silver armour holds a broken sword"

# How the files of each list begin.
PREFIXES = {"image_to_image": "i2i", "inpaint": "inpaint"}

# Name, model, steps, strength, picture, then what is unlike most: more than one picture, or not the posterior's mean.
# 5 steps at strength 0.8 run 4: 5 - 5 * 0.8 is 1, but (1 - 0.8) * 5 is less, and its whole part is 0.
IMAGE_TO_IMAGE = [
    ("dev-faint", "dev", 6, 0.25, "square", {}),
    ("dev-middle", "dev", 4, 0.6, "wide", {}),
    ("dev-strong", "dev", 5, 0.8, "square", {}),
    ("dev-whole", "dev", 4, 1.0, "square", {}),
    ("dev-rows", "dev", 5, 0.6, "square", {"num_outputs": 2}),
    ("dev-fitted", "dev", 4, 0.5, "odd", {}),
    ("dev-sample", "dev", 4, 0.5, "square", {"posterior": "sample"}),
    ("schnell-half", "schnell", 4, 0.5, "square", {}),
    ("schnell-whole", "schnell", 4, 1.0, "square", {}),
]
# The same, with a mask after the picture.
INPAINT = [
    ("dev-faint", "dev", 5, 0.3, "square", "circle", {}),
    ("dev-strong", "dev", 5, 0.8, "square", "circle", {}),
    ("dev-whole", "dev", 4, 1.0, "square", "circle", {}),
    ("dev-rows", "dev", 5, 0.6, "square", "circle", {"num_outputs": 2}),
    ("dev-stretched", "dev", 4, 0.6, "wide", "tall", {}),
    ("dev-grey", "dev", 4, 0.6, "wide", "grey", {}),
    ("dev-coloured", "dev", 4, 0.6, "wide", "coloured", {}),
    ("dev-fitted", "dev", 4, 0.5, "odd", "odd-mask", {}),
    ("dev-sample", "dev", 4, 0.5, "square", "circle", {"posterior": "sample"}),
    ("schnell-half", "schnell", 4, 0.5, "square", "circle", {}),
    ("schnell-whole", "schnell", 4, 1.0, "square", "circle", {}),
]


def picture(name: str, width: int, height: int) -> Image.Image:
    """Soft colours with a line and a spot on them."""
    coarse = np.random.default_rng(zlib.crc32(name.encode())).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.BICUBIC)
    draw = ImageDraw.Draw(image)
    draw.line((3, height - 9, width - 12, 5), fill=(250, 240, 20), width=2)
    draw.ellipse((width // 2, height // 2, width // 2 + 17, height // 2 + 11), fill=(20, 30, 90))
    return image


def circle(width: int, height: int, box: tuple[int, int, int, int]) -> Image.Image:
    """White is painted anew; no edge of the circle lies on a multiple of 8."""
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).ellipse(box, fill=255)
    return image


def grey(width: int, height: int) -> Image.Image:
    """Slanted bands of greys near 128, two of them right below and right on it."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    levels = np.array([126, 127, 128, 129, 100, 200], dtype=np.uint8)
    return Image.fromarray(levels[(x + 3 * y) // 11 % len(levels)])


def coloured(width: int, height: int) -> Image.Image:
    """Bands of colours: most means are on the other side of 128 than the luminance, two luminances are right at it."""
    warm = [(255, 80, 40), (255, 0, 0), (190, 0, 255)]
    cold = [(0, 255, 0), (0, 217, 0), (0, 218, 0), (60, 190, 10), (0, 0, 255)]
    colours = np.array(warm + cold, dtype=np.uint8)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return Image.fromarray(colours[(x + 2 * y) // 13 % len(colours)])


def inputs() -> dict[str, Image.Image]:
    return {
        "square": picture("square", 64, 64),
        "wide": picture("wide", 80, 64),
        "odd": picture("odd", 75, 60),
        "circle": circle(64, 64, (13, 10, 51, 45)),
        "odd-mask": circle(75, 60, (9, 19, 52, 55)),
        "tall": circle(30, 50, (4, 5, 21, 39)),
        "grey": grey(80, 64),
        "coloured": coloured(80, 64),
    }


def cases() -> dict[str, list[dict]]:
    """Every run as `cases.json` lists it."""

    def case(name: str, model: str, steps: int, strength: float, files: dict[str, str], more: dict) -> dict:
        size = fitting.target(*inputs()[files["image"]].size)
        return {
            "name": name,
            "model": model,
            "prompt": PROMPT,
            **{key: f"inputs/{file}.png" for key, file in files.items()},
            "width": size[0],
            "height": size[1],
            "steps": steps,
            "guidance": 3.5,
            "strength": strength,
            "num_outputs": 1,
            **more,
        }

    return {
        "image_to_image": [case(*start, {"image": image}, more) for *start, image, more in IMAGE_TO_IMAGE],
        "inpaint": [case(*start, {"image": image, "mask": mask}, more) for *start, image, mask, more in INPAINT],
    }


@contextlib.contextmanager
def drawing(module, draws: list[tuple[str, torch.Tensor]]) -> Iterator[None]:
    """Lets the pipeline of `module` and its autoencoder draw the given numbers; fails if they draw in another order."""
    left = list(draws)

    def randn_tensor(who: str):
        def draw(shape, **_) -> torch.Tensor:
            expected, tensor = left.pop(0)
            if (who, tuple(shape)) != (expected, tuple(tensor.shape)):
                raise RuntimeError(f"{who} draws {tuple(shape)}, not {expected} {tuple(tensor.shape)}")
            return tensor

        return draw

    with (
        mock.patch.object(module, "randn_tensor", randn_tensor("pipeline")),
        mock.patch.object(autoencoders, "randn_tensor", randn_tensor("posterior")),
    ):
        yield
    if left:
        raise RuntimeError(f"{len(left)} draws were left")


def results_of(pipe: FluxPipeline, method: str) -> list:
    """What every later call of a method of `pipe` returns."""
    results, theirs = [], getattr(pipe, method)

    def call(*arguments, **named):
        results.append(theirs(*arguments, **named))
        return results[-1]

    setattr(pipe, method, call)
    return results


def edit(base: FluxPipeline, case: dict, folder: Path) -> Tensors:
    """One run from a given picture and noise."""
    count, width, height = case["num_outputs"], case["width"], case["height"]
    name, masked = case["name"], "mask" in case
    shape = (16, height // 8, width // 8)

    kind = FluxInpaintPipeline if masked else FluxImg2ImgPipeline
    module = pipeline_flux_inpaint if masked else pipeline_flux_img2img
    pipe = kind(**base.components)
    pipe.set_progress_bar_config(disable=True)

    noise = random(f"{name} noise", count, *shape)
    # A posterior's sample is its mean and its spread times the draw: with zeros it is the mean.
    sampled = case.get("posterior") == "sample"
    posterior_noise = random(f"{name} posterior", 1, *shape) if sampled else torch.zeros(1, *shape)
    draws = [("posterior", posterior_noise), ("pipeline", noise)]
    files = {"image": fitting.lanczos(Image.open(folder / case["image"]).convert("RGB"), (width, height))}
    if masked:
        # The third draw is for the picture without what the mask covers, which then nobody uses.
        draws.append(("posterior", torch.zeros(1, *shape)))
        files["mask_image"] = fitting.nearest(Image.open(folder / case["mask"]).convert("RGB"), (width, height))
        prepared_masks = results_of(pipe, "prepare_mask_latents")
    encoded, prepared = results_of(pipe, "_encode_vae_image"), results_of(pipe, "prepare_latents")

    with drawing(module, draws):
        steps = pictures.run(pipe, case, strength=case["strength"], **files)

    latents = [pictures.unpacked(pipe, case, prepared[0][0]), *steps]
    out = pictures.results(pipe, case, noise, latents) | {"image_latents": encoded[0]}
    if sampled:
        out["posterior_noise"] = posterior_noise
    if masked:
        # The pipeline repeats the mask for every channel and every picture.
        mask = pictures.unpacked(pipe, case, prepared_masks[0][0])
        out["mask"] = mask[:1, :1]
        if not torch.equal(mask, out["mask"].expand_as(mask)):
            raise RuntimeError("channels with masks of their own")
    return out
