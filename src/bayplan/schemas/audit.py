"""Answers of the audit log: which passwords left the server."""

from typing import Literal

from typing_extensions import TypedDict

from bayplan.schemas.common import Timestamp
from bayplan.schemas.components import answer


@answer()
class AuditEntry(TypedDict):
    """An answer, or a request to a registry, that held passwords; `times` counts equal ones within an hour of `at`.

    `passwords` are those of one answer; `images` are ranges of pks, both ends inclusive.
    """

    pk: int
    at: Timestamp
    last: Timestamp
    times: int
    kind: Literal["user", "worker", "registry"]
    name: str
    address: str | None
    action: str
    passwords: int
    images: list[tuple[int, int]]
