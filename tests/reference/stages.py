"""Golden tensors for every stage of a picture, one stage at a time."""

import contextlib
import math
import zlib

import numpy as np
import torch
from diffusers import FluxPipeline
from diffusers.models import embeddings
from diffusers.pipelines.flux.pipeline_flux import calculate_shift, retrieve_timesteps

import noise
import vocabularies
from models import TEXT_WIDTH

Tensors = dict[str, torch.Tensor]

PROMPTS = [
    "a photo of a young woman with red hair, standing on a bridge at dawn",
    "",
    " ".join(
        f"{number} cats asleep on wooden chairs beside the fire, painted in oil on canvas, soft light from window"
        f" number {number}, and then"
        for number in ("two", "three", "five", "eight", "thirteen", "twenty")
    ),
    "Ein GRÜNER  Mantel,   naïve café\n\t雪の山 🎉🦊 Ⅷ ﬁne e\u0301 ÀÉ   ",
    "It's a sign: \"hello, WORLD!!\" -- they've said (twice) that 35mm @ f/1.8 isn't $3.50 & we're #1... <b>",
    "a <|endoftext|> in the middle </s> of a <extra_id_1> story <|ENDOFTEXT|>",
]

SIGMAS = [
    {"name": f"{model}-{width}x{height}-{steps}", "model": model, "steps": steps, "width": width, "height": height}
    for model in ("dev", "schnell")
    for width, height in ((1024, 1024), (512, 512), (1536, 640), (64, 64), (256, 272))
    for steps in (1, 4, 28, 50)
    if model == "dev" or width == 1024
]

# Strong guidance, up to three times the inputs' limit of 10. torch's exp rounds 2 of the 128 frequencies to the wrong
# neighbour here (by 0.52 units in the last place), which alone moves the output by 1e-5 at guidance 10 and by 2.5e-5 at
# 30, so this case runs with frequencies that are rounded correctly.
STRONG = "dev-strong"

# Name, checkpoint, latent height and width, text tokens, then a timestep and a guidance for each row of the batch.
TRANSFORMER = [
    ("dev-square", "dev", (8, 8), 6, [0.7], [3.5]),
    ("dev-rows", "dev", (6, 10), 5, [0.003, 1.0], [5.0, 0.0]),
    (STRONG, "dev", (6, 10), 5, [0.003, 0.5], [30.0, 10.0]),
    ("schnell-rows", "schnell", (6, 10), 5, [1.0, 0.25], None),
    ("dev-long", "dev", (4, 256), 8, [0.45], [2.5]),
    ("schnell-long", "schnell", (256, 4), 8, [0.75], None),
]

# Name, batch, height, width.
VAE = [("square", 2, 64, 64), ("wide", 1, 48, 80)]

# Name, seed, shape.
NOISE = [
    ("seed-0", 0, [1, 16, 8, 8]),
    ("seed-0-megapixel", 0, [1, 16, 128, 128]),
    ("seed-7", 7, [1, 16, 32, 34]),
    ("seed-2-to-31", 2**31 + 5, [4, 16, 128, 128]),
    ("seed-2-to-32-less-1", 2**32 - 1, [2, 16, 180, 180]),
    ("seed-2-to-40", 2**40 + 3, [4, 16, 180, 180]),
]


def random(name: str, *shape: int) -> torch.Tensor:
    """Normal numbers that depend on `name` alone."""
    values = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    return torch.from_numpy(values.astype(np.float32))


def text(pipe: FluxPipeline) -> tuple[list[str], Tensors]:
    """Token ids and embeddings of every prompt, each prompt on its own."""
    out = {}
    for i, prompt in enumerate(PROMPTS):
        for name, tokenizer, length in (
            ("clip", pipe.tokenizer, vocabularies.CLIP_LENGTH),
            ("t5", pipe.tokenizer_2, vocabularies.T5_LENGTH),
        ):
            ids = tokenizer(prompt, padding="max_length", max_length=length, truncation=True).input_ids
            out[f"tokens.{i}.{name}"] = torch.tensor(ids, dtype=torch.int64)
        hidden, pooled, _ = pipe.encode_prompt(prompt, max_sequence_length=vocabularies.T5_LENGTH)
        out[f"text.{i}.clip_pooled"] = pooled
        out[f"text.{i}.t5_hidden"] = hidden
    return PROMPTS, out


def sigmas(pipes: dict[str, FluxPipeline]) -> tuple[list[dict], Tensors]:
    """The schedule, with the same calls as `FluxPipeline.__call__` makes."""
    out = {}
    for case in SIGMAS:
        scheduler = pipes[case["model"]].scheduler
        config = scheduler.config
        mu = calculate_shift(
            (case["width"] // 16) * (case["height"] // 16),
            config.base_image_seq_len,
            config.max_image_seq_len,
            config.base_shift,
            config.max_shift,
        )
        steps = case["steps"]
        retrieve_timesteps(scheduler, steps, "cpu", sigmas=np.linspace(1.0, 1 / steps, steps), mu=mu)
        out[f"sigmas.{case['name']}"] = scheduler.sigmas.clone()
    return SIGMAS, out


@contextlib.contextmanager
def exact_frequencies():
    """Lets diffusers' sinusoidal embedding use frequencies that are rounded to f32 once."""

    def embedding(timesteps: torch.Tensor, embedding_dim: int, **_) -> torch.Tensor:
        half = embedding_dim // 2
        exponents = -math.log(10000) * torch.arange(half, dtype=torch.float32) / half
        frequencies = torch.from_numpy(np.exp(exponents.numpy().astype(np.float64)).astype(np.float32))
        angles = timesteps[:, None].float() * frequencies[None]
        return torch.cat([angles.cos(), angles.sin()], dim=-1)

    theirs = embeddings.get_timestep_embedding
    embeddings.get_timestep_embedding = embedding
    try:
        yield
    finally:
        embeddings.get_timestep_embedding = theirs


def transformer(pipes: dict[str, FluxPipeline]) -> tuple[list[dict], Tensors]:
    """Single forwards of the transformer on random input."""
    cases, out = [], {}
    for name, checkpoint, (height, width), text_tokens, timestep, guidance in TRANSFORMER:
        batch = len(timestep)
        cases.append(
            {
                "name": name,
                "checkpoint": checkpoint,
                "latent_height": height,
                "latent_width": width,
                "batch": batch,
                "text_tokens": text_tokens,
            }
        )
        latents = random(f"{name} latents", batch, 16, height, width)
        inputs = {
            "hidden_states": FluxPipeline._pack_latents(latents, batch, 16, height, width),
            "encoder_hidden_states": random(f"{name} t5", batch, text_tokens, TEXT_WIDTH),
            "pooled_projections": random(f"{name} clip", batch, TEXT_WIDTH),
            "timestep": torch.tensor(timestep),
            "img_ids": FluxPipeline._prepare_latent_image_ids(1, height // 2, width // 2, "cpu", torch.float32),
            "txt_ids": torch.zeros(text_tokens, 3),
        }
        if guidance is not None:
            inputs["guidance"] = torch.tensor(guidance)
        with exact_frequencies() if name == STRONG else contextlib.nullcontext():
            inputs["out"] = pipes[checkpoint].transformer(**inputs, return_dict=False)[0]
        out |= {f"transformer.{name}.{key}": value for key, value in inputs.items()}
    return cases, out


def vae(pipe: FluxPipeline) -> tuple[list[dict], Tensors]:
    """The mean of the posterior of smooth pictures, and what random latents decode to."""
    cases, out = [], {}
    config = pipe.vae.config
    for name, batch, height, width in VAE:
        cases.append({"name": name})
        coarse = random(f"{name} image", batch, 3, height // 8, width // 8)
        image = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear").clamp(-1, 1)
        latents = random(f"{name} latents", batch, 16, height // 8, width // 8)
        tensors = {
            "image": image,
            "mean": pipe.vae.encode(image).latent_dist.mean,
            "latents": latents,
            "decoded": pipe.vae.decode(latents / config.scaling_factor + config.shift_factor).sample,
        }
        out |= {f"vae.{name}.{key}": value for key, value in tensors.items()}
    return cases, out


def cuda_noise() -> tuple[list[dict], Tensors]:
    """A few elements of large draws: the first, the last, and those around every turn of the stride."""
    noise.check()
    cases, out = [], {}
    for name, seed, shape in NOISE:
        count = int(np.prod(shape))
        stride = noise.BLOCK * noise.GRID_LIMIT
        near = {turn * stride + step for turn in range(count // stride + 1) for step in range(-8, 8)}
        images = {image * count // shape[0] + step for image in range(shape[0]) for step in range(8)}
        wanted = {*range(64), *near, *images, *range(count - 8, count)}
        indices = sorted(i for i in wanted if 0 <= i < count)
        cases.append({"name": name, "seed": seed, "shape": shape, "indices": indices})
        out[f"noise.{name}"] = torch.from_numpy(noise.randn(seed, count, indices))
    return cases, out
