"""A small classifier that reads the attributes off a picture, to measure how well prompts are followed.

It is trained on drawn pictures only, some of them blurred, and judges content, not looks.
Writes WORK/judge.safetensors, in half precision.
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

import faces
import render
import text
import workers
from vae import pixels

SEED = 500
# The shirt and a pattern's second colour are small or rare; they are not judged.
JUDGED = [k for k in faces.VALUES if k not in ("second_background", "shirt")]
# What it tells apart: the attributes, and which of the two styles a picture is in.
TOLD = {**{k: faces.VALUES[k] for k in JUDGED}, "style": ["round", "square"]}


class Judge(nn.Module):
    """Six convolutions and one linear head per attribute, on 64 × 64 pixels."""

    def __init__(self):
        super().__init__()
        layers, before = [], 3
        for channels, stride in ((24, 2), (48, 2), (64, 1), (64, 2), (96, 1), (96, 2)):
            layers += [nn.Conv2d(before, channels, 3, stride, 1), nn.BatchNorm2d(channels), nn.ReLU()]
            before = channels
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.1), nn.Linear(96 * 16, 256), nn.ReLU())
        self.heads = nn.ModuleDict({k: nn.Linear(256, len(values)) for k, values in TOLD.items()})

    def forward(self, x):
        """Attribute → logits."""
        features = self.body(x)
        return {k: head(features) for k, head in self.heads.items()}


def label(face, attribute):
    """The attribute's number, or -100 where the picture does not show it."""
    if attribute == "style":
        return TOLD["style"].index(face["style"]) if "style" in face else -100
    if attribute == "kind":
        return faces.VALUES["kind"].index("woman" if face["kind"] == "woman" else "man")  # "face" and "man" are drawn alike
    if face["hat"] != "none" and face["hair"] in ("bald", "short"):  # Under a hat both look alike.
        if attribute == "hair" or (attribute == "hair_colour" and face["beard"] == "none"):
            return -100
    return text.label(face, attribute)


def prepare(pictures):
    """Bytes (b, 128, 128, 3) → (b, 3, 64, 64)."""
    return F.avg_pool2d(pixels(pictures), 2)


def load(path):
    """The finished judge, from its file."""
    judge = Judge()
    judge.load_state_dict(load_file(path))
    return judge.eval()


def score(judge, pictures, shown):
    """Attribute → share of the pictures in which the judge sees what was asked for."""
    marked = marks(judge, pictures, shown)
    right = {k: [mark[k] for mark in marked if k in mark] for k in TOLD}
    return {k: sum(values) / len(values) for k, values in right.items() if values}


@torch.no_grad()
def marks(judge, pictures, shown):
    """For every picture, attribute → whether the judge sees what was asked for; without those that it cannot show."""
    seen = {k: logits.argmax(1).tolist() for k, logits in judge(prepare(pictures)).items()}
    wanted = [{k: label(face, k) for k in TOLD} for face in shown]
    return [{k: seen[k][i] == value for k, value in face.items() if value >= 0} for i, face in enumerate(wanted)]


def drawings(work, name, count, style):
    """Pictures of one rendered set, and their attributes with the style."""
    pictures, shown = render.load(work, name)
    return pictures[:count], [{**face, "style": style} for face in shown[:count]]


def train(options):
    """The training loop; one process is enough."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    sets = [drawings(options.work, "train-128x128", 12000, "round"), drawings(options.work, "square-128x128", 1500, "square")]
    inputs = torch.cat([prepare(pictures[i:i + 500]) for pictures, _ in sets for i in range(0, len(pictures), 500)])
    shown = [face for _, faces_of_set in sets for face in faces_of_set]
    wanted = {k: torch.tensor([label(face, k) for face in shown]) for k in TOLD}
    judge = Judge()
    optimizer = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=0.02)
    for step in range(options.steps):
        _, numbers = workers.seed_step(SEED, 0, step)
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - step / options.steps) + 1e-5
        picks = torch.from_numpy(numbers.integers(len(inputs), size=64))
        x = inputs[picks] + torch.randn(64, 3, 64, 64) * 0.06
        if step % 2:
            x = F.avg_pool2d(x, 3, 1, 1)
        logits = judge(x)
        loss = sum(F.cross_entropy(logits[k], wanted[k][picks]) for k in TOLD)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    judge.eval()
    halved = {k: v.half() if v.is_floating_point() else v for k, v in judge.state_dict().items()}
    workers.replace(Path(options.work) / "judge.safetensors", lambda new: save_file(halved, new))
    for name, style in (("test-128x128", "round"), ("test-square-128x128", "square")):
        scores = score(load(Path(options.work) / "judge.safetensors"), *drawings(options.work, name, 500, style))
        print(f"judge on {name}:", {k: round(v, 3) for k, v in scores.items()}, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="folder for data and checkpoints")
    parser.add_argument("--steps", type=int, default=1500)
    train(parser.parse_args())
