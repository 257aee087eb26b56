"""Versions of drivers, of CUDA and of everything else, compared as versions and never as text.

Text order sorts 450.36.06 and 450.119.04, or 9.2 and 10.1, wrongly, and makes the verdict wrong. The rules compare the three
types here; `sort_key` is for the database, which can only compare text.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, total_ordering
from typing import TypeVar

from bayplan.errors import Invalid

T = TypeVar("T")

_PARTS = 3  # of a driver's version; some releases have two, such as 550.120
_DRIVER = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,3}", re.ASCII)
_CUDA = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,6})(?:\.[0-9]{1,6})?)?", re.ASCII)
_CUDA_FAMILY = re.compile(r"[0-9]{1,4}", re.ASCII)
# Both digits without a dot, as in sm_89; up to 19 it may be a major alone.
_JOINED_CAPABILITY = re.compile(r"(?:(?:sm|compute)_?)?([2-9]|1[0-9])([0-9])[af]?", re.ASCII)
_CAPABILITY = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?", re.ASCII)


@total_ordering
@dataclass(frozen=True, slots=True)
class DriverVersion:
    """A driver's version as numbers; `535` sorts before every release of that branch.

    A node with the driver `535` or `535.104` has one release of these; which one, the text does not say. `at_least` and
    `may_be` compare such a driver.
    """

    parts: tuple[int, ...]
    text: str = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> "DriverVersion":
        """The version in `text`, such as "535.104.05"; raises Invalid for anything else."""
        return _parse_driver(text)

    @property
    def branch(self) -> int:
        """The driver branch: 535 for 535.104.05."""
        return self.parts[0] if self.parts else 0

    def at_least(self, other: "DriverVersion") -> bool | None:
        """Whether it is that release or a newer one; None where it has too few parts to say, as 580 for 580.65.06."""
        if self >= other:
            return True
        return None if self.may_be(other) else False

    def may_be(self, other: "DriverVersion") -> bool:
        """Whether both may be the same release: the parts that both have are equal, as those of 580 and 580.65.06."""
        return all(mine == theirs for mine, theirs in zip(self._written, other._written, strict=False))

    @property
    def is_release(self) -> bool:
        """Whether it has all its parts; without them it may be any release that begins with them."""
        return len(self._written) >= _PARTS

    @property
    def first_release(self) -> str:
        """Its text with a 0 for each part that it lacks: 580.0.0 for 580, older than all other releases of that branch."""
        return ".".join((self.text, *["0"] * (_PARTS - len(self._written))))

    @property
    def _written(self) -> tuple[int, ...]:
        zeros = self.text.count(".") + 1 - len(self.parts)
        return self.parts + (0,) * zeros

    def __lt__(self, other: "DriverVersion") -> bool:
        return self.parts < other.parts

    def __str__(self) -> str:
        return self.text


@total_ordering
@dataclass(frozen=True, slots=True)
class CudaVersion:
    """A CUDA release; without a patch it stands for the whole minor release and sorts before its patches."""

    major: int
    minor: int
    patch: int | None = None

    @classmethod
    def parse(cls, text: str) -> "CudaVersion":
        """The version in `text`: "12.4", "12.4.1", or "12.6.3.004" as NGC images write it (the build is dropped)."""
        return _parse_cuda(text)

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor, which drivers and PTX depend on."""
        return (self.major, self.minor)

    def __lt__(self, other: "CudaVersion") -> bool:
        return self._order < other._order

    @property
    def _order(self) -> tuple[int, int, int]:
        return (self.major, self.minor, -1 if self.patch is None else self.patch)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}" if self.patch is None else f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True, order=True)
class ComputeCapability:
    """What a GPU can execute: 8.6 is (8, 6). An order of numbers, not of generations (Rubin is 10.7)."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> "ComputeCapability":
        """The capability in `text`, such as "8.6"; raises Invalid for anything else."""
        return _parse_capability(text)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


# The rules parse the same few texts for thousands of images; the caches make that a lookup in a dictionary.
@lru_cache(maxsize=4096)
def _parse_driver(text: str) -> DriverVersion:
    stripped = text.strip()
    if not _DRIVER.fullmatch(stripped):
        raise Invalid(f"{text!r} is not a driver version: write it as nvidia-smi does, such as 535.104.05.")
    parts = [int(part) for part in stripped.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return DriverVersion(tuple(parts), stripped)


@lru_cache(maxsize=4096)
def _parse_cuda(text: str) -> CudaVersion:
    parts = _CUDA.fullmatch(text.strip())
    if not parts:
        raise Invalid(f"{text!r} is not a CUDA version: write it as 12.4 or 12.4.1.")
    major, minor, patch = parts.groups()
    return CudaVersion(int(major), int(minor), None if patch is None else int(patch))


def parse_cuda_family(text: str) -> int:
    """The major version of CUDA in `text`: 13 in "13", "13.0" and "13.0.2"; raises Invalid for anything else."""
    stripped = text.strip()
    return int(stripped) if _CUDA_FAMILY.fullmatch(stripped) else CudaVersion.parse(text).major


@lru_cache(maxsize=4096)
def _parse_capability(text: str) -> ComputeCapability:
    parts = _CAPABILITY.fullmatch(text.strip())
    if joined := _JOINED_CAPABILITY.fullmatch(text.strip().lower()):
        raise Invalid(f"{text!r} is not a compute capability: write it as {joined[1]}.{joined[2]}.")
    if not parts:
        raise Invalid(f"{text!r} is not a compute capability: write it as 8.6.")
    return ComputeCapability(int(parts[1]), int(parts[2] or 0))


def read(parse: Callable[[str], T], text: str | None) -> T | None:
    """The parsed text; None where there is none or it cannot be read."""
    try:
        return None if text is None else parse(text)
    except Invalid:
        return None


MAX_TEXT = 200  # what the API accepts for a version; longer text is ordered by its beginning

_NUMBERS = re.compile(r"v?[0-9]+(\.[0-9]+)*", re.IGNORECASE)
_TOKEN = re.compile(r"([0-9]+)|([a-z\u0080-\U0010ffff]+)", re.IGNORECASE)
_PRE_RELEASES = {
    "dev": "a", "a": "b", "alpha": "b", "b": "c", "beta": "c", "c": "d", "rc": "d", "pre": "d", "preview": "d",
}  # fmt: skip
# The first character of an element is its kind, so that kinds sort first.
_PRE_RELEASE, _END, _WORD, _NUMBER = "1", "3", "5", "7"


def is_ordered(text: str, *, has_words: bool) -> bool:
    """Whether a text is a version that others can be compared with: numbers with dots, or with `has_words` anything with a number."""
    return bool(re.search("[0-9]", text) if has_words else _NUMBERS.fullmatch(text.strip()))


def sort_key(text: str) -> str:
    """A printable ASCII string whose byte order is the order of the versions; any text has one.

    Numbers compare as numbers, separators do not count, zeros at the end of a run of numbers do not either (2.4 is
    2.4.0), pre-releases come before their release and every other word after it. At most about 1,500 characters.
    A column that holds it must compare bytes (SQLite's BINARY, PostgreSQL's "C").
    """
    key: list[str] = []
    seen_number = False
    for number, word in _TOKEN.findall(_without_v(text[:MAX_TEXT])):
        if number:
            seen_number = True
            digits = number.lstrip("0") or "0"
            key.append(f"{_NUMBER}{len(digits):03}{digits}")
            continue
        _drop_zeros(key)
        lower = word.lower()
        pre = _PRE_RELEASES.get(lower)
        key.append(f"{_PRE_RELEASE}{pre}" if pre and seen_number else f"{_WORD}{_ascii(lower)}!")
    _drop_zeros(key)
    return "".join(key) + _END


def _without_v(text: str) -> str:
    return re.sub(r"\A\s*v(?=[0-9])", "", text, flags=re.IGNORECASE)


def _drop_zeros(key: list[str]) -> None:
    zero = f"{_NUMBER}0010"
    while key and key[-1] == zero:
        key.pop()


def _ascii(word: str) -> str:
    return "".join(char if char.isascii() else f"~{ord(char):06x}" for char in word)
