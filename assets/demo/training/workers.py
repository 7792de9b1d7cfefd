"""Runs a training stage in several single-threaded processes that share their weights.

On a machine without a GPU two processes of one thread each get more done than one process with two
threads, because tiny models spend much of their time outside matrix products.
"""

import argparse
import multiprocessing
import os
import random
import time

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


def parser(description, steps, batch, lr, count=2, unit="pictures"):
    """The options of a training stage; the stage may add its own."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--work", required=True, help="folder for data and checkpoints")
    options.add_argument("--steps", type=int, default=steps)
    options.add_argument("--batch", type=int, default=batch, help=f"{unit} per worker and step")
    options.add_argument("--lr", type=float, default=lr)
    options.add_argument("--workers", type=int, default=count)
    return options


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
    """Seeds everything for one step, so that a resumed run sees what an uninterrupted one would have seen.

    Returns Python's and numpy's generator for that step.
    """
    numbers = numpy.random.default_rng([seed, rank, step])
    torch.manual_seed(int(numbers.integers(1 << 62)))
    return random.Random(int(numbers.integers(1 << 62))), numbers


SHARED = 99  # the rank whose seeds all workers share


def seed_lesson(seed, rank, step):
    """Seeds one step as `seed_step` does, with one more generator in front that draws the same in all workers."""
    shared_rng, _ = seed_step(seed, SHARED, step)
    return shared_rng, *seed_step(seed, rank, step)


def replace(path, write):
    """Calls `write` with a name beside `path` and then renames, so that `path` is never half of a file."""
    new = f"{path}.new"
    write(new)
    os.replace(new, path)


def save(path, **state):
    """Writes a checkpoint so that a reader never sees half of it."""
    replace(path, lambda new: torch.save(state, new))


class Trainer:
    """What one worker trains, and what is saved and resumed with it.

    Every worker trains on its own; every few steps all weights are averaged, and the average is mixed
    into a smoothed copy, which is what later stages use. A resumed run continues exactly with one worker;
    with several, all of them continue with the first one's optimizer.
    """

    EXCHANGE_EVERY = 8  # steps

    def __init__(self, model, optimizers, checkpoint, rank, count, steps, window):
        self.trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.smooth = [p.detach().clone() for p in self.trained.values()]
        self.optimizers, self.checkpoint = optimizers, checkpoint
        self.peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
        self.rank, self.count, self.steps, self.window = rank, count, steps, window
        self.done, self.loss = 0, None
        if checkpoint.exists():
            state = torch.load(checkpoint)
            model.load_state_dict(state["model"], strict=len(self.trained) == len(list(model.parameters())))
            for optimizer, saved in zip(optimizers, state["optimizers"]):
                optimizer.load_state_dict(saved)
            self.smooth, self.done, self.loss = state["ema"], state["step"], state["loss"]
        self.first, self.started = self.done, time.time()
        self.saved = self.started

    def learn(self, loss, rate):
        """One step down `loss`, at the share `rate` of every optimizer's peak learning rate."""
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            raise SystemExit("the run was stopped: its worker ends too")
        parameters = list(self.trained.values())
        for optimizer, peaks in zip(self.optimizers, self.peaks):
            for group, peak in zip(optimizer.param_groups, peaks):
                group["lr"] = peak * rate
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.loss = loss.item() if self.loss is None else 0.98 * self.loss + 0.02 * loss.item()
        self.done += 1
        last = self.done == self.steps
        if self.done % self.EXCHANGE_EVERY == 0 or last:
            average(parameters, self.count)
            rounds = self.done // self.EXCHANGE_EVERY
            kept = min(1 - 1 / self.window, rounds / (rounds + 0.4 * self.window))
            torch._foreach_lerp_(self.smooth, [p.detach() for p in parameters], 1 - kept)
            if self.rank == 0 and (time.time() - self.saved > 180 or last):
                self.save()
        if self.rank == 0 and (self.done % 25 == 0 or last):
            print(f"step {self.done} loss {self.loss:.4f} rate {rate:.2f} {time.time() - self.started:.0f} s", flush=True)

    def save(self):
        """Writes the checkpoint."""
        self.saved = time.time()
        save(self.checkpoint, model={name: p.detach() for name, p in self.trained.items()},
             optimizers=[o.state_dict() for o in self.optimizers], ema=self.smooth, step=self.done, loss=self.loss)


def warm_and_decay(step, steps, warm_up, decay):
    """The share of the peak learning rate: rises for `warm_up` steps, falls to 0 over the last share `decay`."""
    return min(1, (step + 1) / warm_up) * min(1, max(0.02, (1 - step / steps) / decay))
