"""The tokens that a client sends with its requests, and the credentials that it gets them for."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bayplan.errors import Invalid

AccountCredentials = Mapping[str, str]
"""The body for `/v1/auth/obtain`: `username` and `password` of a user, or `worker` and `secret` of a worker."""

_TOKEN = re.compile(r"[!-~]+", re.ASCII)
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Tokens:
    """A session at a server: `access` goes with every request for some minutes, `refresh` gets a new one for some days."""

    access: str | None = field(default=None, repr=False)
    refresh: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """What authenticates at a server, what keeps renewed tokens, and what the person reads where the server refuses it."""

    tokens: Tokens = Tokens()
    credentials: AccountCredentials | None = None
    on_tokens: Callable[[Tokens], None] | None = None
    refusal: Callable[[str], str] | None = None


def clean_token(text: str, refusal: str = "This is no access token") -> str:
    """The token without the white space around it, which comes with files.

    Raises `Invalid`, with `refusal` and the reason but without the token, where no token can be like that.
    """
    if not isinstance(text, str):
        raise Invalid.at("token", "invalid", f"{refusal}: it is no text.")
    token = text.strip().strip(_BYTE_ORDER_MARK).strip()
    if _TOKEN.fullmatch(token):
        return token
    if not token:
        reason = "it is empty"
    elif len(token.split()) > 1:
        reason = "it has white space inside"
    else:
        reason = "it has a character that no token has"
    raise Invalid.at("token", "invalid", f"{refusal}: {reason}.")
