"""The connection of a command to its server: which server it is, and how the command authenticates there."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bayplan.cli import contexts, stored_sessions
from bayplan.cli.client_settings import client_settings, is_set
from bayplan.client import Client, Tokens
from bayplan.client.tokens import clean_token
from bayplan.client.transport import server_address
from bayplan.clock import timestamp
from bayplan.errors import BayplanError, Unauthenticated, Unreachable


@dataclass(frozen=True, slots=True)
class NamedServer:
    """The server that a command talks to, and what names it: an option, a variable, a context, or nothing."""

    url: str
    named_by: str


def named_server(server: str | None = None) -> NamedServer:
    """Gives the server of `--server`, of BAYPLAN_SERVER, of the context in BAYPLAN_CONTEXT, of the current context, or else this machine's.

    Raises `NotFound` for a context that there is not, and `Invalid`.
    """
    settings = client_settings()
    if server is not None:
        return NamedServer(server_address(server), "--server")
    if is_set("server"):
        return NamedServer(server_address(settings.server), "BAYPLAN_SERVER")
    if settings.context is not None:
        return NamedServer(contexts.load().server_of(settings.context), f"BAYPLAN_CONTEXT, {settings.context}")
    known = contexts.load()
    if known.current is not None:
        return NamedServer(known.server_of(known.current), f"the context {known.current}")
    return NamedServer(server_address(settings.server), "no setting and no context")


def address(server: str | None) -> str:
    """The address of the server that a command talks to, see `named_server`."""
    return named_server(server).url


def is_logged_in(server: str | None) -> bool:
    """Whether there is something to authenticate with at the server; the server is not asked.

    Raises for a `server` that cannot be one.
    """
    settings = client_settings()
    if settings.token is not None or (settings.username is not None and settings.password is not None):
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
    with where_to_look(), _connected(server, timeout_seconds) as client:
        yield client


def warn_unless_asked(url: str) -> None:
    """Says on the error output that commands ask another server than `url`, where a variable names one."""
    named = named_server()
    if named.url != url:
        sys.stderr.write(f"{named.named_by} goes before it: commands ask {named.url}.\n")


def session_end(url: str) -> str | None:
    """When the session that is kept at the server ends, None where commands do not authenticate by one."""
    settings = client_settings()
    if settings.token is not None or (settings.username is not None and settings.password is not None):
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


@contextmanager
def _connected(server: str | None, timeout_seconds: float) -> Iterator[Client]:
    settings = client_settings()
    url = address(server)
    if settings.token is not None:
        with Client(
            url,
            token=clean_token(settings.token, "BAYPLAN_TOKEN holds no access token"),
            timeout_seconds=timeout_seconds,
        ) as client:
            try:
                yield client
            except Unauthenticated as error:
                detail = f"{url} does not take the access token in BAYPLAN_TOKEN, or no longer; put a new one there."
                if settings.token.startswith("bpt_"):
                    detail = f"{url} does not take the token in BAYPLAN_TOKEN. {error.detail}"
                raise Unauthenticated(detail, code=error.code) from None
    elif settings.username is not None and settings.password is not None:
        with Client(
            url, username=settings.username, password=settings.password, timeout_seconds=timeout_seconds
        ) as client:
            yield client
    else:
        with _with_stored_session(url, timeout_seconds) as client:
            yield client


@contextmanager
def _with_stored_session(url: str, timeout_seconds: float) -> Iterator[Client]:
    session = stored_sessions.find(url)
    if session is None:
        raise Unauthenticated(f"Nobody is logged in to {url}; run `bayplan login{_at(url)}` first.")
    username = session.username

    def keep(tokens: Tokens) -> None:
        stored_sessions.keep(url, stored_sessions.StoredSession(username, tokens.access, tokens.refresh))

    with Client(url, tokens=session.tokens, on_tokens=keep, timeout_seconds=timeout_seconds) as client:
        try:
            yield client
        except Unauthenticated as error:
            detail = f"The session of {username} at {url} has ended; run `bayplan login{_at(url)}` again."
            if session.refresh is None:  # a token for programs, whose end the server explains
                detail = f"{url} does not take the token of {username} that is kept here. {error.detail}"
            raise Unauthenticated(detail, code=error.code) from None


def _at(url: str) -> str:
    """The option that names the server in a command; empty where the command asks it anyway."""
    return "" if url == address(None) else f" --server {url}"
