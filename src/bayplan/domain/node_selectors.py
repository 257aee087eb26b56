"""How people choose nodes: by driver (`535`, `535.104.05`, `<550`) and by labels (`zone=a`, `!gpu.tier`), as kubectl has it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bayplan.domain.labels import label_key, label_value
from bayplan.domain.versions import DriverVersion
from bayplan.errors import Invalid

_DRIVER = re.compile(r"\s*(>=|<=|>|<|==?)?\s*([0-9]{1,6}(?:\.[0-9]{1,6}){0,3})\s*", re.ASCII)
# `zone in (a,b)` and `zone notin (a,b)`; no key or value has a parenthesis.
_SET = re.compile(r"\s*(\S+)\s+(in|notin)\s*\(([^()]*)\)\s*")
_COMMA = re.compile(r",(?![^()]*\))")
_TEST = re.compile(r"([^=!]+?)\s*(==|!=|=)\s*(.*)")


@dataclass(frozen=True, slots=True)
class LabelTest:
    """A label's key, and the values that it may have: any where there are none; inverted, it has none of these."""

    key: str
    values: Sequence[str] = ()
    is_inverted: bool = False


def driver_bounds(text: str) -> list[tuple[str, str]]:
    """Gives the comparisons that a driver meets: (">=", "535") and ("<", "536") for all releases of that branch.

    `==` stands for a release with all its parts alone. Raises `Invalid`.
    """
    parsed = _DRIVER.fullmatch(text)
    if parsed is None:
        raise Invalid("write a branch (535), a version (535.104.05), or a comparison ('<550').")
    operator, version = parsed.groups()
    if operator in (">=", "<=", ">", "<"):
        return [(operator, version)]
    if DriverVersion.parse(version).is_release:
        return [("==", version)]
    *first, last = version.split(".")
    return [(">=", version), ("<", ".".join((*first, str(int(last) + 1))))]


def label_parts(text: str) -> Iterator[str]:
    """Gives the labels or selectors in a text that has several, with commas between them; raises `Invalid`."""
    for part in _COMMA.split(text):
        if not part.strip():
            raise Invalid("write a label, as in zone=a.")
        yield part.strip()


def label_test(text: str) -> LabelTest:
    """Gives what one selector asks of a label; raises `Invalid`, whose detail begins with a verb."""
    in_set = _SET.fullmatch(text)
    if in_set is not None:
        key, word, inside = in_set.groups()
        values = [part.strip() for part in inside.split(",")]
        return LabelTest(label_key(key), [label_value(key, value) for value in values], word == "notin")
    test = _TEST.fullmatch(text)
    if test is not None:
        key, operator, value = test.groups()
        return LabelTest(label_key(key), [label_value(key, value)], operator == "!=")
    return LabelTest(label_key(text.removeprefix("!").strip()), (), text.startswith("!"))
