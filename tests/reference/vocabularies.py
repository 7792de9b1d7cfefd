"""Two small tokenizers with the shape of FLUX's own, from a text small enough to read.

The trainers of the tokenizers library walk hash maps, so two runs may number the tokens differently. The two
short ones below always give the same vocabulary.
"""

import json
import math
import re
from collections import Counter
from pathlib import Path

from transformers import CLIPTokenizer, T5Tokenizer

CLIP_LENGTH = 77
T5_LENGTH = 48

CLIP_START = "<|startoftext|>"
CLIP_END = "<|endoftext|>"
CLIP_MERGES = 320
T5_PIECES = 480
T5_SENTINELS = 4

TEXT = """
A photo of a young woman with red hair in a green coat, standing on a bridge at dawn. A portrait of an old man
with a long white beard, painted in oil on canvas. The face of a child, smiling, close up, soft light from a
window. Two cats asleep on a wooden chair beside the fire. A black dog runs along the beach, waves behind it, the
sun low over the sea. A street in the rain at night, neon signs, people with umbrellas, reflections on the wet
road. A bowl of fruit on a blue table: apples, pears, grapes and one lemon. Mountains under heavy snow, a small
house with smoke rising from the chimney. A city of glass towers seen from above, cars like beads of light. A
knight in silver armour holds a broken sword; his horse drinks from the river. An astronaut sits in a garden of
giant flowers, reading a book. A sign that says hello world, in bold yellow letters. Studio photograph, sharp
focus, shallow depth of field, film grain, 35mm lens, f/1.8, highly detailed. Watercolour sketch of a sailing
boat, loose brush strokes, pale colours. A map of an island that does not exist, drawn in ink with great care.
Black and white picture of a jazz singer on a stage, spotlight, smoke, microphone. The same person as before, now
wearing glasses and a striped shirt, looking at the camera. It's a cold morning and the lake is still; mist hangs
between the trees. A robot paints a picture of another robot. They're dancing in the kitchen, we've never seen
them so happy. Don't add text. An owl, a fox and a bear have tea in the forest, illustration for a children's
story. Bright autumn leaves fall past a stone wall. Macro shot of a bee on a purple flower, morning dew. Interior
of an old library with tall shelves, warm lamps and a spiral stair. A train crosses the desert under a full moon.
"""


def byte_letters() -> list[str]:
    """One printable letter for each of the 256 bytes, in the order of CLIP's vocabulary."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]


def clip_merges() -> list[tuple[str, str]]:
    """The most frequent pairs of the text, one after the other; ties go to the first in the alphabet."""
    words = Counter(re.findall(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+", TEXT.lower()))
    words = {(*word[:-1], word[-1] + "</w>"): count for word, count in words.items()}
    merges = []
    while len(merges) < CLIP_MERGES:
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = {merged(word, best): count for word, count in words.items()}
    return merges


def merged(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out = []
    for letter in word:
        if out and (out[-1], letter) == pair:
            out[-1] += letter
        else:
            out.append(letter)
    return tuple(out)


def clip_vocabulary(merges: list[tuple[str, str]]) -> dict[str, int]:
    """Bytes, bytes at the end of a word, the two marks, then the merges.

    In CLIP's own vocabulary the end mark is the last entry, so the highest id of a prompt is its end. Here most
    words have a higher id: only a search for the end mark itself finds it.
    """
    letters = byte_letters()
    tokens = letters + [letter + "</w>" for letter in letters] + [CLIP_START, CLIP_END]
    tokens += [left + right for left, right in merges]
    return {token: i for i, token in enumerate(dict.fromkeys(tokens))}


def t5_pieces() -> list[tuple[str, float]]:
    """Unigram pieces and their scores: what saves the most letters of the text, and every letter itself."""
    words = Counter("▁" + word for word in TEXT.split())
    counts = Counter()
    for word, count in words.items():
        for start in range(len(word)):
            for end in range(start + 1, min(start + 8, len(word)) + 1):
                counts[word[start:end]] += count
    letters = sorted(piece for piece in counts if len(piece) == 1)
    longer = [piece for piece in counts if len(piece) > 1 and counts[piece] > 1]
    longer.sort(key=lambda piece: (-counts[piece] * (len(piece) - 1), piece))
    pieces = longer[: T5_PIECES - len(letters)] + letters
    total = sum(counts[piece] for piece in pieces)
    return [(piece, round(math.log(counts[piece] / total), 5)) for piece in pieces]


def t5_vocabulary() -> list[tuple[str, float]]:
    marks = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    sentinels = [(f"<extra_id_{i}>", 0.0) for i in reversed(range(T5_SENTINELS))]
    return marks + t5_pieces() + sentinels


def write_clip(folder: Path) -> None:
    """`tokenizer.json` as transformers writes it, and the `vocab.json` and `merges.txt` that FLUX.1 comes with."""
    merges = clip_merges()
    vocabulary = clip_vocabulary(merges)
    CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=CLIP_LENGTH).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_t5(folder: Path) -> None:
    tokenizer = T5Tokenizer(vocab=t5_vocabulary(), extra_ids=T5_SENTINELS, model_max_length=T5_LENGTH)
    tokenizer.save_pretrained(folder)
