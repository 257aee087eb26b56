"""Shows the history of the catalogue: a line for each object that a write changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from bayplan.cli.audit._history_names import REFERENCES, Names, key, subject
from bayplan.cli.node_facts import SIZES
from bayplan.cli.output import MUTED, Column, memory, moment, show, table, words
from bayplan.cli.prefetch._filters import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bayplan.schemas.history import FieldChange, HistoryEntry

_TIMES = ("creation_time", "deletion_time", "date_joined")
_EMPTY: tuple[Any, ...] = (None, "", [], {})
# The longest text of a list or a document, and how much of what both texts have in common is shown before they differ.
_LONGEST, _IN_COMMON = 60, 20


def show_history(entries: Sequence[HistoryEntry], names: Names) -> None:
    """Prints the entries as a table; `names` has the names of objects that the entries do not name."""
    columns = (
        Column("time"),
        Column("version", right=True, spare=2),
        Column("user"),
        Column("action"),
        Column("what", gives_way=True),
        Column("changes", gives_way=True),
    )
    rows = [
        (
            moment(entry["time"]),
            entry["version"],
            entry["user"] or "the server",
            entry["action"],
            subject(entry, names),
            changes(entry, names),
        )
        for entry in entries
    ]
    if not rows:
        return show(Text("There are no changes.", style=MUTED))
    return show(table(columns, rows), Text("1 entry" if len(rows) == 1 else f"{len(rows):,} entries", style=MUTED))


def changes(entry: HistoryEntry, names: Names) -> str:
    """The changes of an entry in a line: "framework: PyTorch 2.4 -> PyTorch 2.5; gpu_mem: 48 GiB"; "-" without any."""
    texts = (_change(field, values, names) for field, values in entry["changes"].items())
    return "; ".join(text for text in texts if text) or "-"


def _change(field: str, values: FieldChange, names: Names) -> str:
    """The text of a field's change, "tasks: train -> train, predict"; only the new value where there was none before."""
    before, after = values["before"], values["after"]
    old, new = _value(field, before, names), _value(field, after, names)
    if old == new:  # a few bytes of memory, the order of a filter
        old, new = _plain(before), _plain(after)
    if isinstance(before, (list, dict)) or isinstance(after, (list, dict)):
        old, new = _shortened(old, new)
    if before in _EMPTY:
        return "" if after in _EMPTY else f"{field}: {new}"
    return f"{field}: {old} -> {new}"


def _value(field: str, value: object, names: Names) -> str:
    """A field's value as people read it: references by name, memory in GiB, times to the minute, filters in words."""
    if value in _EMPTY:
        return "-"
    if field in REFERENCES and isinstance(value, int):
        resource = REFERENCES[field]
        return names.get(resource, {}).get(value) or key(resource, value)
    if field in SIZES and isinstance(value, int):
        return memory(value)
    if field in _TIMES and isinstance(value, str):
        return moment(value)
    if isinstance(value, dict) and "expressions" in value:
        return in_words(value)
    return _plain(value)


def _plain(value: object) -> str:
    """A value as it is; a document as its keys and values in a line."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return words(value)


def _shortened(old: str, new: str) -> tuple[str, str]:
    """Two texts, each cut to what fits; long ones begin shortly before they differ."""
    if max(len(old), len(new)) <= _LONGEST:
        return old, new
    pairs = enumerate(zip(old, new, strict=False))  # one may go on behind the end of the other
    equal = next((at for at, (left, right) in pairs if left != right), min(len(old), len(new)))
    start = max(old.rfind(" ", 0, equal) + 1, equal - _IN_COMMON) if equal > _LONGEST // 2 else 0
    return _cut(old, start), _cut(new, start)


def _cut(text: str, start: int) -> str:
    end = start + _LONGEST
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
