"""Shows the plan of a catalogue file: + for what is added, ~ for changes with their fields, - for what is removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from bayplan.cli.output import MUTED, show, words

if TYPE_CHECKING:
    from bayplan.schemas.catalogue import PlanAnswer, PlannedChange

SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}
DONE = {"add": "added", "change": "changed", "remove": "removed"}
TO_DO = {"add": "to add", "change": "to change", "remove": "to remove"}


def show_plan(plan: PlanAnswer) -> None:
    """Prints every change, and the number of each kind."""
    if not plan["changes"]:
        return show(Text(_nothing_to_change(plan["unchanged"])))
    return show(*_lines(plan), Text(), Text(f"{_totals(plan, TO_DO)}."))


def show_dry_run(plan: PlanAnswer) -> None:
    """Prints the same, and that nothing was done."""
    show_plan(plan)
    if plan["changes"]:
        show(Text("This was a dry run: nothing was applied.", style=MUTED))


def show_done(plan: PlanAnswer) -> None:
    """Prints how many changes were applied, and which new users cannot log in yet."""
    show(Text(f"Done: {_totals(plan, DONE)}."))
    users = [change["key"] for change in plan["changes"] if (change["resource"], change["action"]) == ("users", "add")]
    if len(users) == 1:
        show(Text(f"{words(users[0])} has no password yet: `bayplan user password {words(users[0])}` gives one."))
    elif users:
        show(Text(f"The {len(users):,} new users have no password yet: `bayplan user password NAME` gives one."))


def changed_names(plan: PlanAnswer) -> list[str]:
    """The names of what changes, each after its section."""
    return [f"{change['resource']}/{words(change['key'])}" for change in plan["changes"]]


def _lines(plan: PlanAnswer) -> Iterator[Text]:
    section = ""
    for change in plan["changes"]:
        if change["resource"] != section:
            section = change["resource"]
            yield Text(section, style="bold")
        sign, style = SIGNS[change["action"]]
        yield Text(f"  {sign} {words(change['key'])}", style=style)
        if change["action"] == "change":
            yield from _fields(change)


def _fields(change: PlannedChange) -> Iterator[Text]:
    width = max((len(name) for name in change["fields"]), default=0)
    for name, values in change["fields"].items():
        yield Text.assemble(
            (f"      {name:<{width}}  ", MUTED),
            (_value(values.get("from")), "red"),
            (" -> ", MUTED),
            (_value(values.get("to")), "green"),
        )


def _value(value: object) -> str:
    if isinstance(value, dict) and value.keys() == {"expressions", "order_by"}:
        from bayplan.exports.filter_words import in_words, order_in_words

        order = order_in_words(value)
        return in_words(value) + (f", in the order of {order}" if order else "")
    if isinstance(value, dict):
        return "; ".join(f"{name} {words(inner)}" for name, inner in value.items())
    return "nothing" if value is None else words(value)


def _totals(plan: PlanAnswer, verbs: dict[str, str]) -> str:
    numbers: Counter[str] = Counter(change["action"] for change in plan["changes"])
    totals = ", ".join(f"{numbers[action]:,} {verb}" for action, verb in verbs.items() if numbers[action])
    return f"{totals}; {plan['unchanged']:,} unchanged" if plan["unchanged"] else totals


def _nothing_to_change(unchanged: int) -> str:
    if not unchanged:
        return "Nothing to change."
    entries = "the entry is" if unchanged == 1 else f"all {unchanged:,} entries are"
    return f"Nothing to change: {entries} as the file says."
