"""The cache of Authorization headers: credentials and tokens, in memory for as long as they are valid.

Its key is registry, repository and credentials, because a token is for one repository. Nothing is written to disk.
"""

import asyncio
import json
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from weakref import WeakValueDictionary

from bayplan.registry.address import AddressPolicy, Endpoint
from bayplan.registry.auth import RegistryCredentials, TokenRequest, follow, parse
from bayplan.registry.connection import Connections, RegistryRequest, RegistryResponse
from bayplan.registry.errors import (
    CredentialsRefused,
    ManifestTooLarge,
    RegistryDenied,
    RegistryError,
    RegistryFailing,
    TokenRefused,
)
from bayplan.registry.json_document import fold

TOKEN_BYTES = 256 * 1024
_MAX_HEADERS = 4096
_MARGIN_SECONDS = 5.0  # a token is replaced that long before it expires
_DEFAULT_SECONDS = 60.0  # the lifetime in the specification of a token without `expires_in`
_SENDABLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Purpose:
    """What an Authorization header is for: a repository of a registry, with these credentials."""

    registry: Endpoint
    repository: str
    credentials: RegistryCredentials | None


class TokenCache:
    """Gives the Authorization header for a purpose, and gets a new one where a registry refuses it."""

    def __init__(self, connections: Connections, access: AddressPolicy) -> None:
        self._connections = connections
        self._access = access
        self._headers: OrderedDict[Purpose, tuple[str, float]] = OrderedDict()
        self._turns: WeakValueDictionary[Purpose, asyncio.Lock] = WeakValueDictionary()

    def get(self, purpose: Purpose) -> str | None:
        """Gives the header that the registry accepted last; None where there is none, or it has expired."""
        header, until = self._headers.get(purpose, ("", 0.0))
        return header if time.monotonic() < until else None

    async def renew(self, purpose: Purpose, refusal: RegistryResponse, tried: str | None) -> str:
        """Gives the header to send after a 401 to `tried`; many requests at once get one token.

        Raises RegistryDenied where there is no other header, and the errors of `auth.follow`.
        """
        lock = self._turns.setdefault(purpose, asyncio.Lock())
        async with lock:
            cached = self.get(purpose)
            if cached is not None and cached != tried:
                return cached
            challenges = parse(refusal.headers.get_list("WWW-Authenticate"))
            step = follow(challenges, purpose.registry, purpose.repository, purpose.credentials, self._access)
            if isinstance(step, RegistryCredentials):
                header, seconds = step.basic, float("inf")
            else:
                header, seconds = await self._token(step, purpose)
            if header == tried:
                raise denied(purpose, credentials_were_sent=True)
            self._put(purpose, header, seconds)
            return header

    def forget(self, purpose: Purpose) -> None:
        """Drops the header: the registry refused it."""
        self._headers.pop(purpose, None)

    def _put(self, purpose: Purpose, header: str, seconds: float) -> None:
        self._headers[purpose] = (header, time.monotonic() + seconds - _MARGIN_SECONDS)
        self._headers.move_to_end(purpose)
        while len(self._headers) > _MAX_HEADERS:
            self._headers.popitem(last=False)

    async def _token(self, step: TokenRequest, purpose: Purpose) -> tuple[str, float]:
        headers = {"Accept": "application/json"}
        if step.credentials is not None:
            headers["Authorization"] = step.credentials.basic
        service = step.endpoint.authority
        try:
            answer = await self._connections.send(
                RegistryRequest("GET", step.endpoint, step.target, headers, TOKEN_BYTES)
            )
        except ManifestTooLarge:
            raise RegistryError(
                f"The token service '{service}' sends an answer that is too long for a token. Ask its operators."
            ) from None
        if answer.status in (400, 401, 403):
            error = denied(purpose, credentials_were_sent=step.credentials is not None)
            raise TokenRefused(error.detail) if isinstance(error, CredentialsRefused) else error
        if answer.status != 200:
            kind = RegistryFailing if answer.status >= 500 else RegistryError
            raise kind(
                f"The token service '{service}' answers with status {answer.status} and no token. Ask its "
                "operators, or try again later."
            )
        return _read(answer.body, service)


def denied(purpose: Purpose, *, credentials_were_sent: bool) -> RegistryDenied:
    """Gives the error for a refused request: who refused what, whether credentials were sent, and what to do."""
    where = f"'{purpose.registry.authority}'"
    if purpose.credentials is None:
        return RegistryDenied(
            f"{where} does not show '{purpose.repository}' without credentials. Check the image's name, or add "
            "registry_username and registry_password."
        )
    if not credentials_were_sent:
        return RegistryDenied(
            f"{where} refuses '{purpose.repository}' before any credentials were sent, and asks for none: the user "
            f"'{purpose.credentials.username}' and the password are not the cause. Check the image's name, or ask the "
            "registry's operators whether this server's address may pull."
        )
    return CredentialsRefused(
        f"{where} refuses '{purpose.repository}' to the user '{purpose.credentials.username}', whose credentials were "
        "sent. Check the password, and whether that user may pull the image."
    )


def _read(body: bytes, service: str) -> tuple[str, float]:
    """The header, and its lifetime in seconds, from a token service's answer."""
    try:
        document = fold(json.loads(body), ("token", "access_token", "expires_in"))
    except (ValueError, RecursionError, AttributeError):
        document = {}
    token = document.get("token") or document.get("access_token")
    seconds = document.get("expires_in", _DEFAULT_SECONDS)
    if not isinstance(token, str) or _SENDABLE.fullmatch(token) is None:
        raise RegistryError(f"The token service '{service}' answers without a valid token. Ask its operators.")
    is_valid = isinstance(seconds, (int, float)) and 0 < seconds < 1e9
    return f"Bearer {token}", max(float(seconds), _DEFAULT_SECONDS) if is_valid else _DEFAULT_SECONDS
