"""An image that this machine is to hold, and what is kept of one that cannot be had: when to try again."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bayplan.agent.pull import credentials_of
from bayplan.domain.backoff import Backoff
from bayplan.domain.reference import Reference, located
from bayplan.registry.auth import RegistryCredentials

if TYPE_CHECKING:
    from bayplan.schemas.prefetch import DesiredImageAnswer, State

LONGEST_RETRY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class DesiredImage:
    """An image that is to be here; `digest` is None where the catalogue knows none."""

    image: int
    name: str
    reference: Reference
    digest: str | None
    size_bytes: int | None
    login: RegistryCredentials | None

    @classmethod
    def of(cls, wanted: DesiredImageAnswer) -> DesiredImage:
        """Gives what matters here of an image that the server wants."""
        image = wanted["image"]
        reference = located(image["url"], image["registry"])
        name = f"{image['name']}:{image['version']}"
        return cls(image["pk"], name, reference, wanted["digest"], wanted["size_bytes"], credentials_of(image))

    def pinned(self, digest: str) -> Reference:
        """Gives the reference by that digest alone."""
        return replace(self.reference, tag=None, digest=digest)


@dataclass(frozen=True, slots=True)
class Failure:
    """That an image, or any of a registry, could not be had: how often in a row, when to try again (monotonic), what is said."""

    count: int
    not_before: float
    state: State
    detail: str

    @classmethod
    def after(cls, before: Failure | None, interval_seconds: float, state: State, detail: str) -> Failure:
        """Gives one more failure: the next try is later each time."""
        count = 1 if before is None else before.count + 1
        wait = Backoff(interval_seconds, LONGEST_RETRY_SECONDS, jitter=0).wait_seconds(count, 0)
        return cls(count, time.monotonic() + wait, state, detail)

    @property
    def is_due(self) -> bool:
        """Whether it may be tried again."""
        return time.monotonic() >= self.not_before
