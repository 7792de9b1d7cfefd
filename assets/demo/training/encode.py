"""Encodes training pictures into latents with the finished autoencoder: WORK/latents-SET.pt."""

import argparse
import multiprocessing
from pathlib import Path

import torch
from diffusers import AutoencoderKL

import render
import workers
from vae import pixels

@torch.no_grad()
def encode(job):
    """Latents of one slice of a set, normalised to mean 0 and spread 1."""
    work, name, start, end = job
    torch.set_num_threads(1)
    vae = AutoencoderKL.from_pretrained(Path(work) / "vae").eval().to(memory_format=torch.channels_last)
    pictures, _ = render.load(work, name)
    parts = [vae.encode(pixels(pictures[i:min(end, i + 20)])).latent_dist.mode() for i in range(start, end, 20)]
    return ((torch.cat(parts) - vae.config.shift_factor) * vae.config.scaling_factor).half().contiguous().numpy()


def load(work, name):
    """Latents (n, 16, h, w) and the attributes of the same faces."""
    latents = torch.load(Path(work) / f"latents-{name}.pt")
    return latents, render.load(work, name)[1][:len(latents)]


def main(work, processes):
    """Encodes every set that is not there yet."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for name, kind in render.SETS.items():
            path, count = Path(work) / f"latents-{name}.pt", kind.encoded
            if path.exists() or count == 0:
                continue
            jobs = [(work, name, i, min(count, i + 100)) for i in range(0, count, 100)]
            latents = torch.cat([torch.from_numpy(part) for part in pool.map(encode, jobs, chunksize=1)])
            workers.replace(path, lambda new: torch.save(latents, new))
            print(f"encoded {kind.encoded} {name}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="folder for data and checkpoints")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    main(options.work, options.workers)
