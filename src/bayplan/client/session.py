"""The server that a person works with, and how they authenticate there: for the command line and for a client without arguments."""

from dataclasses import dataclass

from bayplan.client import contexts, stored_sessions
from bayplan.client.settings import client_settings, is_set
from bayplan.client.tokens import ServerAccount, Tokens, clean_token
from bayplan.client.transport import server_address
from bayplan.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class NamedServer:
    """The server that is talked to, and what names it: an option, a variable, a context, or nothing."""

    url: str
    named_by: str


class ServerOfContext(str):
    """The server's address that `--context` stands for, with the name of the context."""

    __slots__ = ("context",)

    context: str


def named_server(server: str | None = None) -> NamedServer:
    """Gives the server of an option, of BAYPLAN_SERVER, of the context in BAYPLAN_CONTEXT, of the current context, or else this machine's.

    Raises `NotFound` for a context that there is not, and `Invalid`.
    """
    settings = client_settings()
    if server is not None:
        named_by = f"--context {server.context}" if isinstance(server, ServerOfContext) else "--server"
        return NamedServer(server_address(server), named_by)
    if is_set("server"):
        return NamedServer(server_address(settings.server), "BAYPLAN_SERVER")
    if settings.context is not None:
        return NamedServer(contexts.load().server_of(settings.context), f"BAYPLAN_CONTEXT, {settings.context}")
    known = contexts.load()
    if known.current is not None:
        return NamedServer(known.server_of(known.current), f"the context {known.current}")
    return NamedServer(server_address(settings.server), "no setting and no context")


def account_at(url: str) -> ServerAccount | None:
    """BAYPLAN_TOKEN, else BAYPLAN_USERNAME and BAYPLAN_PASSWORD, else the stored session at the server; None without any of them.

    Raises `Invalid` for a token that is none, and for sessions that cannot be read.
    """
    settings = client_settings()
    if settings.token is not None:
        return _by_token(url, settings.token)
    if settings.username is not None and settings.password is not None:
        return ServerAccount(credentials={"username": settings.username, "password": settings.password})
    session = stored_sessions.find(url)
    return None if session is None else _by_session(url, session)


def account_or_nobody(url: str) -> ServerAccount:
    """The same; without any of them an account whose error says how to log in."""
    return account_at(url) or ServerAccount(refusal=lambda _detail: nobody(url).detail)


def nobody(url: str) -> Unauthenticated:
    """The error for a server at which nobody is logged in."""
    return Unauthenticated(f"You are not logged in to {url}: run `bayplan login{_at(url)}` first.")


def _by_token(url: str, token: str) -> ServerAccount:
    def refusal(detail: str) -> str:
        if token.startswith("bpt_"):
            return f"{url} refuses the token in BAYPLAN_TOKEN. {detail}"
        return f"{url} refuses the access token in BAYPLAN_TOKEN: put a new one there."

    return ServerAccount(Tokens(access=clean_token(token, "BAYPLAN_TOKEN has no valid access token")), refusal=refusal)


def _by_session(url: str, session: stored_sessions.StoredSession) -> ServerAccount:
    def keep(tokens: Tokens) -> None:
        if tokens.refresh == session.refresh:  # renewed; a log-in by the program is its own
            stored_sessions.keep(url, stored_sessions.StoredSession(session.username, tokens.access, tokens.refresh))

    def refusal(detail: str) -> str:
        if session.refresh is None:  # a token for programs, whose end the server explains
            return f"{url} refuses the stored token of {session.username}. {detail}"
        return f"The session of {session.username} at {url} has ended: run `bayplan login{_at(url)}` again."

    return ServerAccount(session.tokens, on_tokens=keep, refusal=refusal)


def _at(url: str) -> str:
    """The option that names the server in a command; empty where the command asks it anyway."""
    return "" if url == named_server().url else f" --server {url}"
