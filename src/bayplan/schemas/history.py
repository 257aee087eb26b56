"""The history of the catalogue as the API gives it."""

from typing import Any

from typing_extensions import TypedDict

from bayplan.schemas.common import Timestamp
from bayplan.schemas.components import answer


@answer()
class FieldChange(TypedDict):
    """A field's value before and after; a reference is a pk. Of a secret only `(set)`, `(changed)` or null."""

    before: Any
    after: Any


@answer("HistoryEntry")
class HistoryEntry(TypedDict):
    """One object that a write changed. `user` is a user or a worker by name, null for the server itself.

    `pk` is null for an entry that is of no single object.
    """

    version: int
    time: Timestamp
    user: str | None
    resource: str
    pk: int | None
    action: str
    changes: dict[str, FieldChange]
