"""The connection of a command to its server: which server it is, and how the command authenticates there."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from bayplan.client import Client, Tokens, stored_sessions
from bayplan.client.session import account_at, named_server, nobody
from bayplan.client.settings import client_settings
from bayplan.clock import timestamp
from bayplan.errors import BayplanError, Unreachable


@dataclass(frozen=True, slots=True)
class _KeptClients:
    """Clients that stay open, by the server that the command names."""

    stack: ExitStack
    clients: dict[str | None, Client] = field(default_factory=dict)


_kept: ContextVar[_KeptClients | None] = ContextVar("_kept", default=None)


def address(server: str | None) -> str:
    """The address of the server that a command talks to, see `named_server`."""
    return named_server(server).url


def is_logged_in(server: str | None) -> bool:
    """Whether there is something to authenticate with at the server; the server is not asked.

    Raises for a `server` that cannot be one.
    """
    if variables_in_force():
        return True
    try:
        return stored_sessions.find(address(server)) is not None
    except BayplanError:  # there is no folder for sessions, or no such context
        if server is not None:
            raise
        return False


@contextmanager
def connect(server: str | None, *, timeout_seconds: float = 30) -> Iterator[Client]:
    """An authenticated client: by BAYPLAN_TOKEN, by BAYPLAN_USERNAME and BAYPLAN_PASSWORD, or by the session of `bayplan login`."""
    kept = _kept.get()
    with where_to_look():
        if kept is None:
            with _connected(server, timeout_seconds) as client:
                yield client
            return
        if server not in kept.clients:
            kept.clients[server] = kept.stack.enter_context(_connected(server, timeout_seconds))
            kept.clients[server].remember_answers()
        yield kept.clients[server]


def _connected(server: str | None, timeout_seconds: float) -> Client:
    url = address(server)
    if account_at(url) is None:
        raise nobody(url)
    return Client(url, timeout_seconds=timeout_seconds)


@contextmanager
def kept_open() -> Iterator[None]:
    """While the block runs, `connect` gives the same client each time, which asks only for what has changed."""
    with ExitStack() as stack:
        token = _kept.set(_KeptClients(stack))
        try:
            yield
        finally:
            _kept.reset(token)


def warn_unless_asked(url: str) -> None:
    """Says on the error output that commands ask another server than `url`, where a variable names one."""
    named = named_server()
    if named.url != url:
        sys.stderr.write(f"{named.named_by} goes before it: commands ask {named.url}.\n")


def variables_in_force() -> str | None:
    """The variables by which commands authenticate in place of a stored session, None where none is set."""
    settings = client_settings()
    if settings.token is not None:
        return "BAYPLAN_TOKEN"
    if settings.username is not None and settings.password is not None:
        return "BAYPLAN_USERNAME and BAYPLAN_PASSWORD"
    return None


def session_end(url: str) -> str | None:
    """When the session that is kept at the server ends, None where commands do not authenticate by one."""
    if variables_in_force():
        return None
    session = stored_sessions.find(url)
    return None if session is None or session.ends is None else timestamp(session.ends)


def go_on(url: str, username: str, tokens: Tokens) -> None:
    """Keeps a new session in place of one that has just ended, where there was one of that user."""
    session = stored_sessions.find(url)
    if session is not None and session.username == username:
        stored_sessions.keep(url, stored_sessions.StoredSession(username, tokens.access, tokens.refresh))


@contextmanager
def where_to_look() -> Iterator[None]:
    """Adds to the error of a server that does not answer where the others are."""
    try:
        yield
    except Unreachable as error:
        if error.code != Unreachable.code:  # a server's own answer
            raise
        detail = f"{error.detail} `bayplan context list` shows the servers that you use."
        raise Unreachable(detail, code=error.code) from None
