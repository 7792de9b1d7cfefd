"""Teaches the transformer its guidance input, from the model it was before.

The teacher is the frozen base with classifier-free guidance w, two passes; the student gives the
same in one pass with w as its guidance input. At w = 1 it stays the base, so true guidance with a
negative prompt still works. Writes WORK/distilled.pt.
"""

from pathlib import Path

import torch

import base
import flux
import text
import workers

SEED = 400
EMPTY_CAPTIONS = 0.06
STRONGEST = 6.0


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
    encoders, faces = text.load(work), base.Faces(work)
    teacher, model = base.load(work / "base.pt").requires_grad_(False), base.load(work / "base.pt")
    trainer = workers.Trainer(model, base.optimizers_for(model, options.lr), work / "distilled.pt", rank, count,
                              options.steps, window=12)
    with torch.no_grad():
        empty = encoders([""])
    for step in range(trainer.first, options.steps):
        shared_rng, rng, numbers = workers.seed_lesson(SEED, rank, step)
        clean, texts, image_ids = faces.batch(options.batch, EMPTY_CAPTIONS, True, shared_rng, rng, numbers)
        level = torch.rand(len(clean)) * 0.98 + 0.02
        _, noised = base.mix(clean, level)
        guidance = 1 + (STRONGEST - 1) * torch.rand(len(clean))
        guidance[torch.rand(len(clean)) < 0.1] = 1.0
        with torch.no_grad():
            pooled, sequence = encoders(texts)
            wanted = teach(teacher, noised, level, pooled, sequence, empty, guidance, image_ids)
        loss = ((flux.velocity(model, noised, level, pooled, sequence, guidance, image_ids) - wanted) ** 2).mean()
        trainer.learn(loss, workers.warm_and_decay(step, options.steps, 20, 0.6))


if __name__ == "__main__":
    options = workers.parser(__doc__, steps=600, batch=24, lr=1e-3).parse_args()
    workers.run(train, options, options.workers)
