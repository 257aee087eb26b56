"""A catalogue as one document, which `bayplan apply` sends and `bayplan export` writes."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from typing_extensions import TypedDict

from bayplan.schemas.common import Body
from bayplan.schemas.components import answer
from bayplan.schemas.cuda import CudaCreate
from bayplan.schemas.docker import ImageCreate
from bayplan.schemas.domains import DomainCreate
from bayplan.schemas.frameworks import FrameworkCreate
from bayplan.schemas.hardware import HardwareCreate
from bayplan.schemas.licences import LicenceCreate
from bayplan.schemas.lifecycle import LifecyclePatch
from bayplan.schemas.nodes import NodeCreate
from bayplan.schemas.prefetch import PrefetchCreate
from bayplan.schemas.users import UserFields

MOST_ENTRIES = 100_000
_MOST_ERRORS = 100


class DocumentedImage(ImageCreate):
    """An image, with facts about it where there are any to enter, and with its lifecycle where it is deprecated."""

    lifecycle: LifecyclePatch | None = None

    def values(self) -> dict[str, Any]:
        """Gives all fields; of the facts and the lifecycle only those that the body names."""
        lifecycle = {} if self.lifecycle is None else self.lifecycle.model_dump(exclude_unset=True)
        return super().values() | {"lifecycle": lifecycle}


class DocumentedUser(UserFields):
    """A user, without a password: no document has one. A new user cannot log in before staff set a password."""

    @model_validator(mode="before")
    @classmethod
    def _without_password(cls, values: Any) -> Any:
        if isinstance(values, dict) and "password" in values:
            raise PydanticCustomError(
                "password_in_document",
                "must have no password, since files are kept and shared: `bayplan user password NAME` gives a user one",
            )
        return values


def _entry_by_entry(model: type[Body]) -> BeforeValidator:
    """Gives a validator that reads a list entry by entry and stops at the hundredth error.

    Pydantic itself would note each error of a hundred thousand entries, in one step that no other thread can interrupt.
    """
    entry = TypeAdapter(model)

    def validate(entries: Any) -> Any:
        if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
            return entries  # the list's own validation refuses it
        bodies: list[Body] = []
        errors: list[InitErrorDetails] = []
        for index, value in enumerate(entries):
            try:
                bodies.append(entry.validate_python(value))
            except ValidationError as error:
                errors += [_at(index, details) for details in error.errors(include_url=False)]
            if len(errors) >= _MOST_ERRORS:
                break
        if errors:
            raise ValidationError.from_exception_data(model.__name__, errors)
        return bodies

    return BeforeValidator(validate, json_schema_input_type=list[model])  # type: ignore[valid-type]  # known when it is called


def _at(index: int, details: Any) -> InitErrorDetails:
    """Gives the error of an entry as an error of the list."""
    error = PydanticCustomError(details["type"], "{reason}", {"reason": details["msg"]})
    return InitErrorDetails(type=error, loc=(index, *details["loc"]), input=details["input"])


_ENTRIES = Field(max_length=MOST_ENTRIES)


class Document(Body):
    """Objects in their create bodies, with natural keys. A section that is not there keeps its objects."""

    most_members: ClassVar[int] = 50 * MOST_ENTRIES

    cuda: Annotated[list[CudaCreate], _ENTRIES, _entry_by_entry(CudaCreate)] | None = None
    hardware: Annotated[list[HardwareCreate], _ENTRIES, _entry_by_entry(HardwareCreate)] | None = None
    domains: Annotated[list[DomainCreate], _ENTRIES, _entry_by_entry(DomainCreate)] | None = None
    licences: Annotated[list[LicenceCreate], _ENTRIES, _entry_by_entry(LicenceCreate)] | None = None
    frameworks: Annotated[list[FrameworkCreate], _ENTRIES, _entry_by_entry(FrameworkCreate)] | None = None
    images: Annotated[list[DocumentedImage], _ENTRIES, _entry_by_entry(DocumentedImage)] | None = None
    nodes: Annotated[list[NodeCreate], _ENTRIES, _entry_by_entry(NodeCreate)] | None = None
    prefetch: Annotated[list[PrefetchCreate], _ENTRIES, _entry_by_entry(PrefetchCreate)] | None = None
    users: Annotated[list[DocumentedUser], _ENTRIES, _entry_by_entry(DocumentedUser)] | None = None


SectionName = Literal["cuda", "hardware", "domains", "licences", "frameworks", "images", "nodes", "prefetch", "users"]


@answer("Change")
class PlannedChange(TypedDict):
    """One object that was or would be added, changed or removed; `fields` has each change as `from` and `to`."""

    action: Literal["add", "change", "remove"]
    resource: SectionName
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
