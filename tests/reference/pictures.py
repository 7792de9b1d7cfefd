"""Whole text-to-image runs of `FluxPipeline`, step by step."""

import torch
from diffusers import FluxPipeline

import vocabularies
from stages import Tensors, random

CASES = [
    {
        "name": "dev-square",
        "model": "dev",
        "prompt": "a photo of a young woman with red hair, standing on a bridge at dawn",
        "width": 64,
        "height": 64,
        "steps": 4,
        "guidance": 3.5,
        "num_outputs": 2,
    },
    {
        "name": "dev-wide",
        "model": "dev",
        "prompt": "Two cats asleep on a wooden chair beside the fire",
        "width": 80,
        "height": 64,
        "steps": 6,
        "guidance": 3.0,
        "num_outputs": 1,
    },
    {
        "name": "schnell-square",
        "model": "schnell",
        "prompt": "A sign that says \"hello world\", in bold yellow letters",
        "width": 64,
        "height": 64,
        "steps": 4,
        "guidance": 3.5,
        "num_outputs": 1,
    },
    {
        "name": "dev-custom",
        "model": "dev",
        "prompt": "",
        "width": 256,
        "height": 272,
        "steps": 2,
        "guidance": 2.5,
        "num_outputs": 1,
    },
]


def run(pipe: FluxPipeline, case: dict, **inputs: object) -> list[torch.Tensor]:
    """Runs a pipeline with what a case says and `inputs`; the latents after every step that runs."""
    latents = []

    def keep(_pipe, _step, _timestep, tensors: Tensors) -> Tensors:
        latents.append(unpacked(pipe, case, tensors["latents"]))
        return tensors

    pipe(
        case["prompt"],
        width=case["width"],
        height=case["height"],
        num_inference_steps=case["steps"],
        guidance_scale=case["guidance"],
        num_images_per_prompt=case["num_outputs"],
        output_type="latent",
        callback_on_step_end=keep,
        max_sequence_length=vocabularies.T5_LENGTH,
        **inputs,
    )
    return latents


def unpacked(pipe: FluxPipeline, case: dict, latents: torch.Tensor) -> torch.Tensor:
    """Tokens as latents of the case's size."""
    return FluxPipeline._unpack_latents(latents, case["height"], case["width"], pipe.vae_scale_factor)


def results(pipe: FluxPipeline, case: dict, noise: torch.Tensor, latents: list[torch.Tensor]) -> Tensors:
    """What every run is compared by; `latents` begin before the first step. The picture is as the decoder leaves it,
    neither clamped nor rounded."""
    hidden, pooled, _ = pipe.encode_prompt(case["prompt"], max_sequence_length=vocabularies.T5_LENGTH)
    config = pipe.vae.config
    out = {
        "noise": noise,
        "clip_pooled": pooled,
        "t5_hidden": hidden,
        "sigmas": pipe.scheduler.sigmas,
        "image": pipe.vae.decode(latents[-1] / config.scaling_factor + config.shift_factor).sample,
    }
    return out | {f"latents_{step}": tensor for step, tensor in enumerate(latents)}


def picture(pipe: FluxPipeline, case: dict) -> Tensors:
    """One run from given noise."""
    count, width, height = case["num_outputs"], case["width"], case["height"]
    noise = random(case["name"], count, 16, height // 8, width // 8)
    packed = FluxPipeline._pack_latents(noise, count, 16, height // 8, width // 8)
    latents = [unpacked(pipe, case, packed), *run(pipe, case, latents=packed)]
    return results(pipe, case, noise, latents)
