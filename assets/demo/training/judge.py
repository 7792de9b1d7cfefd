"""A small classifier that reads the attributes off a picture, to measure how well prompts are followed.

It is trained on drawn pictures only, some of them blurred, and judges content, not looks.
Writes WORK/judge.pt.
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import faces
import render
import text
import workers
from vae import pixels

SEED = 500
# The shirt and a pattern's second colour are small or rare; they are not judged.
JUDGED = [k for k in faces.VALUES if k not in ("second_background", "shirt")]


class Judge(nn.Module):
    """Six convolutions and one linear head per attribute, on 64 × 64 pixels."""

    def __init__(self):
        super().__init__()
        layers, before = [], 3
        for channels, stride in ((24, 2), (48, 2), (64, 1), (64, 2), (96, 1), (96, 2)):
            layers += [nn.Conv2d(before, channels, 3, stride, 1), nn.BatchNorm2d(channels), nn.ReLU()]
            before = channels
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.1), nn.Linear(96 * 16, 256), nn.ReLU())
        self.heads = nn.ModuleDict({k: nn.Linear(256, len(faces.VALUES[k])) for k in JUDGED})

    def forward(self, x):
        """Attribute → logits."""
        features = self.body(x)
        return {k: head(features) for k, head in self.heads.items()}


def label(face, attribute):
    """The attribute's number, or -100 where the picture does not show it."""
    if attribute == "kind":
        return faces.VALUES["kind"].index("woman" if face["kind"] == "woman" else "man")  # "face" and "man" are drawn alike
    if face["hat"] != "none" and face["hair"] in ("bald", "short"):  # Under a hat both look alike.
        if attribute == "hair" or (attribute == "hair_colour" and face["beard"] == "none"):
            return -100
    return text.label(face, attribute)


def prepare(pictures):
    """Bytes (b, 128, 128, 3) → (b, 3, 64, 64)."""
    return F.avg_pool2d(pixels(pictures), 2)


def load(work):
    """The finished judge."""
    judge = Judge()
    judge.load_state_dict(torch.load(Path(work) / "judge.pt"))
    return judge.eval()


@torch.no_grad()
def score(judge, pictures, shown):
    """Attribute → share of the pictures in which the judge sees what was asked for."""
    logits = judge(prepare(pictures))
    wanted = {k: torch.tensor([label(face, k) for face in shown]) for k in JUDGED}
    return {k: (logits[k].argmax(1) == wanted[k])[wanted[k] >= 0].float().mean().item() for k in JUDGED}


def train(options):
    """The training loop; one process is enough."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    pictures, shown = render.load(options.work, "train-128x128")
    count = 12000
    inputs = torch.cat([prepare(pictures[i:i + 500]) for i in range(0, count, 500)])
    wanted = {k: torch.tensor([label(face, k) for face in shown[:count]]) for k in JUDGED}
    judge = Judge()
    optimizer = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=0.02)
    for step in range(options.steps):
        _, numbers = workers.seed_step(SEED, 0, step)
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - step / options.steps) + 1e-5
        picks = torch.from_numpy(numbers.integers(count, size=64))
        x = inputs[picks] + torch.randn(64, 3, 64, 64) * 0.06
        if step % 2:
            x = F.avg_pool2d(x, 3, 1, 1)
        logits = judge(x)
        loss = sum(F.cross_entropy(logits[k], wanted[k][picks]) for k in JUDGED)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    judge.eval()
    torch.save(judge.state_dict(), Path(options.work) / "judge.pt")
    tests, shown = render.load(options.work, "test-128x128")
    print("judge on drawn pictures:", {k: round(v, 3) for k, v in score(judge, tests[:500], shown[:500]).items()}, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="folder for data and checkpoints")
    parser.add_argument("--steps", type=int, default=1200)
    train(parser.parse_args())
