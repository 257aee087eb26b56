"""The credentials of registries, for the routes and for other features: none of this gives a password but by a `Disclosure`."""

from typing import Any

from bayplan.db.database import Database
from bayplan.db.disclosure import Disclosure
from bayplan.exports.docker_config import docker_config, pull_secret
from bayplan.server.credentials.store import (
    CredentialKey,
    RefusedCredentials,
    RepositoryImage,
    note_outcomes,
    of_image,
    overview,
    refused,
    replace,
    repositories,
)

__all__ = [
    "CredentialKey",
    "RefusedCredentials",
    "RepositoryImage",
    "file_for_image",
    "note_outcomes",
    "overview",
    "refused",
    "replace",
    "repositories",
]


async def file_for_image(db: Database, pk: int, disclosure: Disclosure, *, kubernetes: bool) -> dict[str, Any]:
    """Gives an image's credentials as docker's configuration, or in a Secret for Kubernetes; raises `NotFound`."""
    config = docker_config(*await of_image(db, pk, disclosure))
    return pull_secret(f"bayplan-image-{pk}", config) if kubernetes else config
