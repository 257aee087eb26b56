"""The connection of a command to its server: which server it is, and how the command authenticates there."""

from collections.abc import Iterator
from contextlib import contextmanager

from bayplan.cli import stored_sessions
from bayplan.cli.client_settings import client_settings
from bayplan.client import Client, Tokens
from bayplan.client.tokens import clean_token
from bayplan.client.transport import server_address
from bayplan.errors import Unauthenticated


def address(server: str | None) -> str:
    """The server's address: `--server`, or else the setting."""
    return server_address(client_settings().server if server is None else server)


@contextmanager
def connect(server: str | None) -> Iterator[Client]:
    """An authenticated client: by BAYPLAN_TOKEN, by BAYPLAN_USERNAME and BAYPLAN_PASSWORD, or by the session of `bayplan login`."""
    settings = client_settings()
    url = address(server)
    if settings.token is not None:
        with Client(url, token=clean_token(settings.token, "BAYPLAN_TOKEN holds no access token")) as client:
            try:
                yield client
            except Unauthenticated as error:
                detail = f"{url} does not take the access token in BAYPLAN_TOKEN, or no longer; put a new one there."
                if settings.token.startswith("bpt_"):
                    detail = f"{url} does not take the token in BAYPLAN_TOKEN. {error.detail}"
                raise Unauthenticated(detail, code=error.code) from None
    elif settings.username is not None and settings.password is not None:
        with Client(url, username=settings.username, password=settings.password) as client:
            yield client
    else:
        with _with_stored_session(url) as client:
            yield client


@contextmanager
def _with_stored_session(url: str) -> Iterator[Client]:
    session = stored_sessions.find(url)
    if session is None:
        raise Unauthenticated(f"Nobody is logged in to {url}; run `bayplan login{_at(url)}` first.")
    username = session.username

    def keep(tokens: Tokens) -> None:
        stored_sessions.keep(url, stored_sessions.StoredSession(username, tokens.access, tokens.refresh))

    with Client(url, tokens=session.tokens, on_tokens=keep) as client:
        try:
            yield client
        except Unauthenticated as error:
            detail = f"The session of {username} at {url} has ended; run `bayplan login{_at(url)}` again."
            raise Unauthenticated(detail, code=error.code) from None


def _at(url: str) -> str:
    """The option that names the server in a command; empty where the setting names it already."""
    return "" if url == server_address(client_settings().server) else f" --server {url}"
