"""Query strings: a model for each route declares its parameters, their parsers and their documentation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    create_model,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from starlette.requests import Request

from bayplan.clock import timestamp
from bayplan.db.cursor import Cursor, read_cursor
from bayplan.db.projection import expandable
from bayplan.db.resource_types import ALIASES, RESOURCE_TYPES
from bayplan.domain.names import composed
from bayplan.errors import Invalid, Problem

_MOST_DOCUMENTED = 10**17
_MOST_LETTERS = 500


@dataclass(frozen=True, slots=True)
class ReadBy:
    """A parameter's parser, and the JSON schema that documents it."""

    read: Callable[[str], Any]
    schema: Mapping[str, Any] = field(hash=False)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Gives Pydantic this parser as the only one."""
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Gives Pydantic the documentation."""
        return dict(self.schema)


def _refused(code: str, detail: str) -> PydanticCustomError:
    return PydanticCustomError(code, "{detail}", {"detail": detail})


def whole_number(least: int, most: int | None = None) -> ReadBy:
    """A whole number within these bounds."""
    bounds = f"{least} or more" if most is None else f"{least} to {most:,}"

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
        if number < least or (most is not None and number > most):
            raise _refused("wrong_type", f"must be a whole number, {bounds}")
        return number

    return ReadBy(read, {"type": "integer", "minimum": least, **({} if most is None else {"maximum": most})})


def one_of(*choices: str) -> ReadBy:
    """One of a few words."""

    def read(text: str) -> str:
        if text not in choices:
            raise _refused("wrong_type", f"must be one of: {', '.join(choices)}")
        return text

    return ReadBy(read, {"type": "string", "enum": list(choices)})


def _read_line(text: str) -> str:
    if len(text) > _MOST_LETTERS:
        raise _refused("too_long", f"must have at most {_MOST_LETTERS} characters")
    return _read_printable(text)


def _read_printable(text: str) -> str:
    if not text.isprintable():  # no database takes the character NUL
        raise _refused("not_printable", "must contain printable characters only")
    return composed(text)


def _read_moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return timestamp(moment)
    except (ValueError, OverflowError):
        pass
    raise _refused("wrong_type", "must be a time with its zone, such as 2026-11-23T10:00:00Z")


def _read_flag(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise _refused("wrong_type", "must be true or false")
    return text.lower() in ("true", "1")


PRINTABLE = ReadBy(_read_printable, {"type": "string"})
"""A printable text, in the form of a name."""

LINE = ReadBy(_read_line, {"type": "string", "maxLength": _MOST_LETTERS})
"""The same, no longer than names and references are."""

MOMENT = ReadBy(_read_moment, {"type": "string", "format": "date-time"})
"""A time, in the form of the database."""

Flag = Annotated[bool, ReadBy(_read_flag, {"type": "boolean"})]
"""True or false."""

_AT_LEAST_1 = ReadBy(whole_number(1).read, {"type": "integer", "minimum": 1, "maximum": _MOST_DOCUMENTED})
_AT_LEAST_0 = ReadBy(whole_number(0).read, {"type": "integer", "minimum": 0, "maximum": _MOST_DOCUMENTED})
Offset = Annotated[int, _AT_LEAST_0]
"""How many objects are left out."""


class Parameters(BaseModel):
    """The parameters of a route."""

    model_config = ConfigDict(frozen=True)


class NoParameters(Parameters):
    """No parameters."""


def _read_cursor(text: str) -> Cursor:
    try:
        return read_cursor(text)
    except Invalid:
        raise _refused("bad_cursor", "must be the value from the link to the next page") from None


After = Annotated[Cursor | None, ReadBy(_read_cursor, {"type": "string"})]
"""The place behind the last object of a page."""


class PageParameters(Parameters):
    """The parameters of a list with pages."""

    limit: Annotated[int | None, _AT_LEAST_1] = Field(
        None, description="The most objects to give; without it the list is whole."
    )
    offset: Offset = Field(0, description="How many objects to skip at the beginning.")
    after: After = Field(
        None,
        description="The next page: the value from the `Link` of the page before. Unlike `offset`, it skips no object "
        "when others are deleted.",
    )


class ExpandParameters(Parameters):
    """The references that are nested as objects, by their order in the answer."""

    expand: tuple[str, ...] = ()


class ListParameters(PageParameters, ExpandParameters):
    """The parameters of a resource's list."""


class CredentialsParameters(Parameters):
    """Whether the credentials of registries are read."""

    credentials: Flag = Field(
        True,
        description="`false` leaves out the registries' credentials: `registry_username` and `registry_password` are null, "
        "and the audit log has no entry.",
    )


class ImageListParameters(ListParameters, CredentialsParameters):
    """The parameters of the list of images."""


class ImageLoadParameters(ExpandParameters, CredentialsParameters):
    """The parameters with which an image is loaded."""


_ParametersT = TypeVar("_ParametersT", bound=Parameters)


@cache
def expanding(base: type[_ParametersT], resource: str) -> type[_ParametersT]:
    """Gives the parameters with an `expand` that takes the references of a resource."""
    resource_type = RESOURCE_TYPES[resource]
    choices = [item.name for item in expandable(resource_type)]

    def read(text: str) -> tuple[str, ...]:
        names = [ALIASES.get((resource, name), name) for part in text.split(",") if (name := part.strip())]
        for name in names:
            if name not in choices:
                remedy = (
                    f"these can: {', '.join(choices)}" if choices else f"a {resource_type.singular} has no references"
                )
                raise _refused("unknown_field", f"'{name[:100]}' cannot be expanded; {remedy}")
        return tuple(name for name in choices if name in names)

    described = Field(
        (),
        description=f"Comma-separated references to nest as objects in place of their ids: {', '.join(choices)}.",
        exclude=not choices,
    )
    annotation = Annotated[tuple[str, ...], ReadBy(read, {"type": "string"})]
    fields: dict[str, Any] = {"expand": (annotation, described)}
    return create_model(f"{base.__name__}Of{resource.capitalize()}", __base__=base, **fields)


def parse_query(request: Request, model: type[_ParametersT]) -> _ParametersT:
    """Gives the query string as `model`; raises `Invalid` for an unknown or a repeated parameter."""
    texts: dict[str, str] = {}
    names = tuple(model.model_fields)
    for name, text in request.query_params.multi_items():
        if name not in names:
            existing = f"the parameters are {', '.join(names)}" if names else "this address has none"
            raise Invalid.at(name[:100], "unknown_parameter", f"There is no parameter '{name[:100]}': {existing}.")
        if name in texts:
            raise Invalid.at(
                name, "repeated_parameter", f"The parameter '{name}' is sent more than once: send it once."
            )
        texts[name] = text
    if "after" in texts and "offset" in texts:
        raise Invalid.at("after", "after_and_offset", "Send 'after' or 'offset', not both.")
    try:
        return model.model_validate(texts)
    except ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> Invalid:
    problems = [_problem(str(part["loc"][0]), part["type"], part["msg"]) for part in error.errors(include_url=False)]
    code = problems[0].code if len(problems) == 1 else "invalid"
    return Invalid(" ".join(problem.detail for problem in problems), code=code, problems=problems)


def _problem(name: str, code: str, message: str) -> Problem:
    subject = f"The parameter '{name}' " if message.startswith("must") else ""
    return Problem(name, code, f"{subject}{message}.")


def documented(model: type[Parameters]) -> Sequence[dict[str, Any]]:
    """Gives the OpenAPI parameters of a query string."""
    properties = model.model_json_schema()["properties"] if model.model_fields else {}
    parameters = []
    for name, info in model.model_fields.items():
        if info.exclude:  # declared so that it is refused by a sentence of its own
            continue
        schema = {key: value for key, value in properties[name].items() if key not in ("title", "description")}
        if not isinstance(schema.get("default", 0), bool | int | str):
            del schema["default"]
        parameters.append({"name": name, "in": "query", "schema": schema, "description": info.description or ""})
    return parameters
