"""A form that was sent: its values as they were typed, and what is wrong with each."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar
from urllib.parse import parse_qsl

import orjson

from bayplan.errors import BayplanError, Malformed, Problem
from bayplan.schemas.common import Body
from bayplan.server.http.errors import STATUS
from bayplan.server.http.parsing import LOOP_BYTES, parse

ModelT = TypeVar("ModelT", bound=Body)

_MOST_FIELDS = 10_000
_OF_EMPTY = ("missing", "string_too_short", "too_short")
_OF_PROGRAMS = re.compile(r"([.?;]) /v1/\S+ (?:lists|shows) them all\.$")
_KEY = re.compile(r"\bpk\b")
_MEDIA_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form by name."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mistakes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Sentences by field; those of no field under the empty name."""

    def __contains__(self, name: str) -> bool:
        """Whether the field was sent."""
        return name in self.values

    def text(self, name: str, default: str = "") -> str:
        """Gives the value of a field as it was typed, without white space around it."""
        return self.exact(name, default).strip()

    def exact(self, name: str, default: str = "") -> str:
        """Gives the value of a field with its white space, which may belong to a password."""
        return (self.values.get(name) or (default,))[-1]

    def all(self, name: str) -> list[str]:
        """Gives all values of a field that may be sent several times, such as a row of check boxes."""
        return [text for value in self.values.get(name, ()) if (text := value.strip())]

    def is_checked(self, name: str, default: bool = False) -> bool:
        """Whether a check box is checked; `default` where no form was sent."""
        return name in self.values if self.values else default

    def mistakes_of(self, name: str) -> Sequence[str]:
        """Gives the sentences about a field."""
        return self.mistakes.get(name, ())

    def general_mistakes(self, *shown: str) -> list[str]:
        """Gives the sentences about no field of those that the form shows."""
        return [sentence for name, sentences in self.mistakes.items() if name not in shown for sentence in sentences]

    def with_mistakes(self, error: BayplanError) -> "Form":
        """Gives the form with what an error says of its fields: of `tasks.0` beside the field `tasks`."""
        mistakes: dict[str, list[str]] = {}
        for problem in error.problems:
            name = problem.field.partition(".")[0]
            sentence = _in_words(problem, is_empty=not self.exact(name))
            mistakes.setdefault("" if name == "body" else name, []).append(sentence)
        return replace(self, mistakes=mistakes or {"": [error.public_detail]})


def _in_words(problem: Problem, *, is_empty: bool) -> str:
    """A problem in the words of a page, beside its field: the API's name their fields, primary keys and addresses."""
    field = f"The field '{problem.field}'"
    if is_empty and problem.code in _OF_EMPTY and problem.detail.startswith(field):
        return "Fill in this field."
    sentence = problem.detail.replace(field, "This field", 1).replace(f"`{problem.field}`", "This field", 1)
    return _KEY.sub("key", _OF_PROGRAMS.sub(lambda found: found[1].replace(";", "."), sentence))


def status_of(error: BayplanError) -> int:
    """Gives the HTTP status of a form that is shown again with an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def parse_body(values: Mapping[str, object], model: type[ModelT]) -> ModelT:
    """Gives the values of a form as a body of the API; raises `Invalid` with every mistake, as the API does."""
    return parse(orjson.dumps(values), model)


async def form_in(body: bytes, media_type: str) -> Form:
    """Gives the fields in a request's body, of a long one in a thread; raises `Malformed` where it is no form's."""
    return _form(body, media_type) if len(body) <= LOOP_BYTES else await asyncio.to_thread(_form, body, media_type)


def _form(body: bytes, media_type: str) -> Form:
    if body and media_type.partition(";")[0].strip().lower() != _MEDIA_TYPE:
        raise Malformed(f"The body must be a form's: {_MEDIA_TYPE}.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:  # also UnicodeDecodeError
        raise Malformed(f"The form must be UTF-8, with at most {_MOST_FIELDS:,} fields.") from None
    values: dict[str, list[str]] = {}
    for name, text in pairs:
        values.setdefault(name, []).append(text.replace("\r\n", "\n"))
    return Form(values)
