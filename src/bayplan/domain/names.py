"""Names that people read and write, each in one form: Unicode's composed one (NFC), without spaces at its ends.

Two names that look the same would otherwise be two objects: `é` is one character or two. Letters that differ to the eye (case,
full width) tell two names apart.
"""

import re
import unicodedata

from bayplan.errors import Invalid

# Default_Ignorable_Code_Point of Unicode 15, without those that `str.isprintable` refuses, and the blank of Braille.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def canonical_name(text: str) -> str:
    """Gives the one form of a name; raises `Invalid` for one with spaces at its ends, or with a character that nobody sees."""
    name = composed_part(text)
    if not name.strip():
        raise Invalid("must not be blank", code="blank")
    if not name.isprintable():
        raise Invalid(
            "must contain printable characters only (no line breaks, tabs, NUL or invisible characters)",
            code="not_printable",
        )
    if name != name.strip(" "):
        raise Invalid("must not begin or end with a space", code="outer_space")
    invisible = _INVISIBLE.search(name)
    if invisible is not None:
        raise Invalid(f"must not contain the invisible character U+{ord(invisible[0]):04X}", code="invisible_character")
    return name


def canonical_label(text: str) -> str:
    """Gives the one form of a name that a program reports, spaces at its ends or not; raises `Invalid`."""
    return canonical_name(text.strip(" "))


def composed(text: str) -> str:
    """Gives the form in which a name is stored, for any text: to find what a name stands for."""
    return composed_part(text.strip(" "))


def composed_part(text: str) -> str:
    """Gives the form in which a part of a name is stored."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def splits(text: str) -> list[tuple[str, str]]:
    """Gives every pair of a name and a version that the text can be split into, at a colon or a space."""
    cuts = [at for at, letter in enumerate(text) if letter in ": "]
    return [(text[:at].strip(), text[at + 1 :].strip()) for at in cuts if text[:at].strip() and text[at + 1 :].strip()]
