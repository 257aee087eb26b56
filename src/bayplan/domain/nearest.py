"""The names nearest to one that there is not, for "did you mean ...?"."""

import re
from collections.abc import Iterable

MOST_NAMES = 3
_CUTOFF = 0.6
_MOST_LETTERS = 300
"""Of a text that may mean a name: names have at most 200, and to compare takes as long as the text is."""
_OF_THE_NEAREST = 0.8
_SEPARATORS = re.compile(r"[-_.\s:/]+")


def nearest(text: str, names: Iterable[str], most: int = MOST_NAMES) -> list[str]:
    """Gives the names that are spelled most like the text, the nearest first; case and separators do not count."""
    from difflib import SequenceMatcher  # here: most commands need no names

    folded = _folded(text)
    if not 0 < len(folded) <= _MOST_LETTERS:
        return []
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(folded)
    ranked: list[tuple[float, str]] = []
    for name in dict.fromkeys(names):
        other = _folded(name)
        matcher.set_seq1(other)
        contains = min(len(folded), len(other)) > 1 and (folded in other or other in folded)
        if not contains and (matcher.real_quick_ratio() < _CUTOFF or matcher.quick_ratio() < _CUTOFF):
            continue
        ratio = matcher.ratio()
        if contains or ratio >= _CUTOFF:
            ranked.append((-ratio, name))
    ranked.sort()
    return [name for ratio, name in ranked[:most] if ratio <= _OF_THE_NEAREST * ranked[0][0]]


def did_you_mean(text: str, names: Iterable[str], most: int = MOST_NAMES) -> str:
    """Gives "did you mean A, B or C?" with the nearest names; an empty text where no name is near."""
    return mean(nearest(text, names, most))


def mean(names: list[str]) -> str:
    """Gives the question whether one of these names is meant; an empty text without names."""
    if not names:
        return ""
    *others, last = names
    return f"did you mean {', '.join(others)}{' or ' if others else ''}{last}?"


def _folded(text: str) -> str:
    return _SEPARATORS.sub("", text.casefold())
