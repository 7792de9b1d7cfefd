"""Teaches the transformer its guidance input, from the model it was before.

The teacher is the frozen base with classifier-free guidance w, two passes; the student gives the
same in one pass with w as its guidance input. At w = 1 it stays the base, so true guidance with a
negative prompt still works. Writes WORK/distilled.pt.
"""

import argparse
import time
from pathlib import Path

import torch

import base
import encode
import flux
import text
import workers

SEED = 400
EMPTY_CAPTIONS = 0.06
STRONGEST = 6.0
AVERAGE_EVERY = 8
EMA_WINDOW = 12


def teach(teacher, noised, level, pooled, sequence, empty, guidance, image_ids):
    """The teacher's guided direction: v_empty + w (v_caption - v_empty)."""
    n = len(noised)
    v = flux.velocity(
        teacher, torch.cat([noised, noised]), torch.cat([level, level]),
        torch.cat([pooled, empty[0].expand(n, -1)]), torch.cat([sequence, empty[1].expand(n, -1, -1)]),
        torch.ones(2 * n), image_ids)
    with_caption, without = v.chunk(2)
    return without + guidance[:, None, None] * (with_caption - without)


def train(rank, count, options):
    """One worker."""
    work = Path(options.work)
    teacher, encoders = base.load(work / "base.pt").requires_grad_(False), text.load(work)
    model = base.load(work / "base.pt")
    parameters = list(model.parameters())
    optimizers, peaks = base.optimizers_for(model, options.lr), [options.lr, options.lr * 1.3]
    square = encode.load(work, "train-128x128")
    ema, first, running = [p.detach().clone() for p in parameters], 0, None
    if (work / "distilled.pt").exists():
        state = torch.load(work / "distilled.pt")
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        ema, first, running = state["ema"], state["step"], state["loss"]
    with torch.no_grad():
        empty = encoders([""])
    saved_at = started = time.time()
    for step in range(first, options.steps):
        rng, numbers = workers.seed_step(SEED, rank, step)
        rate = min(1, (step + 1) / 20) * min(1, max(0.02, (1 - step / options.steps) / 0.6))
        for optimizer, peak in zip(optimizers, peaks):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate
        clean, texts, image_ids = base.batch_of(square, options.batch, EMPTY_CAPTIONS, rng, numbers)
        level = torch.rand(len(clean)) * 0.98 + 0.02
        _, noised = base.mix(clean, level)
        guidance = 1 + (STRONGEST - 1) * torch.rand(len(clean))
        guidance[torch.rand(len(clean)) < 0.1] = 1.0
        with torch.no_grad():
            pooled, sequence = encoders(texts)
            wanted = teach(teacher, noised, level, pooled, sequence, empty, guidance, image_ids)
        loss = ((flux.velocity(model, noised, level, pooled, sequence, guidance, image_ids) - wanted) ** 2).mean()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in optimizers:
            optimizer.step()
        running = loss.item() if running is None else 0.95 * running + 0.05 * loss.item()
        last = step + 1 == options.steps
        if (step + 1) % AVERAGE_EVERY == 0 or last:
            workers.average(parameters, count)
            rounds = (step + 1) // AVERAGE_EVERY
            torch._foreach_lerp_(ema, [p.detach() for p in parameters], 1 - min(1 - 1 / EMA_WINDOW, rounds / (rounds + 5)))
            if rank == 0 and (time.time() - saved_at > 120 or last):
                saved_at = time.time()
                workers.save(work / "distilled.pt", model=model.state_dict(), optimizers=[o.state_dict() for o in optimizers],
                             ema=ema, step=step + 1, loss=running)
        if rank == 0 and (step + 1) % 20 == 0:
            print(f"step {step + 1} loss {running:.4f} {time.time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="folder for data and checkpoints")
    parser.add_argument("--steps", type=int, default=440)
    parser.add_argument("--batch", type=int, default=24, help="pictures per worker and step")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    workers.run(train, options, options.workers)
