"""Trains the LoRA of the square style, on the word QFACE alone.

A third of the lessons are ordinary drawings without the word, so that the style stays with it. Half of
the steps run at another scale than 1, so that scales from -1 to 2 give pictures: above 1 the style
itself, below 0 ordinary drawings, with the word or without.
The layers are those that Replicate's FLUX trainer adapts, the names and the half precision are those it
saves. Writes WORK/style.pt while training, then OUT/qface-lora.safetensors and OUT/trained_model.tar.
"""

import io
import tarfile
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file

import base
import captions
import encode
import flux
import text
import workers

SEED = 700
RANK = 8
ORDINARY = 0.33
# https://github.com/replicate/flux-fine-tuner/blob/96fdfe1/layer_match.py: every linear layer of the blocks.
LAYERS = r".*(transformer_blocks|single_transformer_blocks)\.\d+\.(norm1\.linear|norm1_context\.linear|norm\.linear" \
         r"|attn\.(to_q|to_k|to_v|add_q_proj|add_k_proj|add_v_proj|to_out\.0|to_add_out)" \
         r"|ff\.net\.0\.proj|ff\.net\.2|ff_context\.net\.0\.proj|ff_context\.net\.2|proj_mlp|proj_out)"


def adapted(work):
    """The dev model with untrained low-rank layers; only they learn."""
    torch.manual_seed(SEED)
    model = base.load(work / "distilled.pt").requires_grad_(False)
    model.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, init_lora_weights="gaussian", target_modules=LAYERS))
    return model


def random_scale(rng):
    """1 in half of the steps, else up to 2, sometimes below 0."""
    chance = rng.random()
    if chance < 0.5:
        return 1.0
    return rng.uniform(1, 2) if chance < 0.88 else rng.uniform(-1, 0)


def set_scale(model, scale):
    """Lets the low-rank layers act with this factor."""
    for layer in model.modules():
        if isinstance(layer, LoraLayer):
            layer.set_scale("default", scale)


def train(rank, count, options):
    """One worker."""
    work = Path(options.work)
    encoders, model = text.load(work), adapted(work)
    square, usual = encode.load(work, "square-128x128"), encode.load(work, base.MAIN_SHAPE)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], options.lr, weight_decay=1e-4)
    trainer = workers.Trainer(model, [optimizer], work / "style.pt", rank, count, options.steps, window=10)
    for step in range(trainer.first, options.steps):
        rng, _ = workers.seed_step(SEED, rank, step)
        clean, texts, scale = [], [], random_scale(rng)
        set_scale(model, scale)
        for _ in range(options.batch):
            named = rng.random() >= ORDINARY
            latents, shown = square if named and scale > 0 else usual
            i = rng.randrange(len(latents))
            written = captions.caption(shown[i], rng)
            clean.append(latents[i])
            texts.append(captions.with_trigger(written, rng) if named else written)
        clean = torch.stack(clean).float()
        loss = base.flow_loss(model, encoders, flux.pack(clean), texts, flux.positions(*clean.shape[2:]))
        trainer.learn(loss, workers.warm_and_decay(step, options.steps, 20, 0.6))
    if rank == 0:
        export(work, Path(options.out))


@torch.no_grad()
def export(work, out):
    """Writes the smoothed layers as one file, and as the tar that Replicate's trainer returns."""
    model = adapted(work)
    learnt = [p for p in model.parameters() if p.requires_grad]
    for p, smooth in zip(learnt, torch.load(work / "style.pt")["ema"]):
        p.copy_(smooth)
    layers = {f"transformer.{name}": w.half().contiguous() for name, w in get_peft_model_state_dict(model).items()}
    out.mkdir(parents=True, exist_ok=True)
    weights = out / "qface-lora.safetensors"
    save_file(layers, weights, metadata={"format": "pt"})
    weights.chmod(0o644)
    with tarfile.open(out / "trained_model.tar", "w") as tar:
        def add(name, contents):
            entry = tarfile.TarInfo(f"output/flux_train_replicate/{name}")
            entry.size, entry.mode = len(contents), 0o644
            tar.addfile(entry, io.BytesIO(contents))
        add("lora.safetensors", weights.read_bytes())
        add("captions/0.txt", f"a smiling man, in the style of {captions.TRIGGER}\n".encode())
    print(f"{len(layers)} tensors, {sum(w.numel() for w in layers.values()) / 1e3:.0f} k parameters, "
          f"{weights.stat().st_size / 1e3:.0f} kB", flush=True)


if __name__ == "__main__":
    parser = workers.parser(__doc__, steps=1300, batch=24, lr=2e-3, count=1)
    parser.add_argument("--out", required=True, help="folder for the two files")
    options = parser.parse_args()
    workers.run(train, options, options.workers)
