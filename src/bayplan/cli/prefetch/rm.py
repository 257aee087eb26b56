"""`bayplan prefetch rm`: removes rules."""

from typing import TYPE_CHECKING

from bayplan.cli.options import TABLE, Output, Server, Yes
from bayplan.cli.prefetch._options import RuleNames

if TYPE_CHECKING:
    from bayplan.cli.removal import Outcome
    from bayplan.schemas.prefetch import ExpandedPrefetchRuleAnswer


def rm(rules: RuleNames, yes: Yes = False, server: Server = None, output_format: Output = TABLE) -> None:
    """Remove rules.

    Workers remove images that no other rule names for them and that no container uses. It says what the rules name, and asks first.
    """
    from bayplan.cli import connection, removal
    from bayplan.cli.prefetch import _view as prefetch_view

    with connection.connect(server) as client:

        def question(rule: "ExpandedPrefetchRuleAnswer") -> str:
            return f"Remove the rule {rule['name']!r}?{removal.uses_of_rule(client, rule)}"

        def remove(rule: "ExpandedPrefetchRuleAnswer") -> "Outcome":
            last = client.prefetch.get(rule["pk"]) if output_format.is_data else None
            client.prefetch.delete(rule["pk"])
            return last, f"Removed the rule {rule['name']!r}."

        existing = [client.prefetch.named(rule) for rule in rules]
        removal.ask_and_remove(existing, question, remove, prefetch_view.name, yes=yes, output_format=output_format)
