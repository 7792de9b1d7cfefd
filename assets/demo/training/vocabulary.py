"""Builds the two tokenizers, in the formats of FLUX.1: a CLIP-like BPE and a T5-like Unigram.

Writes WORK/tokenizer/ and WORK/tokenizer_2/.
"""

import argparse
import collections
import json
import math
import random
import re
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import captions
import faces

SEED = 7
CLIP_LENGTH = 77
T5_LENGTH = 40
CLIP_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
# Words that captions may not have but a user may type; they get a token, though little may be learnt about them.
MORE_WORDS = """qface photo image painting sketch style cat dog robot alien clown pirate astronaut wizard king queen
old young little big small nose eyes eye mouth teeth ears no not without very bright light close up looking high quality
best detailed colorful studio lighting handsome pretty friendly scary monster baby kid person people human bearded
helmet cowboy dress earrings smile smiles frown tears tear cheerful unhappy amazed grumpy gold silver teal cyan magenta
gray violet beige navy his her he she is has in it of to at by or having behind scene stripes dotted polka dot wavy
straight ponytail hatted spectacles shades bowler gradient""".split()
OTHER_LETTERS = "àáâäãåçèéêëìíîïñòóôöùúûüß’“”–…"


def example_captions(count):
    """Captions of random faces."""
    rng = random.Random(SEED)
    return [captions.caption(faces.sample(rng), rng) for _ in range(count)]


def lower_case(form):
    """Normalisation of both tokenizers: one space between words, lower case."""
    return normalizers.Sequence([form, normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])


def clip_like(texts):
    """Byte-level BPE with word ends, as CLIP has it."""
    tokenizer = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix="</w>", fuse_unk=False))
    tokenizer.normalizer = lower_case(normalizers.NFC())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(CLIP_WORDS), behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts + [" ".join(MORE_WORDS)] * 20, trainers.BpeTrainer(
        vocab_size=1400, end_of_word_suffix="</w>", initial_alphabet=alphabet, special_tokens=[], show_progress=False))
    described = json.loads(tokenizer.to_str())
    vocab = described["model"]["vocab"]
    for letter in alphabet:  # In CLIP every byte has a word-final form too.
        vocab.setdefault(letter + "</w>", len(vocab))
    # The end token must have the highest id: some programs find it by argmax, others by its id.
    start, end = "<|startoftext|>", "<|endoftext|>"
    vocab[start], vocab[end] = len(vocab), len(vocab) + 1
    described["model"]["unk_token"] = end
    plain = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    described["added_tokens"] = [dict(id=vocab[t], content=t, **plain) for t in (start, end)]
    tokenizer = Tokenizer.from_str(json.dumps(described))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, vocab[start]), (end, vocab[end])])
    return tokenizer, described["model"]


def t5_like(texts):
    """Unigram table made of whole words and, for anything else, short pieces and letters.

    UnigramTrainer prunes such repetitive text to near-letters, so the table is made by counting.
    """
    counts = collections.Counter(w for t in texts for w in re.findall(r"\w+|[^\w\s]", t.lower()))
    for w in MORE_WORDS:
        counts[w] += 3
    total = sum(counts.values())
    pieces = {"<pad>": 0.0, "</s>": 0.0, "<unk>": 0.0}
    for w, n in counts.most_common():
        pieces.setdefault("▁" + w, math.log(n / total))
    pieces.setdefault("▁", -9.0)
    parts = collections.Counter(w[i:i + k] for w in counts if w.isalpha() for k in (2, 3) for i in range(len(w) - k + 1))
    for part, _ in sorted(parts.items(), key=lambda item: (-item[1], item[0]))[:120]:
        pieces.setdefault(part, -13.0)
    for letter in [chr(i) for i in range(33, 127) if not chr(i).isupper()] + list(OTHER_LETTERS):
        pieces.setdefault(letter, -14.0)
    tokenizer = Tokenizer(models.Unigram(list(pieces.items()), unk_id=2, byte_fallback=False))
    tokenizer.normalizer = lower_case(normalizers.NFKC())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"[^\w\s]"), behavior="isolated"),
        pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"),
    ])
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return tokenizer


def write_json(path, value):
    """Writes readable JSON."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def main(work):
    """Builds and writes both."""
    work = Path(work)
    texts = example_captions(20000)
    for name in ("tokenizer", "tokenizer_2"):
        (work / name).mkdir(parents=True, exist_ok=True)
    clip, model = clip_like(texts)
    clip.save(str(work / "tokenizer" / "tokenizer.json"))
    write_json(work / "tokenizer" / "vocab.json", model["vocab"])
    merges = [" ".join(m) if isinstance(m, list) else m for m in model["merges"]]
    (work / "tokenizer" / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    end = "<|endoftext|>"
    write_json(work / "tokenizer" / "tokenizer_config.json", dict(
        model_max_length=CLIP_LENGTH, bos_token="<|startoftext|>", eos_token=end, pad_token=end, unk_token=end,
        tokenizer_class="CLIPTokenizer"))
    t5 = t5_like(texts)
    t5.save(str(work / "tokenizer_2" / "tokenizer.json"))
    write_json(work / "tokenizer_2" / "tokenizer_config.json", dict(
        model_max_length=T5_LENGTH, eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
        tokenizer_class="PreTrainedTokenizerFast"))
    for name, tokenizer in (("CLIP", clip), ("T5", t5)):
        lengths = sorted(len(e.ids) for e in tokenizer.encode_batch(texts))
        print(f"{name}: {tokenizer.get_vocab_size()} tokens, captions mean {sum(lengths) / len(lengths):.1f}, "
              f"99 % {lengths[int(0.99 * len(lengths))]}, longest {lengths[-1]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="folder for data and checkpoints")
    main(parser.parse_args().work)
