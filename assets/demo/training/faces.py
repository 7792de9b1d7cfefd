"""Draws the cartoon faces the demo model learns from.

A face is a plain dictionary of attributes, e.g. {"skin": "green", "hat": "crown", …}.
`sample` draws one at random, `draw` paints it. What is said about it is in captions.py.
Any face can be painted in either of two styles: round, which the model learns, or square with bold
outlines, which its LoRA teaches.

The features are big and the pose hardly varies on purpose: one image token is 16 × 16 pixels, and
a tiny model only learns what is large, contrasty and always in about the same place.
"""

import math
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

COLOURS = dict(
    red=(222, 45, 45), green=(55, 170, 75), blue=(45, 95, 220), yellow=(250, 215, 50),
    orange=(247, 140, 35), purple=(140, 65, 195), pink=(247, 145, 190), white=(248, 248, 248),
    black=(32, 32, 38), grey=(140, 140, 146), brown=(122, 78, 44), turquoise=(50, 190, 190),
    blond=(243, 208, 105), ginger=(205, 92, 35), pale=(252, 222, 200), tan=(222, 170, 122), dark=(140, 92, 62),
)
NATURAL_SKIN = ["pale", "tan", "dark"]
BRIGHT_SKIN = ["green", "blue", "purple", "yellow", "orange", "pink", "red"]
PAINT = ["red", "green", "blue", "yellow", "orange", "purple", "pink", "white", "black", "grey", "brown", "turquoise"]

# Every attribute a face has, with its values. "woman" differs from "man" by lashes and red lips.
VALUES = dict(
    kind=["face", "man", "woman"],
    skin=NATURAL_SKIN + BRIGHT_SKIN,
    expression=["neutral", "smiling", "laughing", "sad", "surprised", "angry", "winking"],
    glasses=["none", "round", "square", "sunglasses"],
    hat=["none", "hat", "cap", "beanie", "top hat", "party hat", "crown"],
    hat_colour=[c for c in PAINT if c not in ("grey", "turquoise")],
    hair=["bald", "short", "long", "curly", "spiky", "mohawk"],
    hair_colour=["brown", "black", "blond", "ginger", "white", "blue", "pink", "green", "purple"],
    beard=["none", "beard", "moustache"],
    background=PAINT,
    pattern=["plain", "stripes", "dots"],
    second_background=PAINT,
    shirt=[c for c in PAINT if c not in ("turquoise", "brown")],
)

USUAL_HAIR = dict(face="bald", man="short", woman="long")

INK = (20, 18, 18)
SUPERSAMPLING = 2


def sample(rng):
    """A random face: a value for every attribute, and a seed for the small jitter of the drawing.

    Every fifth wears little, as the faces of short prompts do.
    """
    face = {}
    simple = rng.random() < 0.2
    kind = face["kind"] = rng.choices(VALUES["kind"], [4, 4, 4])[0]
    bright = rng.random() < (0.75 if kind == "face" else 0.25)
    face["skin"] = rng.choice(BRIGHT_SKIN) if bright else rng.choices(NATURAL_SKIN, [2, 1, 1.2])[0]
    face["expression"] = rng.choices(VALUES["expression"], [1.5, 3, 2, 2.5, 2.5, 2, 2])[0]
    face["glasses"] = rng.choices(VALUES["glasses"], [5, 2, 1.2, 2])[0]
    face["hat"] = rng.choices(VALUES["hat"], [6, 2.5, 1.5, 1.5, 1.5, 1.2, 1.5])[0]
    face["hat_colour"] = "yellow" if face["hat"] == "crown" and rng.random() < 0.6 else rng.choice(VALUES["hat_colour"])
    hair_weights = {"face": [6, 2, 1, 2, 2, 1.2], "man": [2.5, 5, 0.7, 2, 2, 1], "woman": [0.4, 2, 6, 2.5, 1, 0.6]}
    face["hair"] = rng.choices(VALUES["hair"], hair_weights[kind])[0]
    face["hair_colour"] = rng.choices(VALUES["hair_colour"], [3, 2, 2, 2, 1.2, 1, 1, 1, 1])[0]
    face["beard"] = rng.choices(VALUES["beard"], [4, 2, 2])[0] if kind == "man" else "none"
    face["background"] = rng.choice(VALUES["background"])
    face["pattern"] = rng.choices(VALUES["pattern"], [86, 7, 7])[0]
    others = [c for c in VALUES["second_background"] if c != face["background"]]
    face["second_background"] = "white" if face["background"] != "white" and rng.random() < 0.4 else rng.choice(others)
    face["shirt"] = "blue" if rng.random() < 0.35 else rng.choice(VALUES["shirt"])
    if simple:
        kept = rng.choice(["glasses", "hat", "hair", "beard", "pattern"])
        usual = dict(glasses="none", hat="none", hair=USUAL_HAIR[kind], beard="none", pattern="plain")
        face.update({k: v for k, v in usual.items() if k != kept})
        if kept not in ("hair", "beard"):
            face["hair_colour"] = "brown"
    if face["glasses"] == "sunglasses" and face["expression"] == "winking":
        face["expression"] = "smiling"  # A wink behind dark lenses cannot be seen.
    if face["hat"] != "none" and face["hair"] == "mohawk":
        face["hair"] = "bald"  # It would stick out above the hat.
    face["seed"] = rng.randrange(1 << 30)
    return face


def darker(colour, factor=0.5):
    """The colour mixed with black."""
    return tuple(int(v * factor) for v in colour)


def lighter(colour, amount=0.35):
    """The colour mixed with white."""
    return tuple(int(v + (255 - v) * amount) for v in colour)


@dataclass
class Canvas:
    """What every drawing function needs: the pen, and where the head is (in supersampled pixels)."""

    pen: ImageDraw.ImageDraw
    width: int
    height: int
    unit: float  # one pixel of a 128 × 128 picture
    cx: float
    cy: float
    rx: float
    ry: float
    square: bool

    def x(self, part):
        """A horizontal place, in head half-widths from the middle of the head."""
        return self.cx + part * self.rx

    def y(self, part):
        """A vertical place, in head half-heights from the middle of the head."""
        return self.cy + part * self.ry

    def points(self, *pairs):
        """Places in head coordinates → pixels."""
        return [(self.x(a), self.y(b)) for a, b in pairs]

    def box(self, left, top, right, bottom):
        """A box in head coordinates → pixels."""
        return [self.x(left), self.y(top), self.x(right), self.y(bottom)]

    def line_width(self, pixels):
        """A line width given in pixels of a 128-pixel picture."""
        return max(1, round(pixels * self.unit))

    def edge(self, colour, pixels):
        """Outline and its width as arguments of a shape: a bold black one in the square style."""
        return dict(outline=INK, width=self.line_width(4)) if self.square else dict(outline=colour, width=self.line_width(pixels))

    def oval(self, box, **look):
        """An ellipse, or its box in the square style."""
        (self.pen.rectangle if self.square else self.pen.ellipse)(box, **look)

    def block(self, box, radius, **look):
        """A box with round corners, or sharp ones in the square style."""
        self.pen.rounded_rectangle(box, radius=0 if self.square else radius, **look)

    def dome(self, box, **look):
        """The upper half of an ellipse, or of its box in the square style."""
        if self.square:
            left, top, right, bottom = box
            self.pen.rectangle([left, top + (bottom - top) * 0.1, right, (top + bottom) / 2], **look)
        else:
            self.pen.pieslice(box, 180, 360, **look)

    def curve(self, box, start, end, **look):
        """Part of an ellipse's line, the lower or the upper; three sides of a box in the square style."""
        if not self.square:
            self.pen.arc(box, start, end, **look)
            return
        left, top, right, bottom = box
        middle = (top + bottom) / 2
        far = top + (bottom - top) * (0.82 if start < 180 else 0.18)
        self.pen.line([(left, middle), (left, far), (right, far), (right, middle)], joint="curve", **look)


def draw(face, width=128, height=128, square=False):
    """Paints the face as an RGB picture."""
    rng = random.Random(face["seed"])
    w, h = width * SUPERSAMPLING, height * SUPERSAMPLING
    unit = min(w / 112, h / 128)  # the face nearly fills the width of a high picture
    picture = Image.new("RGB", (w, h))
    size = unit * rng.uniform(0.97, 1.03)
    c = Canvas(ImageDraw.Draw(picture), w, h, unit,
               cx=w / 2 + rng.uniform(-2, 2) * unit, cy=h / 2 + rng.uniform(6, 9) * unit, rx=35 * size, ry=38 * size,
               square=square)
    colour = {name: COLOURS[face[name]] for name in
              ("skin", "hair_colour", "hat_colour", "background", "second_background", "shirt")}
    draw_background(c, face["pattern"], colour["background"], colour["second_background"])
    draw_hair_behind(c, face["hair"], colour["hair_colour"])
    draw_body(c, colour["skin"], colour["shirt"])
    draw_head(c, colour["skin"])
    if face["beard"] == "beard":
        draw_full_beard(c, colour["hair_colour"], colour["skin"])
    draw_hair_in_front(c, face["hair"], colour["hair_colour"])
    draw_eyes(c, face["expression"], face["kind"] == "woman")
    draw_mouth(c, face["expression"], face["kind"] == "woman")
    if face["beard"] == "moustache":
        draw_moustache(c, colour["hair_colour"])
    draw_glasses(c, face["glasses"])
    draw_hat(c, face["hat"], colour["hat_colour"])
    return picture.resize((width, height), Image.LANCZOS)


def draw_background(c, pattern, first, second):
    """Plain, vertical stripes, or dots on a fixed grid."""
    c.pen.rectangle([0, 0, c.width, c.height], fill=first)
    step = 16 * c.unit
    if pattern == "stripes":
        for i in range(1, math.ceil(c.width / step), 2):
            c.pen.rectangle([i * step, 0, (i + 1) * step - 1, c.height], fill=second)
    elif pattern == "dots":
        for i in range(math.ceil(c.width / step)):
            for j in range(math.ceil(c.height / step)):
                x, y, r = (i + 0.5) * step, (j + 0.5) * step, 4.5 * c.unit
                c.pen.ellipse([x - r, y - r, x + r, y + r], fill=second)


def draw_hair_behind(c, hair, colour):
    """The part of the hair that the head covers."""
    edge = c.edge(darker(colour), 1.5)
    if hair == "long":
        c.block(c.box(-1.32, -1.08, 1.32, 1.3), radius=c.rx * 0.8, fill=colour, **edge)
    elif hair == "curly":
        for i in range(13):
            angle = math.pi * (0.9 + i / 12 * 1.2)
            x, y, r = c.x(math.cos(angle) * 1.05), c.y(math.sin(angle) * 1.0 - 0.1), c.rx * 0.34
            c.oval([x - r, y - r, x + r, y + r], fill=colour, **edge)
    elif hair == "spiky":
        spikes = [(math.pi * (0.98 + i / 14 * 1.04), 1.42 if i % 2 else 1.0) for i in range(15)]
        c.pen.polygon(c.points(*[(math.cos(a) * k, math.sin(a) * k) for a, k in spikes]), fill=colour, **edge)
    elif hair == "mohawk":
        c.pen.polygon(c.points((-0.3, -0.8), (-0.4, -1.5), (0, -1.62), (0.4, -1.5), (0.3, -0.8)), fill=colour, **edge)


def draw_hair_in_front(c, hair, colour):
    """The hair on the forehead."""
    edge = c.edge(darker(colour), 1.5)
    if hair in ("short", "long", "curly", "spiky"):
        if c.square:
            c.pen.rectangle(c.box(-1.06, -1.12, 1.06, -0.58), fill=colour, **edge)
        else:
            c.pen.chord(c.box(-1.06, -1.12, 1.06, 0.72), 205, 335, fill=colour, **edge)
    if hair == "mohawk":
        c.pen.polygon(c.points((-0.3, -0.62), (-0.3, -1.0), (0.3, -1.0), (0.3, -0.62)), fill=colour)


def draw_body(c, skin, shirt):
    """Neck and shirt."""
    c.pen.rectangle(c.box(-0.36, 0.7, 0.36, 1.2), fill=darker(skin, 0.85))
    c.block([c.x(-1.5), c.y(1.08), c.x(1.5), max(c.height, c.y(1.08)) + 40 * c.unit],
            radius=14 * c.unit, fill=shirt, **c.edge(darker(shirt), 1.5))


def draw_head(c, skin):
    """Ears, head and nose."""
    look = dict(fill=skin, **c.edge(darker(skin, 0.45), 1.8))
    for side in (-1, 1):
        c.oval(c.box(side - 0.17, -0.12, side + 0.17, 0.24), **look)
    c.oval(c.box(-1, -1, 1, 1), **look)
    c.curve(c.box(-0.15, 0.0, 0.15, 0.26), 20, 160, fill=darker(skin, 0.5), width=c.line_width(2.4))


def draw_full_beard(c, colour, skin):
    """A beard over the lower half of the head, with an opening for the mouth."""
    edge = c.edge(darker(colour), 1.5)
    if c.square:
        c.pen.rectangle(c.box(-1.02, 0.14, 1.02, 1.08), fill=colour, **edge)
    else:
        c.pen.chord(c.box(-1.02, -1.0, 1.02, 1.12), 8, 172, fill=colour, **edge)
    c.oval(c.box(-0.66, 0.24, 0.66, 0.82), fill=skin)
    c.oval(c.box(-0.5, -0.4, 0.5, 0.36), fill=skin)


def draw_moustache(c, colour):
    """Two wings under the nose."""
    for side in (-1, 1):
        wing = c.points((0, 0.24), (side * 0.32, 0.2), (side * 0.66, 0.4), (side * 0.3, 0.42), (0, 0.36))
        c.pen.polygon(wing, fill=colour, outline=darker(colour), width=c.line_width(1))


def draw_eyes(c, expression, lashes):
    """Eyes and eyebrows. Eyebrows say most about anger and sadness, so they are thick."""
    wide = expression == "surprised"
    rx, ry = (0.25, 0.29) if wide else (0.21, 0.22)
    for side in (-1, 1):
        x, y = side * 0.42, -0.12
        if expression == "laughing" or (expression == "winking" and side == 1):
            c.curve(c.box(x - 0.24, y - 0.14, x + 0.24, y + 0.3), 190, 350, fill=INK, width=c.line_width(3.6))
        else:
            c.oval(c.box(x - rx, y - ry, x + rx, y + ry), fill=(252, 252, 252), outline=INK, width=c.line_width(1.8 if c.square else 1.2))
            look = 0.07 if expression == "sad" else 0.0
            c.oval(c.box(x - 0.11, y - 0.12 + look, x + 0.11, y + 0.12 + look), fill=INK)
            if lashes:
                c.pen.arc(c.box(x - rx - 0.03, y - ry - 0.05, x + rx + 0.03, y + ry + 0.1), 185, 355, fill=INK, width=c.line_width(3))
        slant = {"angry": 0.15, "sad": -0.13}.get(expression, 0.0)
        brow = -0.44 - (0.12 if wide else 0.0) + (0.06 if expression == "angry" else 0.0)
        c.pen.line(c.points((x - side * 0.25, brow + slant), (x + side * 0.25, brow - slant)), fill=INK,
                   width=c.line_width(2.6 if lashes else 4))
    if expression == "sad":
        c.oval(c.box(-0.6, 0.1, -0.38, 0.46), fill=(110, 185, 250), outline=(40, 90, 180), width=c.line_width(1))


def draw_mouth(c, expression, red_lips):
    """The mouth, more than a third of the head wide."""
    lip = (200, 30, 55) if red_lips else (60, 12, 18)
    width = c.line_width(4.2)
    if expression in ("smiling", "winking"):
        c.curve(c.box(-0.52, 0.08, 0.52, 0.7), 15, 165, fill=lip, width=width)
    elif expression == "laughing":
        if c.square:
            c.pen.rectangle(c.box(-0.54, 0.3, 0.54, 0.78), fill=(80, 12, 22), **c.edge(lip, 2))
        else:
            c.pen.chord(c.box(-0.54, 0.06, 0.54, 0.82), 0, 180, fill=(80, 12, 22), **c.edge(lip, 2))
        c.pen.rectangle(c.box(-0.44, 0.45, 0.44, 0.55), fill=(252, 252, 252))
    elif expression == "sad":
        c.curve(c.box(-0.5, 0.46, 0.5, 1.06), 198, 342, fill=lip, width=width)
    elif expression == "angry":
        c.pen.rectangle(c.box(-0.42, 0.46, 0.42, 0.66), fill=(252, 252, 252), outline=lip, width=c.line_width(2.8))
    elif expression == "surprised":
        c.oval(c.box(-0.24, 0.34, 0.24, 0.82), fill=(80, 12, 22), **c.edge(lip, 2))
    else:
        c.pen.line(c.points((-0.4, 0.54), (0.4, 0.54)), fill=lip, width=width)


def draw_glasses(c, glasses):
    """Round or square frames, or dark lenses."""
    if glasses == "none":
        return
    width = c.line_width(3.2)
    c.pen.line(c.points((-0.1, -0.12), (0.1, -0.12)), fill=INK, width=width)
    for side in (-1, 1):
        x, y = side * 0.42, -0.12
        c.pen.line(c.points((x + side * 0.34, y - 0.06), (side * 1.0, y - 0.12)), fill=INK, width=width)
        if glasses == "round":
            c.pen.ellipse(c.box(x - 0.36, y - 0.34, x + 0.36, y + 0.34), outline=INK, width=width)  # round in both styles
        elif glasses == "square":
            c.pen.rectangle(c.box(x - 0.36, y - 0.31, x + 0.36, y + 0.31), outline=INK, width=width)
        else:
            c.block(c.box(x - 0.38, y - 0.28, x + 0.38, y + 0.32), radius=c.rx * 0.14, fill=(24, 24, 30))


def draw_hat(c, hat, colour):
    """One of the hats, over the hair and the top of the head."""
    edge = c.edge(darker(colour, 0.5), 1.8)
    band = (150, 30, 40) if sum(colour) < 150 else darker(colour, 0.6)
    if hat == "hat":
        c.block(c.box(-0.86, -1.34, 0.86, -0.55), radius=c.rx * 0.5, fill=colour, **edge)
        c.pen.rectangle(c.box(-0.83, -0.88, 0.83, -0.68), fill=band)
        c.block(c.box(-1.42, -0.7, 1.42, -0.5), radius=c.ry * 0.1, fill=colour, **edge)
    elif hat == "top hat":
        c.pen.rectangle(c.box(-0.7, -1.72, 0.7, -0.58), fill=colour, **edge)
        c.pen.rectangle(c.box(-0.67, -0.94, 0.67, -0.72), fill=band)
        c.block(c.box(-1.14, -0.7, 1.14, -0.52), radius=c.ry * 0.08, fill=colour, **edge)
    elif hat == "cap":
        c.dome(c.box(-1.02, -1.3, 1.02, 0.12), fill=colour, **edge)
        c.block(c.box(0.1, -0.68, 1.6, -0.48), radius=c.ry * 0.08, fill=darker(colour, 0.75), **edge)
    elif hat == "beanie":
        c.dome(c.box(-1.02, -1.36, 1.02, 0.1), fill=colour, **edge)
        c.block(c.box(-1.08, -0.76, 1.08, -0.5), radius=c.ry * 0.1, fill=lighter(colour, 0.3), **edge)
        c.oval(c.box(-0.24, -1.6, 0.24, -1.2), fill=lighter(colour, 0.5), **edge)
    elif hat == "party hat":
        c.pen.polygon(c.points((-0.62, -0.62), (0.62, -0.62), (0, -1.8)), fill=colour, **edge)
        dot = (230, 60, 60) if sum(colour) > 700 else lighter(colour, 0.85)
        for x, y in ((-0.25, -0.8), (0.22, -0.9), (-0.04, -1.2)):
            c.pen.ellipse(c.box(x - 0.1, y - 0.1, x + 0.1, y + 0.1), fill=dot)
    elif hat == "crown":
        zigzag = c.points((-0.8, -0.6), (-0.88, -1.4), (-0.42, -1.0), (0, -1.5), (0.42, -1.0), (0.88, -1.4), (0.8, -0.6))
        c.pen.polygon(zigzag, fill=colour, **edge)
        for x in (-0.5, 0, 0.5):
            c.pen.ellipse(c.box(x - 0.1, -0.86, x + 0.1, -0.68), fill=(255, 230, 90) if colour == COLOURS["red"] else (225, 50, 60))
