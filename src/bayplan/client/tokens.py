"""What a client is let in with: tokens, and what it gets them for."""

from collections.abc import Mapping
from dataclasses import dataclass

Login = Mapping[str, str]
"""What `/v1/auth/obtain` takes: `username` and `password`, or `worker` and `secret`."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What `/v1/auth/obtain` gave: `access` goes with every request for some minutes, `refresh` gets a new one for some days."""

    access: str | None = None
    refresh: str | None = None
