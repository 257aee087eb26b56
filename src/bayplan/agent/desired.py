"""A desired image, and the failures to pull one, with the time of the next try."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bayplan.agent.engine_errors import EngineFailed
from bayplan.agent.image_status import credentials_of
from bayplan.domain.backoff import Backoff
from bayplan.domain.image_tag import image_tag
from bayplan.domain.reference import Reference, located
from bayplan.registry.auth import RegistryCredentials

if TYPE_CHECKING:
    from bayplan.schemas.prefetch import DesiredImageAnswer, InventoryState

LONGEST_RETRY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class DesiredImage:
    """An image that this machine is to have; `digest` is None where the catalogue has none."""

    image: int
    name: str
    reference: Reference
    digest: str | None
    size_bytes: int | None
    credentials: RegistryCredentials | None
    tag: str | None = None  # the tag that it gets here, None for none
    no_credentials: str | None = None
    """Why the credentials that it has in the catalogue are not there."""

    @classmethod
    def of(cls, entry: DesiredImageAnswer) -> DesiredImage:
        """Reads an entry of the server's answer."""
        image = entry["image"]
        reference = located(image["url"], image["registry"])
        name = f"{image['name']}:{image['version']}"
        tag = image_tag(image["name"], image["version"])
        digest, size_bytes = entry["digest"], entry["size_bytes"]
        try:
            return cls(image["pk"], name, reference, digest, size_bytes, credentials_of(image), tag)
        except EngineFailed as error:
            return cls(image["pk"], name, reference, digest, size_bytes, None, tag, error.detail)

    def pinned(self, digest: str) -> Reference:
        """Gives the reference by that digest alone."""
        return replace(self.reference, tag=None, digest=digest)


@dataclass(frozen=True, slots=True)
class PullFailure:
    """Consecutive failures to pull an image, or any image of a registry: their number, and the next try on the monotonic clock."""

    count: int
    not_before: float
    state: InventoryState
    detail: str

    @classmethod
    def after(
        cls, before: PullFailure | None, interval_seconds: float, state: InventoryState, detail: str
    ) -> PullFailure:
        """Gives the failure after `before`: the wait until the next try grows each time."""
        count = 1 if before is None else before.count + 1
        wait = Backoff(interval_seconds, LONGEST_RETRY_SECONDS, jitter=0).wait_seconds(count, 0)
        return cls(count, time.monotonic() + wait, state, detail)

    @property
    def is_due(self) -> bool:
        """Whether it may be tried again."""
        return time.monotonic() >= self.not_before
