"""The values that the readers of YAML and JSON give, each with its place in the text."""

import math
import re
from dataclasses import dataclass
from typing import Any

from bayplan.errors import Malformed, Problem

MAX_DEPTH = 80
"""Levels of lists and mappings, also through aliases: a filter has 32 levels of two each, and a rule and the file stand around it."""
MAX_VALUES = 1_000_000
"""Values in a document once its aliases are followed: enough for tens of thousands of images, few enough for memory."""

_INTEGER = re.compile(r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_SWITCHES = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_PREFIXES = {"0o": 8, "0x": 16}

Scalar = str | int | float | bool | None


@dataclass(slots=True)
class DocumentNode:
    """A scalar, a list or a mapping, with the line and column (from 1) of the value, or of its key in a mapping.

    `source` is the text of a scalar as the file has it: `2.40` for the number 2.4.
    """

    value: "Scalar | list[DocumentNode] | dict[str, DocumentNode]"
    line: int
    column: int
    source: str = ""

    def plain(self) -> Any:
        """The value alone."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class Unreadable(Malformed):
    """The error for a text that is not YAML or not JSON, with the place of the mistake."""

    def __init__(self, line: int, column: int, detail: str) -> None:
        super().__init__(detail, problems=[Problem("", "malformed", detail)])
        self.line = line
        self.column = column


def scalar(text: str) -> Scalar:
    """The value of a word without quotes, by YAML 1.2: `no` and 2027-01-31 are texts, `2.4` is a number."""
    if text in _NOTHING:
        return None
    if text in _SWITCHES:
        return _SWITCHES[text]
    if _INTEGER.fullmatch(text):
        base = _PREFIXES.get(text[:2])
        return int(text[2:], base) if base else int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
