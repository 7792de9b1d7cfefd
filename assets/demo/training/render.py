"""Renders the training pictures: WORK/faces-WIDTHxHEIGHT.npy and the attributes in a .json beside it."""

import argparse
import json
import multiprocessing
import random
from pathlib import Path

import numpy

import faces

# Sets: name → (how many, width, height, first seed). Seeds never overlap, so "test" was never trained on.
SETS = {
    "train-128x128": (30000, 128, 128, 1_000_000),
    "train-160x128": (3000, 160, 128, 2_000_000),
    "train-128x160": (3000, 128, 160, 3_000_000),
    "test-128x128": (1000, 128, 128, 9_000_000),
}


def render(job):
    """One picture with its attributes."""
    seed, width, height = job
    face = faces.sample(random.Random(seed))
    return face, numpy.asarray(faces.draw(face, width, height))


def load(work, name):
    """Pictures (n, h, w, 3) of bytes, read as needed, and their attributes."""
    return numpy.load(Path(work) / f"{name}.npy", mmap_mode="r"), json.loads((Path(work) / f"{name}.json").read_text())


def main(work):
    """Renders every set that is not there yet."""
    Path(work).mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool() as pool:
        for name, (count, width, height, first) in SETS.items():
            if (Path(work) / f"{name}.json").exists():
                continue
            done = pool.map(render, [(first + i, width, height) for i in range(count)], chunksize=100)
            numpy.save(Path(work) / f"{name}.npy", numpy.stack([picture for _, picture in done]))
            (Path(work) / f"{name}.json").write_text(json.dumps([face for face, _ in done]))
            print(f"rendered {count} {name}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="folder for data and checkpoints")
    main(parser.parse_args().work)
