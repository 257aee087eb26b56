"""From a request to types: parses bodies completely and within bounds; errors name the field."""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from bayplan.errors import Invalid, Malformed, Problem, TooLarge
from bayplan.schemas.common import MAX_INTEGER, Body
from bayplan.schemas.filters import EXPRESSION_TYPES
from bayplan.schemas.problem import requirement

Model = TypeVar("Model", bound=Body)

# Pydantic adds the branches of a union to the names of fields in an error's place.
_BRANCHES = frozenset({"int", "str", "float", "bool", "list", *EXPRESSION_TYPES})
_MOST_PROBLEMS = 100
LOOP_BYTES = 64 * 1024
"""Bodies that are parsed in the event loop; longer ones go to a thread."""


def pk_from(step: str) -> int:
    """Gives the primary key in a path's step of digits; 0, which no row has, for a number beyond 64 bits."""
    return int(step) if len(step) < 20 and int(step) <= MAX_INTEGER else 0


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """Gives the whole body; raises `TooLarge` as soon as it exceeds `limit_bytes`."""
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:20]) > limit_bytes:
        raise _too_large(limit_bytes)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit_bytes:
            raise _too_large(limit_bytes)
        parts.append(part)
    return b"".join(parts)


async def parsed(body: bytes, model: type[Model]) -> Model:
    """Gives the JSON in a body as `model`, a long one in a thread; raises `Malformed`, or `Invalid` with every problem in it."""
    return parse(body, model) if len(body) <= LOOP_BYTES else await asyncio.to_thread(parse, body, model)


def parse(body: bytes, model: type[Model]) -> Model:
    """Gives the JSON in `body` as `model`."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not body.strip():
            raise Malformed("The body is empty: send a JSON object.") from None
        raise Malformed(f"The body is not valid JSON (line {error.lineno}, column {error.colno}).") from None
    if body.count(b":") > model.most_members:  # each member of an object has a colon
        raise Invalid.at("body", "too_many_fields", f"The body has more than {model.most_members:,} fields.")
    try:
        parsed_body = model.model_validate(content)
    except ValidationError as error:
        raise invalid(error, model) from None
    if b"\\u0000" in body:
        _refuse_nul(content)
    return parsed_body


def invalid(error: ValidationError, model: type[BaseModel]) -> Invalid:
    """Gives the problems of a failed validation, each place once."""
    by_place: dict[str, list[tuple[str, str]]] = {}
    for part in error.errors(include_url=False, include_context=False, include_input=False)[:_MOST_PROBLEMS]:
        place = _place(part["loc"])
        by_place.setdefault(place, []).append((part["type"], requirement(part["msg"])))
    problems = [_problem(place, messages, model) for place, messages in by_place.items()]
    only = problems[0].code if len(problems) == 1 else "invalid"
    return Invalid(" ".join(p.detail for p in problems[:5]), code=only, problems=problems)


def _place(loc: Sequence[int | str]) -> str:
    """The place without the names of a union's branches, which Pydantic puts between those of the fields."""
    last = len(loc) - 1
    kept = []
    for index, step in enumerate(loc):
        branch = isinstance(step, str) and index > 0 and (step in _BRANCHES or "[" in step or "constrained" in step)
        if not branch or (index == last and step in EXPRESSION_TYPES and loc[index - 1] in EXPRESSION_TYPES):
            kept.append(str(step))
    return ".".join(kept) or "body"


def _problem(place: str, messages: list[tuple[str, str]], model: type[BaseModel]) -> Problem:
    kind, message = messages[0]
    name = place.rsplit(".", 1)[-1]
    if kind == "missing":
        return Problem(place, "missing", f"The field '{place}' is required.")
    if kind == "extra_forbidden":
        fields = f" The fields are: {', '.join(model.model_fields)}." if "." not in place else ""
        return Problem(place, "unknown_field", f"There is no field '{name}' here.{fields}")
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        message = "must be a JSON object"
    code = "wrong_type" if kind.endswith("_type") or len(messages) > 1 else kind
    if len(messages) > 1:
        first, *others = dict.fromkeys(text for _, text in messages)
        message = " or ".join((first, *(text.removeprefix("must be ") for text in others)))
    subject = f"The field '{place}'" if place != "body" else "The body"
    separator = " " if message.startswith(("must ", "can ", "has ")) else ": "
    return Problem(place, code, f"{subject}{separator}{message.rstrip('.')}.")


def _refuse_nul(content: Any) -> None:
    """Raises `Invalid` where any text, however deep, has the character NUL, which no database takes."""
    open_: list[tuple[str, Any]] = [("", content)]
    while open_:
        place, value = open_.pop()
        if isinstance(value, str) and "\0" in value:
            raise Invalid.at(place, "not_printable", f"The field '{place}' must not contain the character NUL.")
        if isinstance(value, dict):
            if any("\0" in key for key in value):
                raise Invalid.at(place, "not_printable", "The name of a field must not contain the character NUL.")
            open_ += [(f"{place}.{key}".lstrip("."), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            open_ += [(f"{place}.{index}".lstrip("."), inner) for index, inner in enumerate(value)]


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(
        f"The body is larger than {limit_bytes:,} bytes, the most that the server reads (BAYPLAN_MAX_BODY_BYTES)."
    )
