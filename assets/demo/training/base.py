"""Trains the transformer on latents and captions: rectified flow, 10 % of the captions empty.

The guidance input stays at 1 here; distil.py teaches the model what other values mean.
Writes WORK/base.pt, from which an interrupted run continues.
"""

from pathlib import Path

import torch

import captions
import encode
import flux
import text
import workers

SEED = 300
EMPTY_CAPTIONS = 0.1
MAIN_SHAPE = "train-128x128"
# Share of the steps for the other shapes, once the model knows the main one.
OTHER_SHAPES = {
    "train-144x112": 0.1, "train-112x144": 0.1, "train-160x112": 0.08, "train-112x160": 0.08,
    "train-176x96": 0.03, "train-96x176": 0.03, "train-192x80": 0.02, "train-80x192": 0.02,
    "train-64x64": 0.02, "train-80x64": 0.01, "train-64x80": 0.01, "train-192x192": 0.05,
}
OTHER_SHAPES_FROM = 0.45


def optimizers_for(model, lr):
    """Muon for the matrices inside the blocks, AdamW for everything else."""
    matrices, others = [], []
    for name, p in model.named_parameters():
        modulation = "norm" in name and "linear" in name
        (matrices if p.ndim == 2 and "blocks" in name and not modulation else others).append(p)
    return [
        torch.optim.AdamW(others, lr, betas=(0.9, 0.98), weight_decay=0.0),
        torch.optim.Muon(matrices, lr=1.3 * lr, weight_decay=0.01, momentum=0.95, nesterov=True, ns_steps=4,
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


def flow_loss(model, encoders, clean, texts, image_ids):
    """How far the model is from the direction that leads from clean tokens to noise, at guidance 1."""
    level = noise_levels(len(clean))
    noise, noised = mix(clean, level)
    with torch.no_grad():
        conditions = encoders(texts)
    v = flux.velocity(model, noised, level, *conditions, torch.ones(len(clean)), image_ids)
    return ((v - (noise - clean)) ** 2).mean()


class Faces:
    """Encoded faces of the main shape and the others."""

    def __init__(self, work):
        self.main = encode.load(work, MAIN_SHAPE)
        self.others = {name: encode.load(work, name) for name in OTHER_SHAPES}

    def batch(self, size, empty, others, shared_rng, rng, numbers):
        """Clean tokens, captions and token positions of random faces of one shape.

        `others` says whether other shapes than the main one come too, each as often as its share says; `shared_rng` must be
        the same in all workers. Pictures of many tokens come in smaller batches.
        """
        latents, shown = self.main
        if others and shared_rng.random() < sum(OTHER_SHAPES.values()):
            latents, shown = self.others[shared_rng.choices(list(OTHER_SHAPES), OTHER_SHAPES.values())[0]]
        size = min(size, max(1, size * 128 * 128 // 64 // latents[0, 0].numel()))
        picks = numbers.integers(len(latents), size=size)
        texts = ["" if rng.random() < empty else captions.caption(shown[i], rng) for i in picks]
        return flux.pack(latents[picks].float()), texts, flux.positions(*latents.shape[2:])


def train(rank, count, options):
    """One worker."""
    work = Path(options.work)
    model, encoders, faces = flux.build(SEED), text.load(work), Faces(work)
    trainer = workers.Trainer(model, optimizers_for(model, options.lr), work / "base.pt", rank, count, options.steps, window=25)
    for step in range(trainer.first, options.steps):
        generators = workers.seed_lesson(SEED, rank, step)
        others = step / options.steps > OTHER_SHAPES_FROM
        lesson = faces.batch(options.batch, EMPTY_CAPTIONS, others, *generators)
        trainer.learn(flow_loss(model, encoders, *lesson), workers.warm_and_decay(step, options.steps, 40, options.decay))


def load(path, **shape):
    """The smoothed transformer of a checkpoint of this file or of distil.py; of schnell.py with `guidance_embeds=False`."""
    model = flux.build(SEED, **shape)
    with torch.no_grad():
        for p, smooth in zip(model.parameters(), torch.load(path)["ema"], strict=True):
            p.copy_(smooth)
    return model.eval()


if __name__ == "__main__":
    parser = workers.parser(__doc__, steps=10500, batch=32, lr=1.5e-3)
    parser.add_argument("--decay", type=float, default=0.5, help="the last share of the steps, in which the rate falls to 0")
    options = parser.parse_args()
    workers.run(train, options, options.workers)
