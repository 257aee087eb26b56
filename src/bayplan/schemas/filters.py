"""The filter specification: the body of every `list`, as api.md section 6 defines it."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, field_validator
from pydantic_core import PydanticCustomError

from bayplan.schemas.common import Body

MAX_LEVELS = 32
MAX_EXPRESSIONS = 1_000
MAX_DOTS = 4
LARGE = 50

FieldPath = Annotated[str, Field(min_length=1, max_length=400, examples=["framework.name"])]


class Exact(Body):
    """Rows whose field is the value; a reference is given by its pk or its natural key."""

    type: Literal["exact"]
    field: FieldPath
    value: bool | int | float | str
    case_insensitive: bool = False
    invert: bool = False


class Contains(Body):
    """Rows whose field contains the text."""

    type: Literal["contains"]
    field: FieldPath
    sub_string: str = Field(validation_alias=AliasChoices("sub_string", "value"))
    case_insensitive: bool = False
    invert: bool = False


class IsNull(Body):
    """Rows whose field is null."""

    type: Literal["is_null", "isnull"]
    field: FieldPath
    invert: bool = False


class Compare(Body):
    """Rows whose field lies on one side of the value; versions compare as versions."""

    type: Literal["compare"]
    field: FieldPath
    operator: Literal["<", "<=", ">", ">="]
    value: int | float | str
    invert: bool = False


class Both(Body):
    """Rows that all the sub-expressions match."""

    type: Literal["and"]
    sub_expressions: list["Expression"] = Field(min_length=1)
    invert: bool = False


class Either(Body):
    """Rows that any of the sub-expressions matches."""

    type: Literal["or"]
    sub_expressions: list["Expression"] = Field(min_length=1)
    invert: bool = False


Expression = Annotated[Exact | Contains | IsNull | Compare | Both | Either, Field(discriminator="type")]
EXPRESSION_TYPES = ("exact", "contains", "is_null", "isnull", "compare", "and", "or")


class Order(Body):
    """A field to order by. Null comes last unless `nulls_first`; the pk breaks ties."""

    field: FieldPath
    ascending: bool = True
    nulls_first: bool = False


class Specification(Body):
    """Which rows, in which order. The expressions are ANDed; without any, all rows."""

    expressions: list[Expression] = Field(default=[])
    order_by: list[Order] = Field(default=[], max_length=20)

    @field_validator("expressions", mode="before")
    @classmethod
    def _bounded(cls, value: Any) -> Any:
        _check_size(value)
        return value

    @property
    def is_large(self) -> bool:
        """Whether its translation into SQL takes too long for the event loop."""
        return self.size > LARGE

    @property
    def fields(self) -> frozenset[str]:
        """The fields that its expressions name."""
        return frozenset(_fields(self.expressions))

    @property
    def size(self) -> int:
        """How many expressions it has, those within others included."""
        return _count(self.expressions)


class Filter(Specification):
    """Which rows of a list, in which order. The expressions are ANDed."""

    include_inactive: bool = False


def _fields(expressions: list[Expression]) -> Iterator[str]:
    for part in expressions:
        if isinstance(part, Both | Either):
            yield from _fields(part.sub_expressions)
        else:
            yield part.field


def _count(expressions: list[Expression]) -> int:
    return sum(1 + (_count(part.sub_expressions) if isinstance(part, Both | Either) else 0) for part in expressions)


def _check_size(expressions: Any) -> None:
    """Raises where the tree is too large, before anything walks it with recursion."""
    level, count = [expressions], 0
    for depth in range(MAX_LEVELS + 1):
        following = []
        for siblings in level:
            if isinstance(siblings, list):
                count += len(siblings)
                following += [item.get("sub_expressions") for item in siblings if isinstance(item, dict)]
        if count > MAX_EXPRESSIONS:
            raise PydanticCustomError("too_many_expressions", f"must have at most {MAX_EXPRESSIONS:,} expressions")
        level = [siblings for siblings in following if isinstance(siblings, list)]
        if not level:
            return
        if depth + 1 == MAX_LEVELS:
            raise PydanticCustomError("too_deep", f"must have at most {MAX_LEVELS} levels of expressions")


EVERYTHING = Filter()
