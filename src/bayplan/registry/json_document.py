"""JSON documents of registries, taken as Go's `encoding/json` takes them.

Engines and registries are written in Go, so what Go takes is pulled: null is nothing wherever it stands, keys are
compared without their case, the last of several equal keys counts, and bytes that are no UTF-8 become U+FFFD. Numbers
and depth have bounds here. Source: pkg.go.dev/encoding/json, "Unmarshal".
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from bayplan.registry.errors import ManifestInvalid

MAX_INT64 = 2**63 - 1
_MOST_DIGITS = 30  # a longer integer is beyond every range, and takes Python long to read
_TOO_LARGE = 2**100


def parse_document(body: bytes, what: str) -> dict[str, Any]:
    """The object in `body`, which errors name `what`; raises ManifestInvalid."""
    text = body.decode("utf-8", "replace")
    try:
        document = json.loads(text, parse_int=_integer, parse_constant=_refuse_constant)
    except RecursionError:
        raise ManifestInvalid(f"{what} is nested too deeply. Push the image again.") from None
    except ValueError:
        raise ManifestInvalid(f"{what} is not valid JSON. Push the image again.") from None
    if not isinstance(document, dict):
        raise ManifestInvalid(f"{what} is not a JSON object. Push the image again.")
    return document


def fold(document: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The members with these names, whatever the case of their keys; without those that are null."""
    by_folded = {name.casefold(): name for name in names}
    members: dict[str, Any] = {}
    for key, value in document.items():
        name = by_folded.get(key.casefold())
        if name is not None and value is not None:
            members[name] = value
    return members


class JsonObject(BaseModel):
    """An object of a registry's document: unknown members are ignored, every other member must be as it says."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _fold(cls, value: Any) -> Any:
        return fold(value, _names(cls)) if isinstance(value, dict) else value


def _texts(value: Any) -> Any:
    return {key: "" if text is None else text for key, text in value.items()} if isinstance(value, dict) else value


def _without_nulls(value: Any) -> Any:
    return tuple(entry for entry in value if entry is not None) if isinstance(value, list) else value


Texts = Annotated[dict[str, str], BeforeValidator(_texts)]
"""Texts by name; null is the empty text."""
WITHOUT_NULLS = BeforeValidator(_without_nulls)
"""Makes a tuple of a list, without the entries that are null."""


@cache
def _names(kind: type[JsonObject]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in kind.model_fields.items())


def _integer(digits: str) -> int:
    if len(digits) <= _MOST_DIGITS:
        return int(digits)
    return -_TOO_LARGE if digits.startswith("-") else _TOO_LARGE


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are not JSON
