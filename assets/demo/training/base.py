"""Trains the transformer on latents and captions: rectified flow, 10 % of the captions empty.

The guidance input stays at 1 here; distil.py teaches the model what other values mean.
Writes WORK/base.pt, from which an interrupted run continues.
"""

import argparse
import time
from pathlib import Path

import torch

import captions
import encode
import flux
import text
import workers

SEED = 300
EMPTY_CAPTIONS = 0.1
OTHER_SHAPES = 0.12  # share of the steps on 160 × 128 and 128 × 160, once the model knows the square
OTHER_SHAPES_FROM = 0.7
AVERAGE_EVERY = 8  # steps between two exchanges of the workers' weights
EMA_WINDOW = 25  # of those exchanges


def optimizers_for(model, lr):
    """Muon for the matrices inside the blocks, AdamW for everything else."""
    matrices, others = [], []
    for name, p in model.named_parameters():
        modulation = "norm" in name and "linear" in name
        (matrices if p.ndim == 2 and "blocks" in name and not modulation else others).append(p)
    return [
        torch.optim.AdamW(others, lr, betas=(0.9, 0.98), weight_decay=0.0),
        torch.optim.Muon(matrices, lr=lr, weight_decay=0.01, momentum=0.95, nesterov=True, ns_steps=4,
                         adjust_lr_fn="match_rms_adamw"),
    ]


def noise_levels(count):
    """Mostly middle and high levels, where the picture's content is decided, and some of all."""
    level = torch.sigmoid(torch.randn(count) + 0.4)
    return torch.where(torch.rand(count) < 0.1, torch.rand(count), level)


def mix(clean, level):
    """Noise of the clean tokens' shape, and the clean tokens noised to that level."""
    noise = torch.randn_like(clean)
    level = level[:, None, None]
    return noise, (1 - level) * clean + level * noise


def batch_of(data, size, empty, rng, numbers):
    """Clean tokens, captions and token positions of random faces of one shape."""
    latents, shown = data
    picks = numbers.integers(len(latents), size=size)
    texts = ["" if rng.random() < empty else captions.caption(shown[i], rng) for i in picks]
    return flux.pack(latents[picks].float()), texts, flux.positions(*latents.shape[2:])


def train(rank, count, options):
    """One worker: trains on its own, and every few steps all workers' weights are averaged."""
    work = Path(options.work)
    model, encoders = flux.build(SEED), text.load(work)
    parameters = list(model.parameters())
    optimizers = optimizers_for(model, options.lr)
    peaks = [options.lr, options.lr * 1.3]
    square = encode.load(work, "train-128x128")
    others = [encode.load(work, name) for name in ("train-160x128", "train-128x160")]
    ema, first, running = [p.detach().clone() for p in parameters], 0, None
    if (work / "base.pt").exists():
        state = torch.load(work / "base.pt")
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        ema, first, running = state["ema"], state["step"], state["loss"]
    saved_at = started = time.time()
    for step in range(first, options.steps):
        shape_rng, _ = workers.seed_step(SEED, 99, step)  # the same in all workers
        rng, numbers = workers.seed_step(SEED, rank, step)
        progress = step / options.steps
        rate = min(1, (step + 1) / 40) * min(1, max(0.02, (1 - progress) / options.decay))
        for optimizer, peak in zip(optimizers, peaks):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate
        wide = progress > OTHER_SHAPES_FROM and shape_rng.random() < OTHER_SHAPES
        data = shape_rng.choice(others) if wide else square
        clean, texts, image_ids = batch_of(data, options.batch, EMPTY_CAPTIONS, rng, numbers)
        level = noise_levels(len(clean))
        noise, noised = mix(clean, level)
        with torch.no_grad():
            pooled, sequence = encoders(texts)
        v = flux.velocity(model, noised, level, pooled, sequence, torch.ones(len(clean)), image_ids)
        loss = ((v - (noise - clean)) ** 2).mean()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in optimizers:
            optimizer.step()
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        last = step + 1 == options.steps
        if (step + 1) % AVERAGE_EVERY == 0 or last:
            workers.average(parameters, count)
            rounds = (step + 1) // AVERAGE_EVERY
            torch._foreach_lerp_(ema, [p.detach() for p in parameters], 1 - min(1 - 1 / EMA_WINDOW, rounds / (rounds + 10)))
            if rank == 0 and (time.time() - saved_at > 180 or last):
                saved_at = time.time()
                workers.save(work / "base.pt", model=model.state_dict(), optimizers=[o.state_dict() for o in optimizers],
                             ema=ema, step=step + 1, loss=running, seen=(step + 1) * options.batch * count)
        if rank == 0 and (step + 1) % 25 == 0:
            print(f"step {step + 1} seen {(step + 1) * options.batch * count} loss {running:.4f} rate {rate:.2f} "
                  f"{time.time() - started:.0f} s", flush=True)


def load(path):
    """The smoothed transformer of a checkpoint of this file or of distil.py."""
    model = flux.build(SEED)
    with torch.no_grad():
        for p, smooth in zip(model.parameters(), torch.load(path)["ema"]):
            p.copy_(smooth)
    return model.eval()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="folder for data and checkpoints")
    parser.add_argument("--steps", type=int, default=4400)
    parser.add_argument("--batch", type=int, default=32, help="pictures per worker and step")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--decay", type=float, default=0.5, help="the last share of the steps, in which the rate falls to 0")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    workers.run(train, options, options.workers)
