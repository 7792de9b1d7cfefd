"""Teaches the decoder to clean up what the transformer leaves, with the encoder untouched.

The transformer's latents are a little blurred where it was unsure. The decoder learns to draw crisp
pictures from such latents: half of its lessons start from the drawing's own latents with a little
noise, half from what the base model makes of them after more noise, in one step. It sees the square
style and other shapes too. Writes WORK/decoder.pt while training, then the finished WORK/vae/.
"""

from pathlib import Path

import torch
from diffusers import AutoencoderKL

import base
import captions
import encode
import flux
import render
import text
import workers
from vae import difference, pixels, psnr

SEED = 150
# Pictures of these sets, by share of the steps.
SHARES = {"train-128x128": 0.7, "square-128x128": 0.15, "train-112x144": 0.05, "train-144x112": 0.05, "train-64x64": 0.05}
CROP = 8  # latents; the decoder sees pieces of this size, and whole pictures in the last third
STRONGEST_NOISE = 0.45


@torch.no_grad()
def blurred(transformer, encoders, latents, texts):
    """What one step of the base model makes of the latents after moderate noise."""
    clean = flux.pack(latents)
    level = 0.1 + (STRONGEST_NOISE - 0.1) * torch.rand(len(clean))
    _, noised = base.mix(clean, level)
    v = flux.velocity(transformer, noised, level, *encoders(texts), torch.ones(len(clean)), flux.positions(*latents.shape[2:]))
    return flux.unpack(noised - level[:, None, None] * v, *latents.shape[2:])


def piece(latents, pictures, numbers):
    """The same random square of latents and pictures."""
    top, left = (int(numbers.integers(side - CROP + 1)) for side in latents.shape[2:])
    return (latents[:, :, top:top + CROP, left:left + CROP],
            pictures[:, :, 8 * top:8 * (top + CROP), 8 * left:8 * (left + CROP)])


def train(rank, count, options):
    """One worker."""
    work = Path(options.work)
    vae = AutoencoderKL.from_pretrained(work / "vae").to(memory_format=torch.channels_last)
    vae.encoder.requires_grad_(False)
    encoders, transformer = text.load(work), base.load(work / "base.pt").requires_grad_(False)
    sets = {name: (*encode.load(work, name), render.load(work, name)[0]) for name in SHARES}
    optimizer = torch.optim.AdamW(vae.decoder.parameters(), options.lr, betas=(0.9, 0.98), weight_decay=0)
    trainer = workers.Trainer(vae, [optimizer], work / "decoder.pt", rank, count, options.steps, window=12)
    for step in range(trainer.first, options.steps):
        rng, numbers = workers.seed_step(SEED, rank, step)
        latents, shown, pictures = sets[rng.choices(list(SHARES), SHARES.values())[0]]
        cropped = step < options.steps * 2 / 3
        picks = numbers.integers(len(latents), size=options.batch if cropped else options.batch // 4)
        z, wanted = latents[picks].float(), pixels(pictures[picks])
        if step % 2:
            written = [captions.caption(shown[i], rng) for i in picks]
            z = blurred(transformer, encoders, z, written)
        else:
            z = z + 0.1 * torch.rand(len(z), 1, 1, 1) * torch.randn_like(z)
        if cropped:
            z, wanted = piece(z, wanted, numbers)
        y = vae.decode(z / vae.config.scaling_factor + vae.config.shift_factor).sample
        trainer.learn(difference(y, wanted), workers.warm_and_decay(step, options.steps, 20, 0.6))
    if rank == 0:
        finish(work, vae)


@torch.no_grad()
def finish(work, vae):
    """Puts the smoothed decoder into WORK/vae/ and measures it on pictures it has not seen."""
    tests, _ = render.load(work, "test-128x128")
    before = psnr(AutoencoderKL.from_pretrained(work / "vae"), tests[:200])
    for p, smooth in zip(vae.decoder.parameters(), torch.load(work / "decoder.pt")["ema"]):
        p.copy_(smooth)
    vae.save_pretrained(work / "vae")
    print(f"decoder: test psnr {before:.2f} → {psnr(vae, tests[:200]):.2f} dB", flush=True)


if __name__ == "__main__":
    options = workers.parser(__doc__, steps=1500, batch=16, lr=5e-4, count=1, unit="pieces").parse_args()
    workers.run(train, options, options.workers)
