"""Trains the image autoencoder: the FLUX.1 one, with few and narrow layers.

Writes WORK/vae.pt while training and the finished diffusers folder WORK/vae/.
"""

import math
import time
from pathlib import Path

import numpy
import torch
from diffusers import AutoencoderKL

import render
import workers

SEED = 100
CONFIG = dict(
    down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
    block_out_channels=(16, 32, 64, 64), layers_per_block=1, latent_channels=16,
    # 32 groups would leave half a channel each, and groups of few channels lose absolute colour.
    norm_num_groups=4,
    use_quant_conv=False, use_post_quant_conv=False, sample_size=128, force_upcast=False,
)


def build():
    """A new autoencoder that starts nearly linear with gain 1.

    Residual branches are small, biases zero, channel mixing orthogonal and upsampling bilinear. From
    the default initialisation training stays near 14 dB for hundreds of steps.
    """
    torch.manual_seed(SEED)
    vae = AutoencoderKL(**CONFIG)
    bilinear = torch.outer(torch.tensor([1.0, 2, 1]), torch.tensor([1.0, 2, 1])) / 16
    centre = torch.zeros(3, 3)
    centre[1, 1] = 1
    straight = ("conv_shortcut.weight", "downsamplers", "upsamplers", "conv_in.weight", "conv_out.weight")
    with torch.no_grad():
        for name, p in vae.named_parameters():
            if name.endswith(".bias") and "norm" not in name:
                p.zero_()
            if name.endswith("conv2.weight") or "to_out.0.weight" in name:
                p.mul_(0.1)
            if name.endswith("weight") and any(part in name for part in straight):
                mix = torch.nn.init.orthogonal_(torch.empty(p.shape[0], p.shape[1]))[:, :, None, None]
                if "downsamplers" in name:
                    p.mul_(0.5)
                    p[:, :, :2, :2] += mix * 0.25
                elif p.shape[2] == 1:
                    p.copy_(mix)
                else:
                    p.mul_(0.3).add_(mix * (bilinear if "upsamplers" in name else centre))
    return vae


def pixels(pictures):
    """Bytes (b, h, w, 3) → (b, 3, h, w) in -1..1."""
    x = torch.from_numpy(numpy.array(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last)


def crops(pictures, count, size, numbers):
    """`count` random square pieces of random pictures."""
    pieces = []
    for i in numbers.integers(len(pictures), size=count):
        top, left = numbers.integers(pictures.shape[1] - size + 1), numbers.integers(pictures.shape[2] - size + 1)
        pieces.append(pictures[i, top:top + size, left:left + size])
    return pixels(numpy.stack(pieces))


def edges(x):
    """Differences between neighbouring pixels, down and across."""
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


def difference(y, x):
    """Error in colours and in edges."""
    edge = sum((a - b).abs().mean() for a, b in zip(edges(y), edges(x)))
    return (y - x).abs().mean() + ((y - x) ** 2).mean() + 0.5 * edge


def loss_of(vae, x, kl_weight):
    """Colour error, edge error and distance of the latents from a normal distribution."""
    posterior = vae.encode(x).latent_dist
    mean, logvar = posterior.mean, posterior.logvar
    y = vae.decode(mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)).sample
    kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).mean()
    return difference(y, x) + kl_weight * kl


@torch.no_grad()
def psnr(vae, pictures):
    """Mean peak signal-to-noise ratio in dB of pictures that went through the autoencoder."""
    x = pixels(pictures)
    y = vae.decode(vae.encode(x).latent_dist.mode()).sample.clamp(-1, 1)
    return (10 * torch.log10(4 / ((y - x) ** 2).mean((1, 2, 3)))).mean().item()


def batch_shape(progress, batch):
    """Small crops first (cheap, many edges), whole pictures last (norm statistics as in use)."""
    if progress < 0.1:
        return 32, batch * 3
    if progress < 0.75:
        return 64, batch
    return 128, max(1, batch // 3)


def train(rank, count, options):
    """One worker: gradients are averaged at every step."""
    work = Path(options.work)
    pictures, _ = render.load(work, "train-128x128")
    tests, _ = render.load(work, "test-128x128")
    vae = build().to(memory_format=torch.channels_last)
    parameters = list(vae.parameters())
    optimizer = torch.optim.AdamW(parameters, options.lr, betas=(0.9, 0.98), weight_decay=0)
    ema = [p.detach().clone() for p in parameters]
    first = 0
    if (work / "vae.pt").exists():
        state = torch.load(work / "vae.pt")
        vae.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        ema, first = state["ema"], state["step"]
    saved = started = time.time()
    for step in range(first, options.steps):
        _, numbers = workers.seed_step(SEED, rank, step)
        progress = step / options.steps
        rate = min(1, (step + 1) / 30) * (1 if progress < 0.4 else max(0.02, 0.5 + 0.5 * math.cos((progress - 0.4) / 0.6 * math.pi)))
        for group in optimizer.param_groups:
            group["lr"] = options.lr * rate
        size, batch = batch_shape(progress, options.batch)
        loss = loss_of(vae, crops(pictures, batch, size, numbers), options.kl)
        optimizer.zero_grad()
        loss.backward()
        workers.average([p.grad for p in parameters], count)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        torch._foreach_lerp_(ema, [p.detach() for p in parameters], 1 - min(0.99, step / (step + 20)))
        if rank == 0 and (step + 1) % 100 == 0:
            print(f"step {step + 1} loss {loss.item():.4f} test psnr {psnr(vae, tests[:16]):.2f} "
                  f"{time.time() - started:.0f} s", flush=True)
        if rank == 0 and (time.time() - saved > 120 or step + 1 == options.steps):
            saved = time.time()
            workers.save(work / "vae.pt", model=vae.state_dict(), optimizer=optimizer.state_dict(), ema=ema, step=step + 1)
    if rank == 0:
        finish(work)


@torch.no_grad()
def finish(work):
    """Measures the latents' mean and spread, so that the transformer sees a unit normal, and saves."""
    vae = build()
    state = torch.load(work / "vae.pt")
    for p, smooth in zip(vae.parameters(), state["ema"]):
        p.copy_(smooth)
    drawings, _ = render.load(work, "train-128x128")
    tests, _ = render.load(work, "test-128x128")
    latents = vae.encode(pixels(drawings[:200])).latent_dist.mode()
    vae.register_to_config(shift_factor=latents.mean().item(), scaling_factor=1 / latents.std().item())
    vae.save_pretrained(work / "vae")
    print(f"vae: step {state['step']}, test psnr {psnr(vae, tests[:200]):.2f} dB, "
          f"latent spread per channel {[round(v, 2) for v in latents.std((0, 2, 3)).tolist()]}", flush=True)


if __name__ == "__main__":
    parser = workers.parser(__doc__, steps=1200, batch=12, lr=2e-3, unit="64-pixel crops")
    parser.add_argument("--kl", type=float, default=1e-3)
    options = parser.parse_args()
    workers.run(train, options, options.workers)
