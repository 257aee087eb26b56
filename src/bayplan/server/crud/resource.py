"""A resource of the API, as data: what differs between the six actions of each."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from bayplan.db import crud
from bayplan.db.database import Transaction
from bayplan.db.keyring import Keyring
from bayplan.db.principal import Principal
from bayplan.db.resource_types import ResourceType
from bayplan.schemas.common import Body
from bayplan.server.auth.access import WorkerAccess

Values = dict[str, Any]
Remove = Callable[[Transaction, ResourceType, int, str | None, Keyring], Awaitable[None]]


async def _as_sent(values: Values) -> Values:
    return values


async def _remove(
    tx: Transaction, resource_type: ResourceType, pk: int, if_match: str | None, _keyring: Keyring
) -> None:
    await crud.remove(tx, resource_type, pk, if_match=if_match)


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """A resource: its bodies, and where its actions differ from those of others."""

    resource_type: ResourceType
    plural: str
    create: type[Body]
    replace: type[Body]
    patch: type[Body]
    answer: type[Any]
    example: Values
    # Columns that the server adds to a new object.
    born: Callable[[Principal], Values] = lambda _principal: {}
    # Converts a body before it is stored; outside the transaction, so it may take long.
    prepare: Callable[[Values], Awaitable[Values]] = _as_sent
    remove: Remove = _remove
    removal: str = "Removes it. If other objects use it, the answer is 409 and names them."
    # For a principal that may read only some of the objects: the condition on their rows.
    readable: Callable[[Principal], sa.ColumnElement[bool] | None] = lambda _principal: None
    # The actions of workers, their objects, and the fields that they cannot change; all other actions are for users.
    workers_may: Mapping[str, WorkerAccess] = field(default_factory=dict)
    fixed_for_workers: tuple[str, ...] = ()
    # Whether tokens of programs write none of its objects, whatever they are good for.
    only_sessions_write: bool = False

    @property
    def name(self) -> str:
        """The resource's name in paths."""
        return self.resource_type.name
