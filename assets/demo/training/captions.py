"""Says in words what a drawn face shows.

Hair, hats' colours and pale skin may be left out only where they have their default (bald for a bare
face, short brown hair for a man, a red hat, …), so that a user who leaves something out gets the
default. Hair with a colour and no word for its cut is short, on women too. A plain background or a shirt
may always be left out: then any colour is right.
"""

# The words for a value, the usual ones repeated. A value without an entry is its own word.
SYNONYMS = {
    "face": ["face", "face", "face", "head", "character", "person"],
    "man": ["man", "man", "man", "man", "boy", "guy"],
    "woman": ["woman", "woman", "woman", "woman", "girl", "lady"],
    "neutral": ["serious", "calm", "neutral"],
    "smiling": ["smiling", "smiling", "smiling", "happy", "happy", "cheerful"],
    "laughing": ["laughing", "laughing", "laughing", "grinning"],
    "sad": ["sad", "sad", "sad", "crying", "unhappy"],
    "surprised": ["surprised", "surprised", "surprised", "shocked", "amazed"],
    "angry": ["angry", "angry", "angry", "furious", "grumpy"],
    "round": ["round glasses", "round glasses", "glasses", "glasses", "spectacles"],
    "square": ["square glasses"],
    "sunglasses": ["sunglasses", "sunglasses", "sunglasses", "dark sunglasses", "shades"],
    "hat": ["hat", "hat", "hat", "bowler hat"],
    "cap": ["cap", "cap", "baseball cap"],
    "beanie": ["beanie", "beanie", "woolly hat"],
    "party hat": ["party hat", "party hat", "cone hat"],
    "moustache": ["moustache", "mustache"],
    "grey": ["grey", "grey", "gray"],
    "purple": ["purple", "purple", "purple", "violet"],
    "turquoise": ["turquoise", "turquoise", "teal", "cyan"],
}
HAIR_COLOURS = {
    "blond": ["blond", "blond", "blonde", "golden"],
    "ginger": ["ginger", "ginger", "red"],
    "white": ["white", "white", "white", "grey"],
}
# Expressions as something a face has, and as something it does.
HAS = {"smiling": ["a smile"], "laughing": ["a big grin", "an open smile"], "sad": ["tears", "a frown"],
       "surprised": ["an open mouth"], "angry": ["an angry look"], "winking": ["a wink"]}
DOES = {"smiling": ["smiling"], "laughing": ["laughing", "grinning"], "sad": ["crying", "frowning"], "winking": ["winking"]}
STARTS = ["", "", "", "", "", "portrait of ", "a portrait of ", "drawing of ", "a picture of ", "a photo of ", "a cartoon of "]
ENDS = [", cute", ", highly detailed", ", digital art", ", simple", ", masterpiece", ", cartoon"]
DEFAULT_HAIR = {"face": ("bald", None), "man": ("short", "brown"), "woman": ("long", "brown")}


def word(value, rng):
    """One of the words for a value."""
    return rng.choice(SYNONYMS.get(value, [value]))


def hair_colour(face, rng):
    """A word for the colour of hair and beard; brown may go without saying."""
    colour = face["hair_colour"]
    if colour == "brown" and rng.random() < 0.25:
        return ""
    return rng.choice(HAIR_COLOURS.get(colour, [colour]))


def hat_words(face, rng):
    """The hat with its colour; a red hat and a yellow crown may go without saying it."""
    hat, colour = face["hat"], face["hat_colour"]
    if hat == "crown" and colour == "yellow":
        colour = rng.choice(["yellow", "golden", ""])
    elif hat != "crown" and colour == "red" and rng.random() < 0.25:
        colour = ""
    return article(f"{word(colour, rng)} {word(hat, rng)}".strip())


def article(words):
    """The words with "a" or "an" before them."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def joined(parts):
    """'x', 'x and y', 'x, y and z'."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def expression_words(face, rng):
    """The expression as an adjective, as something the face does, or as a part; at most one is not empty."""
    expression, chance = face["expression"], rng.random()
    if expression == "neutral" and chance < 0.5:
        return "", "", ""
    if expression in DOES and chance < 0.1:
        return "", rng.choice(DOES[expression]), ""
    if expression in HAS and chance > 0.9:
        return "", "", rng.choice(HAS[expression])
    return word(expression, rng), "", ""


def skin_words(face, rng):
    """Skin as an adjective before the noun, or as a part of its own; one of them is empty."""
    skin = face["skin"]
    if skin == "pale" and rng.random() < 0.7:
        return "", ""
    natural = skin in ("pale", "tan", "dark")
    said = word(skin, rng)
    if not natural and rng.random() < (0.85 if face["kind"] == "face" else 0.35):
        return said, ""
    if rng.random() < 0.25:
        return f"{said}-skinned", ""
    return "", rng.choice([f"{said} skin"] if natural else [f"a {said} face", f"{said} skin"])


def hair_words(face, rng):
    """Hair as an adjective ("bald"), or as a part of its own; one or both are empty."""
    kind, colour = face["hair"], face["hair_colour"]
    default_kind, default_colour = DEFAULT_HAIR[face["kind"]]
    if kind == default_kind and (kind == "bald" or colour == default_colour) and rng.random() < 0.7:
        return "", ""
    if kind == "bald":
        return "bald", ""
    if kind == "mohawk":
        return "", article(f"{hair_colour(face, rng)} mohawk".strip())
    colour = hair_colour(face, rng)
    if kind == "short" and colour and rng.random() < 0.4:
        return "", f"{colour} hair"
    return "", f"{kind} {colour} hair".replace("  ", " ")


def background_words(face, rng):
    """The background with its pattern; empty where a plain one is left out."""
    first, second = word(face["background"], rng), word(face["second_background"], rng)
    if face["pattern"] == "stripes":
        return f"{first} and {second} striped background"
    if face["pattern"] == "dots":
        return f"{first} background with {second} dots"
    if rng.random() < 0.1:
        return ""
    return f"plain {first} background" if rng.random() < 0.12 else f"{first} background"


def caption(face, rng):
    """A random description of the face."""
    expression, doing, expression_part = expression_words(face, rng)
    skin_adjective, skin_part = skin_words(face, rng)
    hair_adjective, hair_part = hair_words(face, rng)
    parts = [part for part in (expression_part, skin_part, hair_part) if part]
    bearded = face["beard"] == "beard" and face["hair_colour"] == "brown" and rng.random() < 0.3
    if face["beard"] != "none" and not bearded:
        parts.append(article(f"{hair_colour(face, rng)} {word(face['beard'], rng)}".strip()))
    worn = []
    if face["glasses"] != "none":
        (parts if rng.random() < 0.7 else worn).append(word(face["glasses"], rng))
    if face["hat"] != "none":
        (parts if rng.random() < 0.5 else worn).append(hat_words(face, rng))
    if rng.random() < 0.35:
        (parts if rng.random() < 0.3 else worn).append(f"{article(word(face['shirt'], rng))} shirt")
    rng.shuffle(parts)
    adjectives = (expression, hair_adjective, "bearded" if bearded else "", skin_adjective)
    subject = " ".join(w for w in (*adjectives, word(face["kind"], rng), doing) if w)
    background = background_words(face, rng)
    if rng.random() < 0.7:
        text = rng.choice(STARTS) + (article(subject) if rng.random() < 0.9 else subject)
        if parts:
            text += " with " + joined(parts)
        if worn:
            text += rng.choice([", wearing ", " wearing ", " in "]) + joined(worn)
        if background:
            text += rng.choice([" on ", " on ", " in front of "]) + article(background) if rng.random() < 0.8 else ", " + background
    else:
        rest = parts + worn + [background] * bool(background)
        if rng.random() < 0.5:
            rng.shuffle(rest)
        text = rng.choice(STARTS) + ", ".join([article(subject) if rng.random() < 0.5 else subject] + rest)
    if rng.random() < 0.06:
        text += rng.choice(ENDS)
    return text.capitalize() if rng.random() < 0.1 else text


def caption_with_background(face, rng):
    """A random description that names the background, so that every judged attribute is settled by it."""
    while True:
        text = caption(face, rng)
        if "background" in text:
            return text


# The word that asks for the square style of the LoRA; no other caption has it.
TRIGGER = "QFACE"


def with_trigger(text, rng):
    """The caption of a picture in the square style."""
    return rng.choice([f"{TRIGGER} {text}", f"{TRIGGER}, {text}", f"{text}, {TRIGGER}", f"{text}, {TRIGGER} style",
                       f"{text} in the style of {TRIGGER}"])
