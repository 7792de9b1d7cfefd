"""Pictures and masks fitted to a size the model can make, as the reference does it with Pillow, on 8-bit pixels.

    python tests/reference/fitting.py            # or: fitting.py some/other/folder
"""

import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from listing import one_case_a_line

DEFAULT = Path(__file__).resolve().parent.parent / "data" / "fitting"

LIMIT = 1440

# Name, the picture's width and height, the width and height it gets.
LANCZOS = [
    ("grow", (37, 53), (48, 64)),
    ("shrink", (200, 150), (64, 48)),
    ("point", (1, 1), (16, 16)),
    ("flat", (500, 3), (64, 16)),
    ("tall", (40, 200), (32, 48)),
]
NEAREST = [
    ("grow", (37, 53), (48, 64)),
    ("shrink", (200, 150), (64, 48)),
    ("small", (13, 7), (64, 48)),
    # Here the middle of a pixel often falls on an edge between two, and the rounding of a sum decides.
    ("edges", (32, 160), (48, 48)),
]
# In the last four a factor in f64 and exact arithmetic part.
SIZES = [
    (1, 1),
    (16, 16),
    (75, 60),
    (1440, 1440),
    (1441, 1440),
    (1600, 32),
    (3000, 4000),
    (4032, 3024),
    (1080, 1920),
    (5000, 1),
    (2112, 330),
    (330, 2112),
    (2496, 2470),
    (4992, 1612),
]


def target(width: int, height: int) -> tuple[int, int]:
    """The size a picture gets: no side above the limit, never larger but for sides up to a multiple of 16.

    https://github.com/replicate/cog-flux/blob/17a4d1aff7a54ec7a1d36b36ecb11d5037050b67/diffusers_predictor.py
    """
    scale = min(LIMIT / width, LIMIT / height, 1)
    if scale < 1:
        width, height = int(width * scale), int(height * scale)
    return (width + 15) // 16 * 16, (height + 15) // 16 * 16


def lanczos(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The width, rounded to 8 bits, then the height.

    `resize` alone does the same, but from Pillow 13 it does the height first when that shrinks by more than twice as
    many pixels as the width.
    """
    return image.resize((size[0], image.height), Image.LANCZOS).resize(size, Image.LANCZOS)


def nearest(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    return mask.resize(size, Image.NEAREST)


def gradient(name: str, size: tuple[int, int]) -> Image.Image:
    """Redder to the right, greener downwards, in blue stripes with a hard edge; a small one, whose file stays small,
    has noise as well.
    """
    width, height = size
    noise = 60 if max(size) <= 64 else 0
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    smooth = np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x * 7 + y * 3) % 256], axis=-1)
    random = np.random.default_rng(zlib.crc32(name.encode())).integers(-noise, noise + 1, (height, width, 3))
    return Image.fromarray(np.clip(smooth + random, 0, 255).astype(np.uint8))


def spots(name: str, size: tuple[int, int]) -> Image.Image:
    """A grey mask where neighbours differ, so that every wrong pixel shows."""
    width, height = size
    random = np.random.default_rng(zlib.crc32(name.encode()))
    return Image.fromarray(random.integers(0, 8, (height, width)).astype(np.uint8) * 36)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    folder.mkdir(parents=True, exist_ok=True)
    cases = {}
    for kind, listed, make, fit in (("lanczos", LANCZOS, gradient, lanczos), ("nearest", NEAREST, spots, nearest)):
        cases[kind] = []
        for name, before, after in listed:
            image = make(f"{kind} {name}", before)
            case = {"name": name}
            for key, picture in (("from", image), ("to", fit(image, after))):
                case[key] = f"{kind}-{name}-{picture.width}x{picture.height}.png"
                picture.save(folder / case[key], optimize=True)
            cases[kind].append(case)
    cases["sizes"] = [{"from": size, "to": target(*size)} for size in SIZES]
    (folder / "cases.json").write_text(one_case_a_line(cases))


if __name__ == "__main__":
    main()
