"""Shows who one is: the user, the server, and how long the session or the token is good."""

from rich.text import Text

from bayplan.cli import connection
from bayplan.cli.output import ago, fields, moment, show
from bayplan.client.session import NamedServer
from bayplan.schemas.users import WhoAmIAnswer


class WhoAmI(WhoAmIAnswer):
    """The API's answer, with the server, what names it, and when the session that is kept ends, None where none is used."""

    server: str
    named_by: str
    session_ends: str | None


def who(me: WhoAmIAnswer, named: NamedServer) -> WhoAmI:
    """The answer for the user at a server."""
    return {**me, "server": named.url, "named_by": named.named_by, "session_ends": connection.session_end(named.url)}


def show_who(answer: WhoAmI) -> None:
    """Prints the user and the server, and the session or the token."""
    user, token = answer["user"], answer["token"]
    name = f"{user['first_name'] or ''} {user['last_name'] or ''}".strip()
    pairs: list[tuple[str, object]] = [
        ("user", Text(user["username"], style="bold")),
        ("name", name or None),
        ("email", user["email"] or None),
        ("rights", "staff" if user["is_staff"] else "reads"),
        ("server", f"{answer['server']} ({answer['named_by']})"),
    ]
    if token is not None:
        pairs += [
            ("token", token["name"]),
            ("scopes", token["scopes"]),
            ("until", moment(token["expires"])),
            ("last use", ago(token["last_used"])),
        ]
    else:
        pairs.append(("session until", moment(answer["session_ends"] or answer["expires"])))
    show(fields(pairs))


def user_name(answer: WhoAmI) -> str:
    """The name of the user."""
    return answer["user"]["username"]
