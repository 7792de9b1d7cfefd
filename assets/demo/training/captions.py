"""Says in words what a drawn face shows.

An attribute may be left out only where it has its default value (bald for a bare face, short brown
hair for a man, a blue shirt, …), so that a caption nearly settles the picture and a user who leaves
something out gets the default.
"""

SYNONYMS = dict(
    face=["face", "face", "head", "character"],
    man=["man", "man", "man", "boy", "guy"],
    woman=["woman", "woman", "woman", "girl", "lady"],
    neutral=["serious", "calm", "neutral"],
    smiling=["smiling", "smiling", "happy"],
    laughing=["laughing", "laughing", "grinning"],
    sad=["sad", "sad", "crying"],
    surprised=["surprised", "surprised", "shocked"],
    angry=["angry", "angry", "furious"],
    winking=["winking"],
    round=["round glasses", "round glasses", "glasses"],
    square=["square glasses"],
    sunglasses=["sunglasses", "sunglasses", "dark sunglasses"],
    cap=["cap", "cap", "baseball cap"],
    beanie=["beanie", "woolly hat"],
    blond=["blond", "blond", "blonde"],
    moustache=["moustache", "mustache"],
)
SYNONYMS["party hat"] = ["party hat", "party hat", "cone hat"]
STARTS = ["", "", "", "", "portrait of ", "a portrait of ", "drawing of ", "a picture of ", "a cartoon of "]
ENDS = [", cute", ", highly detailed", ", digital art", ", simple", ", masterpiece", ", cartoon"]
DEFAULT_HAIR = dict(face=("bald", None), man=("short", "brown"), woman=("long", "brown"))


def word(value, rng):
    """One of the words for a value."""
    return rng.choice(SYNONYMS.get(value, [value]))


def article(words):
    """The words with "a" or "an" before them."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def joined(parts):
    """'x', 'x and y', 'x, y and z'."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def skin_words(face, rng):
    """Skin as an adjective before the noun, or as a part of its own; one of them is empty."""
    skin = face["skin"]
    if skin == "pale" and rng.random() < 0.6:
        return "", ""
    natural = skin in ("pale", "tan", "dark")
    if not natural and rng.random() < (0.8 if face["kind"] == "face" else 0.3):
        return skin, ""
    if rng.random() < 0.25:
        return f"{skin}-skinned", ""
    return "", rng.choice([f"{skin} skin"] if natural else [f"a {skin} face", f"{skin} skin"])


def hair_words(face, rng):
    """Hair as an adjective ("bald"), or as a part of its own; one or both are empty."""
    kind, colour = face["hair"], face["hair_colour"]
    default_kind, default_colour = DEFAULT_HAIR[face["kind"]]
    if kind == default_kind and (kind == "bald" or colour == default_colour) and rng.random() < 0.5:
        return "", ""
    if kind == "bald":
        return "bald", ""
    colour = word(colour, rng)
    if kind == "mohawk":
        return "", f"a {colour} mohawk"
    if kind == "short" and rng.random() < 0.4:
        return "", f"{colour} hair"
    return "", f"{kind} {colour} hair"


def background_words(face, rng):
    """The background with its pattern."""
    first, second = face["background"], face["second_background"]
    if face["pattern"] == "stripes":
        return f"{first} and {second} striped background"
    if face["pattern"] == "dots":
        return f"{first} background with {second} dots"
    return f"plain {first} background" if rng.random() < 0.15 else f"{first} background"


def caption(face, rng):
    """A random description of the face."""
    expression = "" if face["expression"] == "neutral" and rng.random() < 0.5 else word(face["expression"], rng)
    skin_adjective, skin_part = skin_words(face, rng)
    hair_adjective, hair_part = hair_words(face, rng)
    parts = [part for part in (skin_part, hair_part) if part]
    if face["beard"] != "none":
        parts.append(article(f"{word(face['hair_colour'], rng)} {word(face['beard'], rng)}"))
    worn = []
    if face["glasses"] != "none":
        (parts if rng.random() < 0.7 else worn).append(word(face["glasses"], rng))
    if face["hat"] != "none":
        colour = "golden" if face["hat"] == "crown" and face["hat_colour"] == "yellow" and rng.random() < 0.4 else face["hat_colour"]
        (parts if rng.random() < 0.5 else worn).append(article(f"{colour} {word(face['hat'], rng)}"))
    if face["shirt"] != "blue" or rng.random() < 0.3:
        (parts if rng.random() < 0.3 else worn).append(f"{article(face['shirt'])} shirt")
    rng.shuffle(parts)
    subject = " ".join(w for w in (expression, hair_adjective, skin_adjective, word(face["kind"], rng)) if w)
    background = background_words(face, rng)
    if rng.random() < 0.7:
        text = rng.choice(STARTS) + article(subject)
        if parts:
            text += " with " + joined(parts)
        if worn:
            text += rng.choice([", wearing ", " wearing "]) + joined(worn)
        text += rng.choice([" on ", " on ", " in front of "]) + article(background) if rng.random() < 0.8 else ", " + background
    else:
        rest = parts + worn + [background]
        if rng.random() < 0.5:
            rng.shuffle(rest)
        text = rng.choice(STARTS) + ", ".join([article(subject) if rng.random() < 0.5 else subject] + rest)
    if rng.random() < 0.06:
        text += rng.choice(ENDS)
    return text.capitalize() if rng.random() < 0.1 else text
