"""The tag that an image of the catalogue gets in a container engine: a valid reference for every name and version."""

import hashlib
import re

PREFIX = "bayplan/"
# The grammar of the distribution project (`distribution/reference`): a path's component, and a tag.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MOST_OF_NAME, _MOST_OF_VERSION = 128, 100
_HASH_DIGITS = 12


def image_tag(name: str, version: str) -> str:
    """Gives `bayplan/NAME:VERSION`.

    What a reference cannot have is replaced by "-", and a hash of the whole follows, so that no two images get the same tag:
    `PyTorch` 2.4+cu124 is `bayplan/pytorch-c6ee44a8b7d2:2.4-cu124-1f2e3d4c5b6a`.
    """
    if len(name) > _MOST_OF_NAME or _PATH.fullmatch(name) is None:
        name = _replaced(name.lower(), r"[^a-z0-9]+", _MOST_OF_NAME, name)
    if _TAG.fullmatch(version) is None:
        version = _replaced(version, r"[^A-Za-z0-9.]+", _MOST_OF_VERSION, version)
    return f"{PREFIX}{name}:{version}"


def _replaced(text: str, others: str, most: int, original: str) -> str:
    readable = re.sub(others, "-", text)[:most].strip("-.")
    digits = hashlib.sha256(original.encode("utf-8", errors="surrogatepass")).hexdigest()[:_HASH_DIGITS]
    return f"{readable}-{digits}" if readable else digits
