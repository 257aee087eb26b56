"""The history in words, as commands and pages show it: what each entry is about, and its fields before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bayplan.domain import units
from bayplan.exports.filter_words import in_words
from bayplan.exports.value_words import moment, words
from bayplan.schemas.history import FieldChange, HistoryEntry

Names = Mapping[str, Mapping[int, str]]
"""The names of objects by their resource and key."""

REFERENCES: Mapping[str, str] = {
    "cuda_version": "cuda",
    "min_hardware_generation": "hardware",
    "hardware_generation": "hardware",
    "framework": "frameworks",
    "domain": "domains",
    "licence": "licences",
    "creator": "users",
}
"""The fields whose values are keys, and the resource of what they refer to."""


@dataclass(frozen=True, slots=True)
class NameFields:
    """The fields that make up the name of an object, what joins them, and a noun where the name alone does not tell its kind."""

    fields: tuple[str, ...]
    separator: str = ""
    noun: str = ""


NAME_FIELDS: Mapping[str, NameFields] = {
    "docker": NameFields(("name", "version"), ":"),
    "nodes": NameFields(("ip", "index"), "#"),
    "cuda": NameFields(("full_version",), noun="CUDA "),
    "hardware": NameFields(("generation",), noun="generation "),
    "frameworks": NameFields(("name", "version"), " ", noun="framework "),
    "domains": NameFields(("name",), noun="domain "),
    "licences": NameFields(("name",), noun="licence "),
    "users": NameFields(("username",), noun="user "),
    "prefetch": NameFields(("name",), noun="rule "),
    "workers": NameFields(("name",), noun="worker "),
    "tokens": NameFields(("name",), noun="token "),
}

MEMORIES = frozenset({"cpu_mem", "gpu_mem", "shared_memory_bytes"})
_TIMES = ("creation_time", "deletion_time", "date_joined")
_EMPTY: tuple[Any, ...] = (None, "", [], {})
# The longest text of a list or a document, and how much of what both texts have in common is shown before they differ.
_LONGEST, _IN_COMMON = 60, 20
# What workers do themselves: the author of the entry is the object.
_BY_ITSELF = ("join", "report")


class FieldText(NamedTuple):
    """A field that changed, with its values in words; `before` is None where there was no value."""

    name: str
    before: str | None
    after: str


def subject(entry: HistoryEntry, names: Names) -> str:
    """Gives the object of an entry as people call it: "pytorch:2.4", "user casey"; "docker 16" where its name is not known."""
    resource, pk = entry["resource"], entry["pk"]
    if pk is None:
        return resource
    name = _own_name(entry) or names.get(resource, {}).get(pk)
    return key(resource, pk) if name is None else f"{NAME_FIELDS[resource].noun}{name}"


def key(resource: str, pk: int) -> str:
    """Gives what stands for an object without a name: "docker 16"."""
    return f"{resource} {pk}"


def keys_without_name(entries: Sequence[HistoryEntry]) -> dict[str, set[int]]:
    """Gives the keys, by resource, of all objects in the entries that the entries do not name."""
    keys: dict[str, set[int]] = {}
    for entry in entries:
        if entry["pk"] is not None and _own_name(entry) is None:
            keys.setdefault(entry["resource"], set()).add(entry["pk"])
        for field in REFERENCES.keys() & entry["changes"].keys():
            values = entry["changes"][field]
            pks = {pk for pk in (values["before"], values["after"]) if pk is not None}
            keys.setdefault(REFERENCES[field], set()).update(pks)
    return keys


def keys_of(entries: Sequence[HistoryEntry]) -> dict[str, set[int]]:
    """Gives the keys, by resource, of all objects in the entries."""
    keys = keys_without_name(entries)
    for entry in entries:
        if entry["pk"] is not None:
            keys.setdefault(entry["resource"], set()).add(entry["pk"])
    return keys


def name_of(resource: str, row: Mapping[str, Any]) -> str | None:
    """Gives the name of an object of these fields; None where one is missing."""
    name_fields = NAME_FIELDS.get(resource)
    if name_fields is None:
        return None
    parts = [row.get(field) for field in name_fields.fields]
    return None if None in parts else name_fields.separator.join(map(str, parts))


def _own_name(entry: HistoryEntry) -> str | None:
    """The name in the fields of the entry; those before where the object was removed."""
    values = {
        field: change["before"] if change["after"] is None else change["after"]
        for field, change in entry["changes"].items()
    }
    name = name_of(entry["resource"], values)
    if name is None and entry["resource"] == "workers" and entry["action"] in _BY_ITSELF:
        return entry["user"]
    return name


def field_texts(entry: HistoryEntry, names: Names) -> list[FieldText]:
    """Gives the fields that an entry changed, in words; those that were empty and are empty are left out."""
    texts = (_field_text(name, values, names) for name, values in entry["changes"].items())
    return [text for text in texts if text is not None]


def changes(entry: HistoryEntry, names: Names) -> str:
    """Gives the changes in a line: "framework: PyTorch 2.4 -> PyTorch 2.5; gpu_mem: 48 GiB"; "-" without any."""
    texts = (
        f"{name}: {after}" if before is None else f"{name}: {before} -> {after}"
        for name, before, after in field_texts(entry, names)
    )
    return "; ".join(texts) or "-"


def _field_text(name: str, values: FieldChange, names: Names) -> FieldText | None:
    before, after = values["before"], values["after"]
    old, new = _value(name, before, names), _value(name, after, names)
    if old == new:  # a few bytes of memory, the order of a filter
        old, new = _plain(before), _plain(after)
    if isinstance(before, (list, dict)) or isinstance(after, (list, dict)):
        old, new = _shortened(old, new)
    if before in _EMPTY:
        return None if after in _EMPTY else FieldText(name, None, new)
    return FieldText(name, old, new)


def _value(field: str, value: object, names: Names) -> str:
    """A field's value as people read it: references by name, memory in GiB, times to the minute, filters in words."""
    if value in _EMPTY:
        return "-"
    if field in REFERENCES and isinstance(value, int):
        resource = REFERENCES[field]
        return names.get(resource, {}).get(value) or key(resource, value)
    if field in MEMORIES and isinstance(value, int):
        return units.memory(value)
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
