"""Trains both text encoders to predict a face's attributes from its caption; after that they are frozen.

Learning words from the denoising loss as well would work, but costs more than it gives at this size.
Writes WORK/text.pt while training and the finished folders WORK/text_encoder/ and WORK/text_encoder_2/.
"""

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

import captions
import faces
import vocabulary
import workers

SEED = 200
WIDTH = 128
# Causal attention: tokens after the end change nothing before it, so training may pad less than to 77.
CLIP_TRAINING_LENGTH = 44


class TextEncoders(torch.nn.Module):
    """Both tokenizers and both encoders, used exactly as inference uses them."""

    def __init__(self, work):
        super().__init__()
        self.clip_tokens = Tokenizer.from_file(str(Path(work) / "tokenizer" / "tokenizer.json"))
        self.t5_tokens = Tokenizer.from_file(str(Path(work) / "tokenizer_2" / "tokenizer.json"))
        start, end = (self.clip_tokens.token_to_id(t) for t in ("<|startoftext|>", "<|endoftext|>"))
        self.clip_tokens.enable_truncation(CLIP_TRAINING_LENGTH)
        self.clip_tokens.enable_padding(length=CLIP_TRAINING_LENGTH, pad_id=end, pad_token="<|endoftext|>")
        self.t5_tokens.enable_truncation(vocabulary.T5_LENGTH)
        self.t5_tokens.enable_padding(length=vocabulary.T5_LENGTH, pad_id=0, pad_token="<pad>")
        self.clip = CLIPTextModel(CLIPTextConfig(
            vocab_size=self.clip_tokens.get_vocab_size(), hidden_size=WIDTH, intermediate_size=384, projection_dim=WIDTH,
            num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=vocabulary.CLIP_LENGTH,
            bos_token_id=start, eos_token_id=end, pad_token_id=end, hidden_act="quick_gelu"))
        self.t5 = T5EncoderModel(T5Config(
            vocab_size=self.t5_tokens.get_vocab_size(), d_model=WIDTH, d_kv=32, d_ff=256, num_layers=2, num_heads=4,
            feed_forward_proj="gated-gelu", dropout_rate=0.0, tie_word_embeddings=False, pad_token_id=0, eos_token_id=1))

    def forward(self, texts):
        """Captions → CLIP's vector at the end token (b, 128) and T5's sequence (b, 40, 128).

        T5 attends to its padding, as FLUX.1 lets it.
        """
        clip_ids = torch.tensor([e.ids for e in self.clip_tokens.encode_batch(texts)])
        t5_ids = torch.tensor([e.ids for e in self.t5_tokens.encode_batch(texts)])
        pooled = self.clip(input_ids=clip_ids).pooler_output
        return pooled, self.t5(input_ids=t5_ids, attention_mask=torch.ones_like(t5_ids)).last_hidden_state


class AttributeHeads(torch.nn.Module):
    """Predicts every attribute from CLIP's vector, and from T5's sequence by one learnt query each."""

    def __init__(self):
        super().__init__()
        self.from_clip = torch.nn.ModuleDict({k: torch.nn.Linear(WIDTH, len(v)) for k, v in faces.VALUES.items()})
        self.from_t5 = torch.nn.ModuleDict({k: torch.nn.Linear(WIDTH, len(v)) for k, v in faces.VALUES.items()})
        self.queries = torch.nn.Parameter(torch.randn(len(faces.VALUES), WIDTH))

    def forward(self, pooled, sequence):
        """Attribute → (logits from CLIP, logits from T5)."""
        weights = torch.softmax(torch.einsum("kd,bld->bkl", self.queries, sequence) / WIDTH**0.5, -1)
        found = weights @ sequence
        return {k: (self.from_clip[k](pooled), self.from_t5[k](found[:, i])) for i, k in enumerate(faces.VALUES)}


def label(face, attribute):
    """The attribute's value as a number, or -100 where the face does not show it."""
    hidden = (
        (attribute == "hat_colour" and face["hat"] == "none")
        or (attribute == "hair_colour" and face["hair"] == "bald" and face["beard"] == "none")
        or (attribute == "second_background" and face["pattern"] == "plain")
    )
    return -100 if hidden else faces.VALUES[attribute].index(face[attribute])


def load(work):
    """The finished, frozen encoders."""
    encoders = TextEncoders(work)
    encoders.load_state_dict(torch.load(Path(work) / "text.pt")["encoders"])
    return encoders.eval().requires_grad_(False)


def train(options):
    """The training loop; one process is enough."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    work = Path(options.work)
    encoders, heads = TextEncoders(work), AttributeHeads()
    parameters = [*encoders.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, options.lr, betas=(0.9, 0.98), weight_decay=0.01)
    first = 0
    if (work / "text.pt").exists():
        state = torch.load(work / "text.pt")
        encoders.load_state_dict(state["encoders"])
        heads.load_state_dict(state["heads"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    started = time.time()
    for step in range(first, options.steps):
        rng, _ = workers.seed_step(SEED, 0, step)
        for group in optimizer.param_groups:
            group["lr"] = options.lr * min(1, (step + 1) / 100) * (1 - step / options.steps) ** 0.7
        batch = [faces.sample(rng) for _ in range(options.batch)]
        logits = heads(*encoders([captions.caption(face, rng) for face in batch]))
        wanted = {k: torch.tensor([label(face, k) for face in batch]) for k in faces.VALUES}
        losses = [F.cross_entropy(one, wanted[k]) for k, both in logits.items() for one in both if (wanted[k] >= 0).any()]
        optimizer.zero_grad()
        sum(losses).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if (step + 1) % 50 == 0:
            right = {k: [round(100 * (one.argmax(1) == wanted[k])[wanted[k] >= 0].float().mean().item()) for one in both]
                     for k, both in logits.items()}
            print(f"step {step + 1} {time.time() - started:.0f} s, right in % (CLIP, T5): {right}", flush=True)
        if (step + 1) % 100 == 0 or step + 1 == options.steps:
            workers.save(work / "text.pt", encoders=encoders.state_dict(), heads=heads.state_dict(),
                         optimizer=optimizer.state_dict(), step=step + 1)
    encoders.clip.save_pretrained(work / "text_encoder")
    encoders.t5.save_pretrained(work / "text_encoder_2")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="folder for data and checkpoints")
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--lr", type=float, default=2e-3)
    train(parser.parse_args())
