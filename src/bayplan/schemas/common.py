"""Types that several resources share, and the strictness of every body: unknown fields and wrong types are refused."""

import copy
import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from bayplan.domain.names import canonical_label, canonical_name
from bayplan.errors import Invalid

MAX_INTEGER = 2**63 - 1
_WORD = re.compile(r"[A-Za-z0-9_-]{1,100}")


STRICT = ConfigDict(extra="forbid", strict=True, frozen=True, str_max_length=20_000, populate_by_name=True)


class Body(BaseModel):
    """A body that is sent to bayplan: no unknown field, and no type but the field's own."""

    model_config = STRICT

    # Naming the errors of hundreds of thousands of fields would take seconds, in which no other request is served.
    most_members: ClassVar[int] = 20_000

    def values(self) -> dict[str, Any]:
        """Gives all fields, with the defaults of those that the body does not name."""
        return self.model_dump()


class NoFields(Body):
    """No fields: for a list without a filter, and for actions that take none."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise PydanticCustomError(
            "not_printable", "must contain printable characters only (no line breaks, tabs or NUL)"
        )
    return text


def _word(text: str) -> str:
    if _WORD.fullmatch(text) is None:
        raise PydanticCustomError("not_a_word", "must be 1 to 100 letters, digits, '-' and '_'")
    return text


def _distinct(words: list[str]) -> list[str]:
    by_folded: dict[str, str] = {}
    for word in words:
        by_folded.setdefault(word.casefold(), word)
    return list(by_folded.values())


def _float(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53 else value


def normalized_by(canonical: Callable[[str], str]) -> AfterValidator:
    """Gives a validator that puts the one form of a text, which `canonical` gives, in place of the text."""

    def normalize(text: str) -> str:
        try:
            return canonical(text)
        except Invalid as error:
            raise PydanticCustomError(error.code, "{reason}", {"reason": error.detail}) from None

    return AfterValidator(normalize)


Line = Annotated[str, AfterValidator(_printable)]
"""A line of printable text."""

Name = Annotated[str, Field(min_length=1, max_length=200), normalized_by(canonical_name)]
"""1 to 200 visible characters, without a space at either end; composed (NFC)."""

Label = Annotated[str, Field(min_length=1, max_length=200), normalized_by(canonical_label)]
"""The same for what programs report: spaces at the ends are left out."""

Word = Annotated[str, AfterValidator(_word)]
"""A word of letters, digits, `-` and `_`."""

Words = Annotated[list[Word], Field(max_length=100), AfterValidator(_distinct)]
"""A set of words, in the order in which they were first written; case does not tell two apart."""

Names = Annotated[list[Name], Field(max_length=200), AfterValidator(_distinct)]
"""A set of names."""

Pk = Annotated[int, Field(ge=1, le=MAX_INTEGER)]
"""A primary key."""

Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
"""A whole number that is not negative."""

Number = Annotated[float, BeforeValidator(_float), Field(allow_inf_nan=False)]
"""A finite number, whole or not."""

Key = Annotated[Pk | Name, Field(union_mode="left_to_right")]
"""What names another object in a request: its pk, or its natural key."""

Reference = Annotated[
    int, WithJsonSchema({"anyOf": [{"type": "integer"}, {"additionalProperties": True, "type": "object"}]})
]
"""In an answer, the pk of another object; the API gives the object itself where `?expand=` names the field."""

Timestamp = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""RFC 3339 in UTC, `2026-11-23T10:00:00.000000Z`."""


def parsed_by(parse: Callable[[str], object]) -> AfterValidator:
    """Gives a validator for texts that `parse` accepts; it does not change them."""

    def check(text: str) -> str:
        try:
            parse(text)
        except Invalid as error:
            raise PydanticCustomError("bad_format", "{reason}", {"reason": error.detail.rstrip(".")}) from None
        return text

    return AfterValidator(check)


def partial(model: type[Body], name: str, doc: str) -> type[Body]:
    """Gives the model of a PATCH: the same fields with the same checks, none of them required."""

    def optional(field: Any) -> Any:
        changed = copy.copy(field)
        changed.default = None
        changed.default_factory = None
        changed.json_schema_extra = lambda schema: schema.pop("default", None)
        return changed

    fields: dict[str, Any] = {key: (field.annotation, optional(field)) for key, field in model.model_fields.items()}
    return create_model(name, __base__=Body, __doc__=doc, __module__=model.__module__, **fields)
