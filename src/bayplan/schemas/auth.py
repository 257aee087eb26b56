"""Requests and answers of logging in."""

import json
from typing import Annotated

from pydantic import AfterValidator, Field, RootModel
from typing_extensions import TypedDict

from bayplan.domain.names import composed
from bayplan.schemas.common import Body
from bayplan.schemas.components import answer

Token = Annotated[str, Field(max_length=5_000)]


class UserCredentials(Body, title="Credentials"):
    """A user name and a password."""

    username: Annotated[str, Field(max_length=200, examples=["admin"]), AfterValidator(composed)]
    password: Annotated[str, Field(max_length=1_000)]


class WorkerCredentials(Body):
    """The credential that a worker got when it joined."""

    worker: Annotated[str, Field(max_length=200, examples=["w-5f2b8c1d9e3a7046"])]
    secret: Annotated[str, Field(max_length=1_000)]


class Obtain(RootModel[UserCredentials | WorkerCredentials]):
    """The credentials of a user or of a worker: for the documentation, since each is parsed by its own type."""


def is_for_worker(body: bytes) -> bool:
    """Whether a body holds a worker's credentials, also invalid ones."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and not content.keys().isdisjoint(WorkerCredentials.model_fields)


class Refresh(Body):
    """A refresh token."""

    refresh: Token


class Verify(Body):
    """A token of either kind."""

    token: Token


@answer()
class TokensAnswer(TypedDict):
    """An access token for the `Authorization: Bearer` header, and a refresh token to get the next one with."""

    access: str
    refresh: str


@answer()
class AccessAnswer(TypedDict):
    """A new access token."""

    access: str


@answer("Nothing")
class EmptyAnswer(TypedDict):
    """An empty object: the token is valid."""
