"""`bayplan prefetch rm`: removes rules."""

from typing import TYPE_CHECKING

from bayplan.cli.options import Server, Yes
from bayplan.cli.prefetch._options import RuleNames

if TYPE_CHECKING:
    from bayplan.schemas.prefetch import ExpandedPrefetchRuleAnswer


def rm(
    rules: RuleNames,
    yes: Yes = False,
    server: Server = None,
) -> None:
    """Remove rules.

    Workers remove what no other rule gives them, and no container uses. It says what the rules are for, and asks first.
    """
    from bayplan.cli import connection, removal

    with connection.connect(server) as client:

        def question(rule: "ExpandedPrefetchRuleAnswer") -> str:
            return f"Remove the rule {rule['name']!r}?{removal.uses_of_rule(client, rule)}"

        def remove(rule: "ExpandedPrefetchRuleAnswer") -> str:
            client.prefetch.delete(rule["pk"])
            return f"Removed the rule {rule['name']!r}."

        removal.ask_and_remove([client.prefetch.named(rule) for rule in rules], question, remove, yes=yes)
