"""The log-ins of registries, and who was given them, as the API answers them."""

import builtins
from typing import Any, Literal, TypedDict

from bayplan.client.transport import Transport

ROTATION_TIMEOUT_SECONDS = 120  # the server gives a registry 60


class LogIn(TypedDict):
    """A user name at a registry: how many images have it, with how many different passwords, and when it was good."""

    registry: str
    username: str
    images: int
    passwords: int
    last_used: str | None
    last_refused: str | None
    last_given: str | None


class Rotated(TypedDict):
    """How many images have the new log-in, whether the registry was seen to take it, and what it said."""

    images: int
    verified: bool
    detail: str


class AuditEntry(TypedDict):
    """An answer, or a question to a registry, that held passwords: first `at` then, `times` in all until `last`.

    `images` are ranges of keys, both ends included.
    """

    pk: int
    at: str
    last: str
    times: int
    kind: Literal["user", "worker", "registry"]
    name: str
    address: str | None
    action: str
    passwords: int
    images: list[tuple[int, int]]


class Credentials:
    """The log-ins of all registries; a password goes to the server and never comes from it."""

    def __init__(self, transport: Transport) -> None:
        self._ask = transport.ask

    def list(self) -> "builtins.list[LogIn]":
        """All log-ins of images that are not deleted, by registry and user name."""
        log_ins: builtins.list[LogIn] = self._ask("GET", "/v1/credentials")
        return log_ins

    def rotate(
        self, registry: str, username: str, password: str, *, new_username: str | None = None, check: bool = True
    ) -> Rotated:
        """Gives all images of a log-in another password, all of them or none; unless `check` is false, after trying it.

        Raises `NotFound`, `Invalid` where the registry refuses it, and `Unreachable` where it does not answer.
        """
        body: dict[str, Any] = {
            "registry": registry,
            "registry_username": username,
            "registry_password": password,
            "new_username": new_username,
            "check": check,
        }
        rotated: Rotated = self._ask("POST", "/v1/credentials/rotate", body, timeout_seconds=ROTATION_TIMEOUT_SECONDS)
        return rotated

    def audit(
        self,
        *,
        image: int | None = None,
        kind: str | None = None,
        name: str | None = None,
        since: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> "builtins.list[AuditEntry]":
        """Who was given registry passwords, newest first: 100 entries unless `limit` says otherwise."""
        params = {"image": image, "kind": kind, "name": name, "since": since, "limit": limit, "offset": offset}
        entries: builtins.list[AuditEntry] = self._ask("GET", "/v1/audit", params=params)
        return entries
