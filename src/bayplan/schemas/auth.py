"""Logging in on the wire."""

from typing import Annotated

from pydantic import Field

from bayplan.schemas.common import Answer, Body

Token = Annotated[str, Field(max_length=5_000)]


class Credentials(Body):
    """A user name and a password."""

    username: Annotated[str, Field(max_length=200, examples=["admin"])]
    password: Annotated[str, Field(max_length=1_000)]


class Refresh(Body):
    """A refresh token."""

    refresh: Token


class Verify(Body):
    """A token of either kind."""

    token: Token


class Tokens(Answer):
    """An access token for the `Authorization: Bearer` header, and a refresh token to get the next one with."""

    access: str
    refresh: str


class Access(Answer):
    """A new access token."""

    access: str


class Nothing(Answer):
    """An empty object: the token is good."""
