"""A desired image, and the failure of one that cannot be pulled: when to try again."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bayplan.agent.pull import credentials_of
from bayplan.domain.backoff import Backoff
from bayplan.domain.reference import Reference, located
from bayplan.registry.auth import RegistryCredentials

if TYPE_CHECKING:
    from bayplan.schemas.prefetch import DesiredImageAnswer, InventoryState

LONGEST_RETRY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class DesiredImage:
    """An image that the server desires here; `digest` is None where the catalogue has none."""

    image: int
    name: str
    reference: Reference
    digest: str | None
    size_bytes: int | None
    credentials: RegistryCredentials | None

    @classmethod
    def of(cls, entry: DesiredImageAnswer) -> DesiredImage:
        """Reads an entry of the server's answer."""
        image = entry["image"]
        reference = located(image["url"], image["registry"])
        name = f"{image['name']}:{image['version']}"
        return cls(image["pk"], name, reference, entry["digest"], entry["size_bytes"], credentials_of(image))

    def pinned(self, digest: str) -> Reference:
        """Gives the reference by that digest alone."""
        return replace(self.reference, tag=None, digest=digest)


@dataclass(frozen=True, slots=True)
class PullFailure:
    """Failures in a row to pull an image, or any of a registry: how many, and when to try again on the monotonic clock."""

    count: int
    not_before: float
    state: InventoryState
    detail: str

    @classmethod
    def after(
        cls, before: PullFailure | None, interval_seconds: float, state: InventoryState, detail: str
    ) -> PullFailure:
        """Gives one failure more: the next try is later each time."""
        count = 1 if before is None else before.count + 1
        wait = Backoff(interval_seconds, LONGEST_RETRY_SECONDS, jitter=0).wait_seconds(count, 0)
        return cls(count, time.monotonic() + wait, state, detail)

    @property
    def is_due(self) -> bool:
        """Whether it may be tried again."""
        return time.monotonic() >= self.not_before
