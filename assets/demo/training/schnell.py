"""Makes the few-step model without guidance input, from the finished dev model.

It starts as the dev model at guidance 3 (the guidance embedding of a fixed value is a constant, which
moves into a bias), and learns to go in one step where its teacher goes in several: from one noise
level of a short schedule straight to the next. Writes WORK/schnell.pt.
"""

import copy
from pathlib import Path

import torch

import base
import flux
import text
import workers

SEED = 600
GUIDANCE = 3.0
# Steps of the schedules it learns, by share of the lessons; 0 stands for any number from 5 to 28.
SCHEDULES = {4: 0.6, 3: 0.1, 2: 0.1, 1: 0.05, 0: 0.15}
TEACHER_STEPS = 12  # of a whole picture; a lesson takes its part of them
EMPTY_CAPTIONS = 0.03


@torch.no_grad()
def without_guidance_input(dev):
    """The dev model at a fixed guidance, as a model without guidance embedding: the same function, exactly."""
    model = flux.build(SEED, guidance_embeds=False)
    model.load_state_dict({k: v for k, v in dev.state_dict().items() if "guidance_embedder" not in k})
    embedding = dev.time_text_embed
    constant = embedding.guidance_embedder(embedding.time_proj(torch.tensor([GUIDANCE * 1000])))[0]
    model.time_text_embed.timestep_embedder.linear_2.bias.add_(constant)
    return model.eval()


def lesson(shared_rng, rng, count):
    """For `count` pictures the noise levels before and after one step of a short schedule, and the teacher's steps between.

    All workers choose the same schedule with `shared_rng`, so that none waits for another.
    """
    steps = shared_rng.choices(list(SCHEDULES), SCHEDULES.values())[0] or shared_rng.randint(5, 28)
    after = torch.tensor([rng.randrange(steps) for _ in range(count)]) / steps
    return after + 1 / steps, after, max(1, TEACHER_STEPS // steps)


@torch.no_grad()
def walk(teacher, x, start, end, steps, conditions, image_ids):
    """The latents at level `end` that the teacher reaches from `x` at level `start`."""
    for i in range(steps):
        here, there = (start + (end - start) * part / steps for part in (i, i + 1))
        x = x + (there - here)[:, None, None] * flux.velocity(teacher, x, here, *conditions, None, image_ids)
    return x


def train(rank, count, options):
    """One worker."""
    work = Path(options.work)
    encoders, faces = text.load(work), base.Faces(work)
    teacher = without_guidance_input(base.load(work / "distilled.pt")).requires_grad_(False)
    model = copy.deepcopy(teacher).requires_grad_(True)
    trainer = workers.Trainer(model, base.optimizers_for(model, options.lr), work / "schnell.pt", rank, count,
                              options.steps, window=12)
    for step in range(trainer.first, options.steps):
        shared_rng, rng, numbers = workers.seed_lesson(SEED, rank, step)
        clean, texts, image_ids = faces.batch(options.batch, EMPTY_CAPTIONS, True, shared_rng, rng, numbers)
        start, end, steps = lesson(shared_rng, rng, len(clean))
        _, noised = base.mix(clean, start)
        with torch.no_grad():
            conditions = encoders(texts)
        reached = walk(teacher, noised, start, end, steps, conditions, image_ids)
        wanted = (reached - noised) / (end - start)[:, None, None]
        loss = ((flux.velocity(model, noised, start, *conditions, None, image_ids) - wanted) ** 2).mean()
        trainer.learn(loss, workers.warm_and_decay(step, options.steps, 20, 0.6))


if __name__ == "__main__":
    options = workers.parser(__doc__, steps=600, batch=24, lr=7e-4).parse_args()
    workers.run(train, options, options.workers)
