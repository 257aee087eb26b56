"""How a person names frameworks: `pytorch`, `torch`, `PyTorch 2.4`, `pytorch>=2.4,<3`, `torch==2.7.1`.

The same grammar holds for a match, for lists and for prefetch rules. Case and separators of the name do not count, and the
name of a framework's package stands for it. A version behind a space or a colon is that release with all of its
patches; after an operator it is as pip has it.
Source: PEP 440 (version specifiers), PEP 503 (normalized names); the names of packages are those of PyPI.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from bayplan.errors import Invalid

_OPERATOR = re.compile(r"[<>=!~]")
_RELEASE = re.compile(r"v?[0-9]+(?:\.[0-9]+)*", re.IGNORECASE | re.ASCII)
_EXTRAS = re.compile(r"\[[^\]]*\]\s*$")
_COMPARED = (">=", "<=", ">", "<")
SEPARATORS = "-_. "
"""What does not count in a name."""
_WITHOUT_SEPARATORS = str.maketrans("", "", SEPARATORS)

PACKAGES = {
    "torch": "pytorch",
    "tf": "tensorflow",
    "tensorflowgpu": "tensorflow",
    "tensorflowcpu": "tensorflow",
    "paddle": "paddlepaddle",
    "paddlepaddlegpu": "paddlepaddle",
    "sklearn": "scikitlearn",
    "ort": "onnxruntime",
    "onnxruntimegpu": "onnxruntime",
    "trtllm": "tensorrtllm",
    "jaxlib": "jax",
}
"""The framework of a package or a short name that people use for it, both without separators."""


@dataclass(frozen=True, slots=True)
class NamedVersions:
    """A framework's key, and its versions: by a specifier, by a release with its patches or a word, or all of them."""

    key: str
    specifier: SpecifierSet | None = None
    release: str | None = None

    def accepts(self, version: str | None) -> bool:
        """Whether it is one of these versions."""
        if self.specifier is not None:
            return _contains(self.specifier, version)
        return self.release is None or (version is not None and _is_of_release(version, self.release))


@dataclass(frozen=True, slots=True)
class FrameworkSpec:
    """The frameworks that a text names: a text may be a name and a version, or a name with a space in it."""

    text: str
    alternatives: tuple[NamedVersions, ...]

    @classmethod
    def parse(cls, text: str, *, field: str = "framework") -> "FrameworkSpec":
        """Gives the frameworks that a text names; raises `Invalid` at `field`."""
        start = match.start() if (match := _OPERATOR.search(text)) else len(text)
        name, rest = text[:start].strip(), text[start:].strip()
        key = framework_key(_EXTRAS.sub("", name))
        if not key:
            raise Invalid.at(field, "invalid", "Name a framework, such as pytorch, 'PyTorch 2.4' or pytorch>=2.1,<3.")
        if not rest:
            return cls(text, (NamedVersions(key), *_with_release(name)))
        try:
            return cls(text, (NamedVersions(key, SpecifierSet(rest)),))
        except InvalidSpecifier:
            detail = f"{rest!r} is not a version specifier as pip writes it; write it like pytorch>=2.1,<3."
            raise Invalid.at(field, "invalid", detail) from None

    def accepts(self, name: str | None, version: str | None) -> bool:
        """Whether the framework of that name and version is one of them."""
        if name is None:
            return False
        key = framework_key(name)
        return any(named.key == key and named.accepts(version) for named in self.alternatives)

    def bounds(self) -> list[tuple[str, str]] | None:
        """Gives the comparisons that its versions meet, such as (">=", "2.4") and ("<", "2.5") for the release 2.4.

        They let new versions through as well, as a rule is to. Empty for all versions; None where comparisons cannot say it.
        """
        last = self.alternatives[-1]
        if last.release is not None:
            release = last.release.lower().removeprefix("v")
            return [(">=", release), ("<", _next(release))] if _RELEASE.fullmatch(last.release) else None
        parts = [(part.operator, part.version) for part in last.specifier or ()]
        return sorted(parts) if all(operator in _COMPARED for operator, _ in parts) else None


def _next(release: str) -> str:
    """The first release that is not of this one any more: 2.5 for 2.4."""
    *numbers, last = release.split(".")
    return ".".join([*numbers, str(int(last) + 1)])


@lru_cache(maxsize=4096)
def framework_key(name: str) -> str:
    """Gives what two spellings of one framework's name share: "pytorch" for "PyTorch" and "torch"."""
    key = name.casefold().translate(_WITHOUT_SEPARATORS)
    return PACKAGES.get(key, key)


def spellings(key: str) -> list[str]:
    """Gives the names without separators, in lower case, that have that key."""
    return [key, *(package for package, framework in PACKAGES.items() if framework == key)]


def _with_release(text: str) -> list[NamedVersions]:
    """The readings of a text as a name and a version: "PyTorch 2.4", "pytorch:2.4"."""
    cut = max(text.rfind(" "), text.rfind(":"), text.rfind("@"))
    name, release = text[:cut].strip(" :@"), text[cut + 1 :].strip()
    return [NamedVersions(framework_key(name), release=release)] if cut > 0 and name and release else []


def _is_of_release(version: str, release: str) -> bool:
    if version.casefold() == release.casefold():
        return True
    if _RELEASE.fullmatch(release) is None:
        return False
    parsed = _parsed(version)
    if parsed is None:
        return version.casefold().removeprefix("v").startswith(release.casefold().removeprefix("v") + ".")
    numbers = [int(part) for part in release.lower().removeprefix("v").split(".")]
    own = [*parsed.release, *([0] * len(numbers))]
    return own[: len(numbers)] == numbers


@lru_cache(maxsize=4096)
def _contains(versions: SpecifierSet, version: str | None) -> bool:
    parsed = None if version is None else _parsed(version)
    return parsed is not None and versions.contains(parsed, prereleases=True)


@lru_cache(maxsize=4096)
def _parsed(version: str) -> Version | None:
    try:
        return Version(version)
    except InvalidVersion:
        return None
