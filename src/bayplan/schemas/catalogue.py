"""A whole catalogue as one document: what `bayplan apply` sends and `bayplan export` writes."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError
from typing_extensions import TypedDict

from bayplan.schemas.common import Body
from bayplan.schemas.components import answer
from bayplan.schemas.docker import ImageCreate
from bayplan.schemas.facts import FactsPatch
from bayplan.schemas.frameworks import FrameworkCreate
from bayplan.schemas.nodes import NodeCreate

MOST_ENTRIES = 100_000
_MOST_ERRORS = 100


class DocumentedImage(ImageCreate):
    """An image, with facts about it where there are any to enter."""

    facts: FactsPatch | None = None


def _one_by_one(model: type[Body]) -> BeforeValidator:
    """Gives what validates a list entry by entry and stops at the hundredth error.

    Pydantic itself would note each error of a hundred thousand entries, in one step that no other thread can interrupt.
    """
    entry = TypeAdapter(model)

    def each(given: Any) -> Any:
        if not isinstance(given, list) or len(given) > MOST_ENTRIES:
            return given  # for the list's own checks
        made: list[Body] = []
        wrong: list[InitErrorDetails] = []
        for index, one in enumerate(given):
            try:
                made.append(entry.validate_python(one))
            except ValidationError as error:
                wrong += [_at(index, found) for found in error.errors(include_url=False)]
            if len(wrong) >= _MOST_ERRORS:
                break
        if wrong:
            raise ValidationError.from_exception_data(model.__name__, wrong)
        return made

    return BeforeValidator(each, json_schema_input_type=list[model])  # type: ignore[valid-type]  # known when it is called


def _at(index: int, found: Any) -> InitErrorDetails:
    error = PydanticCustomError(found["type"], "{said}", {"said": found["msg"]})
    return InitErrorDetails(type=error, loc=(index, *found["loc"]), input=found["input"])


class Document(Body):
    """Frameworks, images and nodes in their create bodies, with natural keys. A section that is not there is left alone."""

    most_members: ClassVar[int] = 50 * MOST_ENTRIES

    frameworks: (
        Annotated[list[FrameworkCreate], Field(max_length=MOST_ENTRIES), _one_by_one(FrameworkCreate)] | None
    ) = None
    images: Annotated[list[DocumentedImage], Field(max_length=MOST_ENTRIES), _one_by_one(DocumentedImage)] | None = None
    nodes: Annotated[list[NodeCreate], Field(max_length=MOST_ENTRIES), _one_by_one(NodeCreate)] | None = None


@answer("Change")
class PlannedChange(TypedDict):
    """One object that was or would be added, changed or removed; `fields` has each change as `from` and `to`."""

    action: Literal["add", "change", "remove"]
    resource: Literal["frameworks", "images", "nodes"]
    key: str
    pk: int | None
    fields: dict[str, dict[str, Any]]


@answer()
class PlanAnswer(TypedDict):
    """What applying a document changes. `version` is the catalogue's: send it as `If-Match` to apply just that."""

    changes: list[PlannedChange]
    unchanged: int
    applied: bool
    version: str
