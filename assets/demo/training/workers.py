"""Runs a training stage in several single-threaded processes that share their weights.

On a machine without a GPU two processes of one thread each get more done than one process with two
threads, because tiny models spend much of their time outside matrix products.
"""

import os
import random

import numpy
import torch
import torch.distributed
import torch.multiprocessing


def run(stage, arguments, count):
    """Calls `stage(rank, count, arguments)` in `count` processes."""
    if count == 1:
        torch.set_num_threads(1)
        stage(0, 1, arguments)
    else:
        port = 29400 + random.SystemRandom().randrange(500)
        torch.multiprocessing.spawn(_start, (stage, arguments, count, port), nprocs=count)


def _start(rank, stage, arguments, count, port):
    """The entry of one process."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=count)
    stage(rank, count, arguments)
    torch.distributed.destroy_process_group()


def average(tensors, count):
    """Replaces every tensor by its mean over all processes, in one exchange."""
    if count == 1:
        return
    with torch.no_grad():
        flat = torch.cat([t.reshape(-1) for t in tensors])
        torch.distributed.all_reduce(flat)
        flat /= count
        for t, part in zip(tensors, flat.split([t.numel() for t in tensors])):
            t.copy_(part.view_as(t))


def seed_step(seed, rank, step):
    """Seeds everything for one step, so that a resumed run continues exactly as an uninterrupted one.

    Returns Python's and numpy's generator for that step.
    """
    numbers = numpy.random.default_rng([seed, rank, step])
    torch.manual_seed(int(numbers.integers(1 << 62)))
    return random.Random(int(numbers.integers(1 << 62))), numbers


def save(path, **state):
    """Writes a checkpoint so that a reader never sees half of it."""
    torch.save(state, f"{path}.new")
    os.replace(f"{path}.new", path)
