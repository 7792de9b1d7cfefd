"""Renders the training pictures: WORK/SET.npy and the attributes in a .json beside it."""

import argparse
import json
import multiprocessing
import random
from dataclasses import dataclass
from pathlib import Path

import numpy

import faces
import workers

@dataclass(frozen=True)
class Set:
    """Pictures of one shape and style, and how many of them the transformer learns from."""

    count: int
    encoded: int
    width: int
    height: int
    first_seed: int  # seeds of two sets never overlap, so a test picture was never trained on
    square: bool = False


# The shapes are those that the program's aspect ratios give at this model's scale, and its largest square; of 0.25
# megapixels the extreme ones (96 × 48, 48 × 96) are left out.
SETS = {
    "train-128x128": Set(20000, 12000, 128, 128, 1_000_000),
    "train-144x112": Set(1200, 1200, 144, 112, 2_000_000),
    "train-112x144": Set(1200, 1200, 112, 144, 2_100_000),
    "train-160x112": Set(1000, 1000, 160, 112, 2_200_000),
    "train-112x160": Set(1000, 1000, 112, 160, 2_300_000),
    "train-176x96": Set(600, 600, 176, 96, 2_400_000),
    "train-96x176": Set(600, 600, 96, 176, 2_500_000),
    "train-192x80": Set(600, 600, 192, 80, 2_600_000),
    "train-80x192": Set(600, 600, 80, 192, 2_700_000),
    "train-64x64": Set(600, 600, 64, 64, 2_800_000),
    "train-80x64": Set(400, 400, 80, 64, 2_900_000),
    "train-64x80": Set(400, 400, 64, 80, 3_000_000),
    "train-192x192": Set(600, 600, 192, 192, 3_100_000),
    "square-128x128": Set(1500, 1000, 128, 128, 4_000_000, square=True),
    "test-128x128": Set(1000, 0, 128, 128, 9_000_000),
    "test-square-128x128": Set(300, 0, 128, 128, 9_100_000, square=True),
}


def render(job):
    """One picture with its attributes."""
    seed, width, height, square = job
    face = faces.sample(random.Random(seed))
    return face, numpy.asarray(faces.draw(face, width, height, square))


def load(work, name):
    """Pictures (n, h, w, 3) of bytes, read as needed, and their attributes."""
    return numpy.load(Path(work) / f"{name}.npy", mmap_mode="r"), json.loads((Path(work) / f"{name}.json").read_text())


def main(work):
    """Renders every set that is not there yet."""
    Path(work).mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool() as pool:
        for name, kind in SETS.items():
            if (Path(work) / f"{name}.json").exists():
                continue
            done = pool.map(render, [(kind.first_seed + i, kind.width, kind.height, kind.square) for i in range(kind.count)], chunksize=50)
            numpy.save(Path(work) / f"{name}.npy", numpy.stack([picture for _, picture in done]))
            # The list of attributes comes last: it says that the set is complete.
            workers.replace(Path(work) / f"{name}.json", lambda new: Path(new).write_text(json.dumps([face for face, _ in done])))
            print(f"rendered {kind.count} {name}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="folder for data and checkpoints")
    main(parser.parse_args().work)
