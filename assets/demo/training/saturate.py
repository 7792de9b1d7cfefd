"""Lets guidance beyond what was trained act as the nearest value that was.

distil.py teaches guidance 1 to 6, while programs offer 0 to 10, and what a sinusoidal embedding of an
unseen number does is chance: at 10 there was only noise. So the small network that embeds the guidance
learns to give for every number what it gives for the number clamped to 1 to 6. Nothing else changes.
Works on WORK/distilled.pt and writes WORK/saturated.pt.
"""

import argparse
import copy
from pathlib import Path

import torch

import base
import workers
from distil import STRONGEST

SEED = 450
HIGHEST = 10.0
BATCH = 4096


def train(options):
    """The training loop; one process is enough."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    model = base.load(Path(options.work) / "distilled.pt")
    embedding = model.time_text_embed
    student, teacher = embedding.guidance_embedder, copy.deepcopy(embedding.guidance_embedder).requires_grad_(False)
    optimizer = torch.optim.AdamW(student.parameters(), options.lr, weight_decay=0)
    for step in range(options.steps):
        for group in optimizer.param_groups:
            group["lr"] = options.lr * workers.warm_and_decay(step, options.steps, 50, 0.8)
        guidance = HIGHEST * torch.rand(BATCH)
        # People choose round numbers: they make up half of the lessons.
        guidance[::2] = (guidance[::2] * 10).round() / 10
        wanted = teacher(embedding.time_proj(1000 * guidance.clamp(1, STRONGEST)))
        error = ((student(embedding.time_proj(1000 * guidance)) - wanted) ** 2).mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        if (step + 1) % 500 == 0:
            print(f"step {step + 1} relative error {(error / (wanted ** 2).mean()).sqrt():.5f}", flush=True)
    parameters = [p.detach() for p in model.parameters()]
    workers.save(Path(options.work) / "saturated.pt", ema=parameters)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, help="folder for data and checkpoints")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--lr", type=float, default=2e-3)
    train(parser.parse_args())
