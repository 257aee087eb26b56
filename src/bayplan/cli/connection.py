"""The connection of a command to its server: which server it is, and how the command authenticates there."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bayplan.client import Client, Tokens, stored_sessions
from bayplan.client.session import account_at, has_account_settings, named_server, nobody
from bayplan.client.settings import client_settings
from bayplan.clock import timestamp
from bayplan.errors import BayplanError, Unreachable


def address(server: str | None) -> str:
    """The address of the server that a command talks to, see `named_server`."""
    return named_server(server).url


def is_logged_in(server: str | None) -> bool:
    """Whether there is something to authenticate with at the server; the server is not asked.

    Raises for a `server` that cannot be one.
    """
    if has_account_settings(client_settings()):
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
    with where_to_look():
        url = address(server)
        if account_at(url) is None:
            raise nobody(url)
        with Client(url, timeout_seconds=timeout_seconds) as client:
            yield client


def warn_unless_asked(url: str) -> None:
    """Says on the error output that commands ask another server than `url`, where a variable names one."""
    named = named_server()
    if named.url != url:
        sys.stderr.write(f"{named.named_by} goes before it: commands ask {named.url}.\n")


def session_end(url: str) -> str | None:
    """When the session that is kept at the server ends, None where commands do not authenticate by one."""
    if has_account_settings(client_settings()):
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
