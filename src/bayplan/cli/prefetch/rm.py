"""`bayplan prefetch rm`: removes rules."""

from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.options import Server, Yes

if TYPE_CHECKING:
    from bayplan.schemas.prefetch import ExpandedPrefetchRuleAnswer


def rm(
    rules: Annotated[list[str], typer.Argument(metavar="RULE", help="Their names or keys.", show_default=False)],
    yes: Yes = False,
    server: Server = None,
) -> None:
    """Remove rules.

    Workers remove what no other rule gives them, and no container uses. It says what the rules are for, and asks first.
    """
    from bayplan.cli import connection, prompt, removal

    with connection.connect(server) as client:
        existing = [client.prefetch.named(rule) for rule in rules]
        if not yes:
            uses = [f"the rule {rule['name']!r}?{removal.uses_of_rule(client, rule)}" for rule in existing]
            prompt.require(f"Remove {' Remove '.join(uses)}")

        def remove(rule: "ExpandedPrefetchRuleAnswer") -> str:
            client.prefetch.delete(rule["pk"])
            return f"Removed the rule {rule['name']!r}."

        removal.each(existing, remove)
