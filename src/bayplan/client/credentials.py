"""The credentials of registries, and the audit log of the passwords that the server gave out."""

import builtins
from typing import TYPE_CHECKING, Any

from bayplan.client.collection import Named
from bayplan.client.images import Images
from bayplan.client.transport import Transport

if TYPE_CHECKING:
    from bayplan.schemas.audit import AuditEntry
    from bayplan.schemas.credentials import RegistryCredentialsAnswer, RotationAnswer

DEFAULT_LIMIT, AUDIT_PAGE = 100, 1_000
ROTATION_TIMEOUT_SECONDS = 120  # the server gives a registry 60


class Credentials:
    """The credentials of all registries; a password goes to the server and never comes from it."""

    def __init__(self, transport: Transport, images: Images) -> None:
        self._request = transport.request
        self._request_log = transport.request_log
        self._images = images

    def list(self) -> "builtins.list[RegistryCredentialsAnswer]":
        """All credentials of images that are not deleted, by registry and user name."""
        credentials: builtins.list[RegistryCredentialsAnswer] = self._request("GET", "/v1/credentials")
        return credentials

    def rotate(
        self, registry: str, username: str, password: str, *, new_username: str | None = None, check: bool = True
    ) -> "RotationAnswer":
        """Gives all images of a registry's user another password, or none of them; the server tries it first, unless `check` is false.

        Raises `NotFound`, `Invalid` where the registry refuses it, and `Unreachable` where it does not answer.
        """
        body: dict[str, Any] = {
            "registry": registry,
            "registry_username": username,
            "registry_password": password,
            "new_username": new_username,
            "check": check,
        }
        rotated: RotationAnswer = self._request(
            "POST", "/v1/credentials/rotate", body, timeout_seconds=ROTATION_TIMEOUT_SECONDS
        )
        return rotated

    def audit(
        self,
        *,
        image: Named | None = None,
        kind: str | None = None,
        name: str | None = None,
        since: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> "builtins.list[AuditEntry]":
        """The audit log of registry passwords, newest first: 100 entries unless `limit` is given."""
        pk = None if image is None else self._images.key(image)
        params = {"image": pk, "kind": kind, "name": name, "since": since, "offset": offset}
        return [*self._request_log("/v1/audit", params, limit or DEFAULT_LIMIT, AUDIT_PAGE)]
