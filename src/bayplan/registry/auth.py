"""What to send to a registry that requires credentials, and where they may go. Text to decisions, no I/O.

A registry answers 401 with a challenge: `Basic`, or `Bearer` naming a token service (realm), itself (service) and
what the token is for (scope). Source: distribution.github.io/distribution/spec/auth/token; RFC 9110, section 11.

The rules for credentials:

* They go to the registry's own host and to the token service that it announces; never to where a redirect leads.
* Over TLS only. Plain HTTP is for registries that are spoken to in plain HTTP themselves (loopback, or marked
  insecure), and then for a token service on loopback or marked insecure. A registry with TLS cannot lead
  credentials out of it.
* A token service on another host is what the specification foresees (docker.io has auth.docker.io), so it is
  followed; it gets no more than the registry itself gets, and its address is checked as a registry's is.
* The token is requested for pulling alone, whatever else the challenge names.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from bayplan.registry.address import AddressPolicy, Endpoint
from bayplan.registry.errors import RegistryDenied, RegistryNotAllowed

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'\s*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|\Z)', re.DOTALL)
_SCHEME = re.compile(rf"\s*({_WORD})(?:\s+|\Z|(?=,))")
_SCOPE = re.compile(r"(repository(?:\([a-z]+\))?:[^\s]+):[a-z*,]+")
_LONGEST = 8192  # a header longer than this is no challenge


@dataclass(frozen=True, slots=True)
class RegistryCredentials:
    """A user name and a password for one registry; no text form has the password."""

    username: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The Authorization header of the Basic scheme."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Challenge:
    """A scheme that the registry accepts, in lower case, with its parameters."""

    scheme: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The request to a token service, and the credentials that go along."""

    endpoint: Endpoint
    target: str
    credentials: RegistryCredentials | None


def parse(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """The challenges in WWW-Authenticate headers, in their order; what cannot be read ends its header."""
    return tuple(challenge for header in headers for challenge in _parse_one(header[:_LONGEST]))


def _parse_one(header: str) -> Iterable[Challenge]:
    position = 0
    while match := _SCHEME.match(header, position):
        position = match.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, position):
            quoted, plain = parameter[2], parameter[3]
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
            parameters.setdefault(parameter[1].lower(), value)
            position = parameter.end()
        yield Challenge(match[1].lower(), parameters)
        position += len(header[position:]) - len(header[position:].lstrip(" \t,"))


def follow(
    challenges: Iterable[Challenge],
    registry: Endpoint,
    repository: str,
    credentials: RegistryCredentials | None,
    access: AddressPolicy,
) -> TokenRequest | RegistryCredentials:
    """Gives what to do about a 401: request a token, or send the credentials.

    Raises RegistryDenied where credentials are required and there are none, or the scheme is unknown,
    RegistryNotAllowed for a token service where credentials must not go, RegistryError for a challenge that cannot be followed.
    """
    by_scheme = {challenge.scheme: challenge for challenge in reversed(tuple(challenges))}
    if "bearer" in by_scheme:
        return _token_request(by_scheme["bearer"], registry, repository, credentials, access)
    if not by_scheme:
        raise RegistryDenied(
            f"'{registry.authority}' refuses '{repository}' and does not say how to log in, so no credentials were sent. "
            "Check the image's name, or ask the registry's operators."
        )
    if "basic" not in by_scheme:
        raise RegistryDenied(
            f"'{registry.authority}' asks for a kind of log-in other than Basic and Bearer, so no credentials were sent. "
            "Ask its operators for one of these."
        )
    if credentials is None:
        raise RegistryDenied(
            f"'{registry.authority}' asks for credentials. Add registry_username and registry_password."
        )
    return credentials


def _token_request(
    bearer: Challenge,
    registry: Endpoint,
    repository: str,
    credentials: RegistryCredentials | None,
    access: AddressPolicy,
) -> TokenRequest:
    endpoint, target = Endpoint.of_url(bearer.parameters.get("realm", ""))
    if not endpoint.is_secure and (registry.is_secure or not _may_be_plain(endpoint, access)):
        raise RegistryNotAllowed(
            f"'{registry.authority}' names a token service without TLS, '{endpoint.authority}', so no credentials were "
            "sent. Ask its operators for one with TLS."
        )
    query = [("service", bearer.parameters["service"])] if "service" in bearer.parameters else []
    query += [("scope", scope) for scope in _scopes(bearer.parameters.get("scope", ""), repository)]
    if credentials is not None:
        query.append(("account", credentials.username))
    return TokenRequest(endpoint, f"{target}{'&' if '?' in target else '?'}{urlencode(query)}", credentials)


def _may_be_plain(endpoint: Endpoint, access: AddressPolicy) -> bool:
    return access.is_insecure(endpoint) or endpoint.names_loopback


def _scopes(scope: str, repository: str) -> list[str]:
    scopes = [_SCOPE.sub(r"\1:pull", part) for part in scope.split()]
    return scopes or [f"repository:{repository}:pull"]
