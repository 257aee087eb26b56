"""Requests and answers about the tokens of users for programs."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Name, Timestamp
from bayplan.schemas.components import answer

Scope = Literal["read", "match", "apply", "workers"]
"""What a token is good for; each includes `read`."""

SCOPES: tuple[Scope, ...] = get_args(Scope)
STAFF_SCOPES: frozenset[Scope] = frozenset({"apply", "workers"})
"""Those that do what only staff may: good for as long as the owner is staff."""


def _in_order(scopes: list[Scope]) -> list[Scope]:
    return [scope for scope in SCOPES if scope in scopes]


class ApiTokenCreate(Body):
    """A token for a program: its name, unique for its owner, its scopes, and for how many seconds it is valid (default: a setting)."""

    name: Annotated[Name, Field(max_length=100, examples=["ci"])]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20, examples=[["match"]]), AfterValidator(_in_order)]
    expires_in: Annotated[int, Field(ge=1, examples=[7_776_000])] | None = None


class ApiTokenList(Body):
    """Which tokens are listed."""

    include_inactive: bool = False
    """Also tokens that were revoked or have expired."""


@answer()
class NewApiToken(TypedDict):
    """A new token. It is shown only once."""

    pk: int
    name: str
    token: str
    scopes: list[str]
    expires: Timestamp


@answer()
class ApiTokenAnswer(TypedDict):
    """A token without its text. `owner` is a user name; `last_used` is exact to a minute."""

    pk: int
    name: str
    owner: str
    scopes: list[str]
    created: Timestamp
    expires: Timestamp
    last_used: Timestamp | None
    revoked: Timestamp | None
