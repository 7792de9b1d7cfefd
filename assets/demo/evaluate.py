"""Makes pictures with the program itself and measures how often they show what was asked.

    cargo build --release
    python assets/demo/evaluate.py --program target/release/flux-qfaces --out DIR

Needs training/requirements.txt. Writes DIR/table.md and DIR/contact-sheet.png, and keeps every picture.
Background and face colour are read off fixed regions of the picture; everything else is what a small
classifier sees (training/judge.py), which was trained on drawings only. The first row of the table
shows how well both do on drawings that they were not made with.
"""

import argparse
import collections
import json
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "training"))

import captions  # noqa: E402
import faces  # noqa: E402
import judge  # noqa: E402

FIRST_SEED = 9_500_000  # of the prompts' faces; training and tests use others
SIDE = 128

# Row of the table → how many of the prompts, and the inputs that differ from 12 steps at guidance 3.
SETTINGS = {
    "dev, 12 steps, guidance 3": (256, {}),
    "dev, 28 steps, guidance 3": (128, {"num_inference_steps": 28}),
    "dev, 8 steps, guidance 3": (128, {"num_inference_steps": 8}),
    "dev, 12 steps, guidance 1": (128, {"guidance_scale": 1}),
    "dev, 12 steps, guidance 5": (128, {"guidance_scale": 5}),
    "schnell, 4 steps": (256, {"model": "schnell", "num_inference_steps": 4}),
    "schnell, 2 steps": (128, {"model": "schnell", "num_inference_steps": 2}),
    **{f"dev, 12 steps, {ratio}": (64, {"aspect_ratio": ratio})
       for ratio in ("4:5", "5:4", "3:4", "4:3", "2:3", "3:2", "9:16", "16:9", "9:21", "21:9")},
    "dev, 12 steps, 0.25 megapixels": (64, {"megapixels": "0.25"}),
    "dev, 12 steps, 192 × 192": (64, {"aspect_ratio": "custom", "width": 1440, "height": 1440}),
}

# What people type, for the contact sheet; the sheet shows seed 1 for the first, 2 for the second and so on.
SHEET = """a surprised man with a red beard, sunglasses and a blue top hat on a yellow background
a smiling green face with round glasses and a red hat on a yellow background
a laughing woman with long blond hair on a pink background
an angry red face on a black background
a sad man with a black beard on a blue background
portrait of a winking man with a moustache and a black top hat, purple background
a woman with curly ginger hair and sunglasses, turquoise background
a purple face with a yellow crown on a red background
a man with a green mohawk and square glasses on a white background with blue dots
a smiling girl with long brown hair wearing a pink beanie, red and white striped background
a bald man with a white beard and round glasses, grey background
a crying blue face with a green party hat on an orange background
happy woman with short black hair and dark skin, yellow background
grumpy man with a ginger beard and an orange hat, green background
a smiling yellow face on a blue background
a surprised pink face with sunglasses and a white top hat on a green background
shocked boy with spiky blond hair and a blue cap
a cheerful lady with curly purple hair and round glasses
a serious bearded man in a grey beanie
a laughing orange character with a party hat on a white background
a winking woman with pink hair on a blue background with white dots
a furious king with a golden crown
smiling man
a sad face""".splitlines()


def picture(program, folder, prompt, seed, inputs):
    """Runs the program once and returns the path of its picture."""
    folder.mkdir(parents=True)
    flags = {"prompt": prompt, "seed": seed, "num_inference_steps": 12, "guidance_scale": 3, "output_format": "png", **inputs}
    command = [program, "generate", "--output-dir", str(folder)]
    done = subprocess.run(command + [part for k, v in flags.items() for part in (f"--{k}", str(v))], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"the program failed on {json.dumps(flags)}: {done.stderr}")
    if "These weights" in done.stdout:
        sys.exit(f"the program has no weights of its own for {json.dumps(flags)}: {done.stdout}")
    return folder / "out-0.png"


def wanted(count):
    """The faces that are asked for, and a prompt for each; all name the background."""
    shown, prompts = [], []
    for i in range(count):
        rng = random.Random(FIRST_SEED + i)
        face = faces.sample(rng)
        shown.append(face)
        prompts.append(captions.caption_with_background(face, rng))
    return shown, prompts


def centre(path):
    """The part of a picture where the face is, as large as in a square picture, at the classifier's size.

    It is as wide as the training's drawings are high (faces.draw); beyond the picture's edges its last pixels repeat.
    """
    picture = numpy.asarray(Image.open(path).convert("RGB"))
    height, width = picture.shape[:2]
    side = round(SIDE * min(width / 112, height / SIDE))
    around = [(max(0, -(-(side - length) // 2)),) * 2 for length in (height, width)]
    picture = numpy.pad(picture, (*around, (0, 0)), mode="edge")
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return numpy.asarray(Image.fromarray(picture[top:top + side, left:left + side]).resize((SIDE, SIDE), Image.BICUBIC))


def colours_in(picture, boxes, names):
    """Names of the palette by how many pixels of the boxes (left, top, right, bottom) are nearest to them, most first."""
    pixels = numpy.concatenate([picture[top:bottom, left:right].reshape(-1, 3) for left, top, right, bottom in boxes]).astype(int)
    palette = numpy.array([faces.COLOURS[name] for name in names])
    nearest = ((pixels[:, None] - palette[None]) ** 2).sum(2).argmin(1)
    return [names[i] for i, _ in collections.Counter(nearest.tolist()).most_common()]


def background_is_right(path, face):
    """Whether the edges have the background's colour, or the two colours of its pattern."""
    picture = numpy.asarray(Image.open(path).convert("RGB"))
    height, width = picture.shape[:2]
    strip, above_shirt = max(2, height // 16), height * 5 // 8
    boxes = [(0, 0, strip, above_shirt), (width - strip, 0, width, above_shirt), (0, 0, width, strip // 2)]
    found = colours_in(picture, boxes, faces.PAINT)
    if face["pattern"] == "plain":
        return found[0] == face["background"]
    return set(found[:2]) == {face["background"], face["second_background"]}


def face_colour_is_right(picture, face):
    """Whether ears and cheeks have the colour of the skin; the black of spectacles and outlines does not count."""
    def box(left, top, right, bottom):  # in half-widths and half-heights of the head
        return round(64 + 35 * left), round(71.5 + 38 * top), round(64 + 35 * right), round(71.5 + 38 * bottom)

    boxes = [box(-1.1, -0.05, -0.9, 0.2), box(0.9, -0.05, 1.1, 0.2), box(-0.7, 0.2, -0.3, 0.34), box(0.3, 0.2, 0.7, 0.34)]
    found = colours_in(picture, boxes, [*faces.VALUES["skin"], "black"])
    return [name for name in found if name != "black"][:1] == [face["skin"]]


def measure(paths, shown, critic):
    """Column of the table → share of the pictures that are right in it."""
    pictures = [centre(path) for path in paths]
    marked = judge.marks(critic, numpy.stack(pictures), shown)
    columns = collections.defaultdict(list)
    for path, image, face, mark in zip(paths, pictures, shown, marked):
        columns["background"].append(background_is_right(path, face))
        columns["face colour"].append(face_colour_is_right(image, face))
        columns["hat and its colour"].append(mark["hat"] and mark.get("hat_colour", True))
        for k in ("glasses", "expression", "hair", "hair_colour", "beard", "kind"):
            if k in mark:
                columns[k.replace("_", " ")].append(mark[k])
    return {name: sum(values) / len(values) for name, values in columns.items()}


def sheet(program, folder, out):
    """The pictures of SHEET with their prompts under them."""
    columns, gap, text = 6, 8, 70
    font = ImageFont.truetype(str(HERE.parent / "fonts" / "Inter-Regular.ttf"), 10)
    rows = -(-len(SHEET) // columns)
    whole = Image.new("RGB", (columns * (SIDE + gap) + gap, rows * (SIDE + text) + gap), "white")
    pen = ImageDraw.Draw(whole)
    for i, prompt in enumerate(SHEET):
        x, y = gap + i % columns * (SIDE + gap), gap + i // columns * (SIDE + text)
        whole.paste(Image.open(picture(program, folder / str(i), prompt, i + 1, {})), (x, y))
        pen.multiline_text((x, y + SIDE + 3), "\n".join(textwrap.wrap(prompt, 24)[:5]), fill=(70, 70, 76), font=font, spacing=1)
    whole.save(out, optimize=True)


def main(options):
    """Fills the table row by row."""
    out = Path(options.out)
    if out.exists():
        sys.exit(f"{out} exists already: choose a new folder, so that no old picture is measured")
    critic = judge.load(HERE / "judge.safetensors")
    rows = {}
    rng = random.Random(FIRST_SEED - 1)
    drawn = [faces.sample(rng) for _ in range(500)]
    drawings = [out / "drawings" / f"{i}.png" for i in range(len(drawn))]
    drawings[0].parent.mkdir(parents=True, exist_ok=True)
    for path, face in zip(drawings, drawn):
        faces.draw(face).save(path)
    rows["drawings (500)"] = measure(drawings, drawn, critic)
    shown, prompts = wanted(max(count for count, _ in SETTINGS.values()))
    for name, (count, inputs) in SETTINGS.items():
        count = min(count, options.count)
        folder = out / "".join(c if c.isalnum() else "-" for c in name)
        paths = [picture(options.program, folder / str(i), prompts[i], i, inputs) for i in range(count)]
        rows[f"{name} ({count})"] = measure(paths, shown[:count], critic)
        print(name, {k: round(v, 3) for k, v in rows[f"{name} ({count})"].items()}, flush=True)
    columns = list(rows["drawings (500)"])
    lines = ["| pictures | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(f"{100 * row[c]:.1f}" if c in row else "" for c in columns) + " |" for name, row in rows.items()]
    (out / "table.md").write_text("\n".join(lines) + "\n")
    sheet(options.program, out / "sheet", out / "contact-sheet.png")
    print("\n".join(lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the flux-qfaces binary, a release build")
    parser.add_argument("--out", required=True, help="new folder for the pictures, the table and the contact sheet")
    parser.add_argument("--count", type=int, default=256, help="at most so many pictures per row")
    main(parser.parse_args())
