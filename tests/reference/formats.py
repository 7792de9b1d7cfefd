"""Tiny picture files of many formats, and what Pillow shows of each: its first frame, turned as its EXIF says.

    python tests/reference/formats.py            # or: formats.py some/other/folder
"""

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from listing import one_case_a_line

DEFAULT = Path(__file__).resolve().parent.parent / "data" / "formats"

SIZE = (24, 16)
# Top left, top right, bottom left, bottom right.
CORNERS = [[(230, 40, 30), (30, 180, 60)], [(30, 60, 220), (240, 220, 40)]]

ORIENTATION = 0x0112
# What undoes an orientation, so that every file shows the same picture.
UNDO = {
    3: Image.Transpose.ROTATE_180,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}

# Decoders may differ by some levels here: in the cosine transform, in how they stretch the colours of 4:2:0, and in
# how they turn CMYK, which has no profile here, into RGB.
LOSSY = ("jpeg", "webp-lossy", "avif", "tiff-cmyk")


def smooth() -> Image.Image:
    """A colour in every corner; soft, so that decoders of lossy formats agree."""
    return Image.fromarray(np.array(CORNERS, dtype=np.uint8)).resize(SIZE, Image.BILINEAR)


def blocks() -> Image.Image:
    return Image.fromarray(np.array(CORNERS, dtype=np.uint8)).resize(SIZE, Image.NEAREST)


def alpha() -> Image.Image:
    """Transparent on the left, opaque on the right."""
    return Image.fromarray(np.tile((np.arange(SIZE[0]) * 255 // (SIZE[0] - 1)).astype(np.uint8), (SIZE[1], 1)))


def palette() -> Image.Image:
    """The blocks as a palette of four colours."""
    return blocks().quantize(4, dither=Image.Dither.NONE)


def sixteen(channels: Image.Image) -> np.ndarray:
    """16-bit samples with that high byte and every kind of low byte, so that cutting and rounding differ."""
    high = np.array(channels).astype(np.uint16)
    return high * 256 + (np.arange(high.size).reshape(high.shape) * 37 % 256).astype(np.uint16)


def cmyk() -> Image.Image:
    """The smooth picture with as much black ink as fits."""
    rgb = np.array(smooth()).astype(int)
    light = rgb.max(axis=-1, keepdims=True)
    inks = np.concatenate([255 - rgb * 255 // light, 255 - light], axis=-1)
    return Image.merge("CMYK", [Image.fromarray(inks[..., ink].astype(np.uint8)) for ink in range(4)])


def bytes_of(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation: int, kind: str, **options) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return bytes_of(smooth().transpose(UNDO[orientation]), kind, exif=exif, **options)


def png(width: int, height: int, depth: int, colour: int, packed: bytes) -> bytes:
    """A PNG from its header and its compressed rows."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")]
    out = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        out += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return out


def png16(samples: np.ndarray, colour: int) -> bytes:
    """Every row begins with filter 0, none."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    return png(*SIZE, 16, colour, zlib.compress(rows, 9))


def bomb(side: int) -> bytes:
    """A whole and valid PNG: a black square, one bit a pixel."""
    squeeze = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    packed = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    return png(side, side, 1, 0, packed)


def torn_frame(webp: bytes) -> bytes:
    """An animation whose only frame says it is 4 by 4, as its alpha is, while its colours are of the whole size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    start = webp.index(b"VP8 ")
    (length,) = struct.unpack("<I", webp[start + 4 : start + 8])
    colours = chunk(b"VP8 ", webp[start + 8 : start + 8 + length])
    transparency = chunk(b"ALPH", bytes([0]) + bytes([128] * 16))
    three = (3).to_bytes(3, "little")
    frame = bytes(6) + three + three + (100).to_bytes(3, "little") + bytes([0]) + transparency + colours
    canvas = (SIZE[0] - 1).to_bytes(3, "little") + (SIZE[1] - 1).to_bytes(3, "little")
    chunks = chunk(b"VP8X", bytes([0b10010, 0, 0, 0]) + canvas) + chunk(b"ANIM", bytes(6)) + chunk(b"ANMF", frame)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def adobe(jpeg: bytes, transform: int | None) -> bytes:
    """Sets the colour transform in the Adobe marker, or takes the marker out."""
    start = jpeg.index(b"\xff\xee\x00\x0eAdobe")
    end = start + 16
    marker = b"" if transform is None else jpeg[start : end - 1] + bytes([transform])
    return jpeg[:start] + marker + jpeg[end:]


def ycck() -> bytes:
    """The usual CMYK JPEG: luminance and colour of the three inks as if they were lights, then black inverted."""
    *inks, black = cmyk().split()
    wanted = [*Image.merge("RGB", inks).convert("YCbCr").split(), ImageOps.invert(black)]
    # Pillow inverts all four when it writes.
    return adobe(bytes_of(Image.merge("CMYK", [ImageOps.invert(one) for one in wanted]), "JPEG", quality=95), 2)


def pictures() -> dict[str, bytes]:
    grey, soft, four = smooth().convert("L"), smooth(), palette()
    see_through = soft.copy()
    see_through.putalpha(alpha())
    grey_alpha = Image.merge("LA", [grey, alpha()])
    colours = bytes(four.getpalette()[: 3 * 4])
    negative = ImageOps.invert(soft)
    jpeg = {"quality": 90, "subsampling": 0}
    cmyk_jpeg = bytes_of(cmyk(), "JPEG", quality=95)
    return {
        "png-rgb.png": bytes_of(soft, "PNG"),
        "png-rgba.png": bytes_of(see_through, "PNG"),
        "png-grey.png": bytes_of(grey, "PNG"),
        "png-grey-alpha.png": bytes_of(grey_alpha, "PNG"),
        "png-palette.png": bytes_of(four, "PNG"),
        "png-palette-alpha.png": bytes_of(four, "PNG", transparency=bytes([255, 0, 128, 255])),
        "png-bits.png": bytes_of(grey.convert("1"), "PNG"),
        "png-rgb-16.png": png16(sixteen(soft), 2),
        "png-grey-16.png": png16(sixteen(grey), 0),
        "png-turned-6.png": turned(6, "PNG"),
        "jpeg-420.jpg": bytes_of(soft, "JPEG", quality=90, subsampling=2),
        "jpeg-progressive.jpg": bytes_of(soft, "JPEG", progressive=True, **jpeg),
        "jpeg-grey.jpg": bytes_of(grey, "JPEG", quality=90),
        "jpeg-cmyk.jpg": cmyk_jpeg,
        "jpeg-cmyk-unmarked.jpg": adobe(cmyk_jpeg, None),
        "jpeg-ycck.jpg": ycck(),
        "jpeg-named.png": bytes_of(soft, "JPEG", **jpeg),
        **{f"jpeg-turned-{way}.jpg": turned(way, "JPEG", **jpeg) for way in UNDO},
        "webp-lossy.webp": bytes_of(soft, "WEBP", quality=90),
        "webp-alpha.webp": bytes_of(see_through, "WEBP", lossless=True, exact=True),
        "webp-turned-6.webp": turned(6, "WEBP", lossless=True),
        "webp-moving.webp": bytes_of(soft, "WEBP", save_all=True, append_images=[negative], lossless=True),
        "gif.gif": bytes_of(four, "GIF"),
        "gif-moving.gif": bytes_of(
            four, "GIF", save_all=True, append_images=[four.transpose(UNDO[3])], transparency=1, disposal=2
        ),
        "bmp-rgb.bmp": bytes_of(soft, "BMP"),
        "bmp-palette.bmp": bytes_of(four, "BMP"),
        "tiff-rgb.tiff": bytes_of(soft, "TIFF", compression="tiff_lzw"),
        "tiff-grey-16.tiff": bytes_of(Image.fromarray(sixteen(grey)), "TIFF"),
        "tiff-cmyk.tiff": bytes_of(cmyk(), "TIFF"),
        "tiff-turned-6.tiff": bytes_of(soft.transpose(UNDO[6]), "TIFF", tiffinfo={ORIENTATION: 6}),
        "avif.avif": bytes_of(soft, "AVIF", quality=90, max_threads=1),
    }


def broken() -> dict[str, bytes]:
    whole = pictures()
    return {
        "cut.png": whole["png-rgb.png"][: len(whole["png-rgb.png"]) // 2],
        "cut.jpg": whole["jpeg-420.jpg"][:-60],
        "frame.webp": torn_frame(whole["webp-lossy.webp"]),
        "huge-empty.png": png(60_000, 60_000, 8, 2, zlib.compress(bytes(100), 9)),
        "huge.png": bomb(20_000),
        "text.png": b"This is not a picture.\n",
        "empty.png": b"",
    }


def shown(file: Path) -> Image.Image:
    """The whole picture in RGBA; of 16-bit grey the high byte, where Pillow itself would make white of most."""
    with Image.open(file) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode == "I;16":
            image = Image.fromarray((np.array(image) >> 8).astype(np.uint8))
        return image.convert("RGBA")


def rounded(file: Path) -> Image.Image:
    """What rounding makes of 16-bit samples, where Pillow cuts."""
    samples = sixteen(smooth() if "rgb" in file.name else smooth().convert("L"))
    return Image.fromarray(((samples.astype(int) + 128) // 257).astype(np.uint8)).convert("RGBA")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    (folder / "expected").mkdir(parents=True, exist_ok=True)

    whole, failing = [], []
    for name, data in pictures().items():
        file = folder / name
        file.write_bytes(data)
        tolerance = "lossy" if file.name.startswith(LOSSY) else "exact"
        case = {"file": name, "expected": f"expected/{file.stem}.png", "tolerance": tolerance}
        shown(file).save(folder / case["expected"], optimize=True)
        if file.stem.endswith("-16"):
            case["rounded"] = f"expected/{file.stem}-rounded.png"
            rounded(file).save(folder / case["rounded"], optimize=True)
        whole.append(case)
    for name, data in broken().items():
        (folder / name).write_bytes(data)
        try:
            shown(folder / name)
        except Exception as error:
            failing.append({"file": name, "error": type(error).__name__})
        else:
            raise RuntimeError(f"Pillow shows {name}")

    (folder / "cases.json").write_text(one_case_a_line({"pictures": whole, "broken": failing}))


if __name__ == "__main__":
    main()
