"""The tokens that a client sends with its requests, and the credentials that it gets them for."""

from collections.abc import Mapping
from dataclasses import dataclass

AccountCredentials = Mapping[str, str]
"""The body for `/v1/auth/obtain`: `username` and `password` of a user, or `worker` and `secret` of a worker."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A session at a server: `access` goes with every request for some minutes, `refresh` gets a new one for some days."""

    access: str | None = None
    refresh: str | None = None
