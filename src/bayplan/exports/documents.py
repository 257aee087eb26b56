"""Documents for other programs as YAML, headed by comments."""

import re
from collections.abc import Iterable
from typing import Any

import yaml

_LONGEST_NAME = 63


def as_yaml(document: Any, comments: Iterable[str] = ()) -> str:
    """Gives the document in block style, below its comments."""
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=10_000)
    return "".join(f"# {_one_line(line)}\n" for line in comments) + text


def dns_name(text: str) -> str:
    """Gives the text as a name of a Kubernetes object: lower case letters, digits and hyphens (RFC 1123)."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST_NAME].strip("-")
    return name or "image"


def _one_line(text: str) -> str:
    """The text without what would end a comment or steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


class _Dumper(yaml.SafeDumper):
    """Lists are indented, and the same object twice is written twice."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002  # the library's
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # the library's
        return True
