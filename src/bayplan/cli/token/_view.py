"""Shows tokens for programs: a line for each, with scopes, end and last use."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from bayplan.cli.output import MUTED, Column, ago, count, moment, show, table
from bayplan.schemas.tokens import ApiTokenAnswer

_SOON_SECONDS = 7 * 86_400


def show_tokens(tokens: Sequence[ApiTokenAnswer], *, with_owners: bool) -> None:
    """Prints the tokens; `with_owners` says whose each is."""
    if not tokens:
        return show(Text("No tokens.", style=MUTED))
    owner = [Column("owner")] if with_owners else []
    columns = (
        Column("pk", right=True),
        Column("name"),
        *owner,
        Column("scopes", gives_way=True),
        Column("until", spare=1),
        Column("last use", spare=2),
    )
    rows = [
        (
            token["pk"],
            token["name"],
            *([token["owner"]] if with_owners else []),
            token["scopes"],
            _until(token),
            ago(token["last_used"]),
        )
        for token in tokens
    ]
    return show(table(columns, rows), Text(count(len(rows), "token"), style=MUTED))


def name(token: Mapping[str, Any]) -> str:
    """The name of a token."""
    return str(token["name"])


def _until(token: ApiTokenAnswer) -> Text:
    if token["revoked"] is not None:
        return Text("revoked", style=MUTED)
    left_seconds = (datetime.fromisoformat(token["expires"]) - datetime.now(UTC)).total_seconds()
    if left_seconds <= 0:
        return Text("expired", style=MUTED)
    return Text(moment(token["expires"]), style="yellow" if left_seconds < _SOON_SECONDS else "")
