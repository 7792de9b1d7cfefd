"""The numbers that torch.randn draws on a CUDA card with 132 multiprocessors (H100, H200), in numpy.

Philox4x32-10 with the seed as its key; a thread's number and its call are the counter. The grid and who writes
which element are those of
https://github.com/pytorch/pytorch/blob/0140b62/aten/src/ATen/native/cuda/DistributionTemplates.h#L48-L85
and the numbers those of `curand_normal4` in CUDA's curand_normal.h: sine and cosine of the first two words, then of
the other two.
"""

import math

import numpy as np

BLOCK = 256
GRID_LIMIT = 132 * (2048 // BLOCK)

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
WORD = np.uint64(0xFFFFFFFF)


def philox(counter: list[np.ndarray], seed: int) -> list[np.ndarray]:
    """Four 32-bit words per counter; a counter is four words, lowest first (all kept in u64 arrays)."""
    key = [seed & 0xFFFFFFFF, seed >> 32]
    a, b, c, d = counter
    for _ in range(ROUNDS):
        first = a * np.uint64(MULTIPLIERS[0])
        second = c * np.uint64(MULTIPLIERS[1])
        a, b, c, d = (
            (second >> np.uint64(32)) ^ b ^ np.uint64(key[0]),
            second & WORD,
            (first >> np.uint64(32)) ^ d ^ np.uint64(key[1]),
            first & WORD,
        )
        key = [(k + step) & 0xFFFFFFFF for k, step in zip(key, KEY_STEPS)]
    return [a, b, c, d]


def box_muller(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two normal numbers from two words; every result is rounded to f32 as the card's are.

    Logarithm, sine and cosine are taken in f64 and then rounded, which gives the same bits on every processor.
    """
    unit = np.float32(2**-32)
    turn = np.float32(2**-32 * 2 * math.pi)
    u = x.astype(np.float32) * unit + unit / np.float32(2)
    # A fused multiply-add: one rounding.
    v = (y.astype(np.float32).astype(np.float64) * np.float64(turn) + np.float64(turn) / 2).astype(np.float32)
    radius = np.sqrt(np.float32(-2) * np.log(u.astype(np.float64)).astype(np.float32))
    sine = np.sin(v.astype(np.float64)).astype(np.float32)
    cosine = np.cos(v.astype(np.float64)).astype(np.float32)
    return radius * sine, radius * cosine


def randn(seed: int, count: int, indices: list[int]) -> np.ndarray:
    """The elements `indices` of the first draw of `count` numbers with this seed, in f32."""
    stride = BLOCK * min(math.ceil(count / BLOCK), GRID_LIMIT)
    flat = np.array(indices, dtype=np.uint64)
    thread = flat % np.uint64(stride)
    turn = flat // np.uint64(stride)
    call = turn // np.uint64(4)
    zero = np.zeros_like(flat)
    a, b, c, d = philox([call, zero, thread & WORD, thread >> np.uint64(32)], seed)
    four = np.stack([*box_muller(a, b), *box_muller(c, d)])
    return four[(turn % np.uint64(4)).astype(np.int64), np.arange(len(flat))]


def check() -> None:
    """Compares with a published draw of shape (3, 4) for seed 0, which seems to come from f64 words."""
    expected = """-0.92466259 -0.42534415 -2.6438457 0.14518388 -0.12086647 -0.57972564 -0.62285122 -0.32838709
                  -1.07454231 -0.36314407 -1.67105067 2.26550497"""
    np.testing.assert_allclose(randn(0, 12, list(range(12))), np.array(expected.split(), float), rtol=0, atol=1e-6)
