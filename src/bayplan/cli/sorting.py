"""`--sort-by`: the fields by which each list can be sorted, and the order of rows that are read whole."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from bayplan.cli.options import UsageError

_LABEL = re.compile(r"\{?\.?(?:metadata\.)?labels\.([^{}]+)\}?")  # as kubectl has it, and without what is around it
_DIGITS = re.compile(r"([0-9]{1,18})")

Row = TypeVar("Row", bound=Mapping[str, Any])
Fields = Mapping[str, tuple[str, ...]]
"""For each name that `--sort-by` takes the paths through an answer of the API that it orders by, the first before the others."""

_OF_NODES = (
    *("pk", "ip", "index", "cpu_mem", "driver_version", "gpu_mem", "last_seen", "compute_capability", "gpu_name"),
    *("gpu_brand", "architecture", "accelerator", "target", "driver_cuda_version", "runtime_mode", "toolkit_version"),
    *("cdi_driver_version", "fabric_ready", "l4t_version", "wsl", "mig_profile", "vgpu_licensed", "kernel_version"),
    *("shared_memory_bytes", "hostname"),
)

FIELDS: Mapping[str, Fields] = {
    "images list": {
        "name": ("name", "version"),
        "version": ("version", "name"),
        "pk": ("pk",),
        "framework": ("framework.name", "framework.version", "name"),
        "cuda": ("cuda_version.full_version", "name"),
        "gpu": ("min_hardware_generation.min_compute_capability", "name"),
        "domain": ("domain", "name"),
        "licence": ("licence.name", "name"),
        "url": ("url",),
        "registry": ("registry", "url"),
        "state": ("check.state", "name"),
        "added": ("creation_time",),
        "deleted": ("deletion_time",),
        "creator": ("creator.username", "name"),
    },
    "images outdated": {
        "name": ("name", "version"),
        "version": ("version", "name"),
        "pk": ("image",),
        "reasons": ("reasons.code", "name", "version"),
        "since": ("since", "name", "version"),
        "until": ("until", "name", "version"),
        "use": ("use.name", "use.version", "name", "version"),
        "nodes": ("nodes", "name", "version"),
    },
    "nodes list": {
        "node": ("ip", "index"),
        "gpu": ("gpu_name", "ip", "index"),
        "cc": ("compute_capability", "ip", "index"),
        "generation": ("hardware_generation.min_compute_capability", "ip", "index"),
        "driver": ("driver_version", "ip", "index"),
        **{name: tuple(dict.fromkeys((name, "ip", "index"))) for name in _OF_NODES},
    },
    "nodes workers": {
        "address": ("ip",),
        "worker": ("worker",),
        "nodes": ("nodes", "ip"),
        "last_seen": ("last_seen",),
        "joined": ("joined",),
    },
    "nodes join-tokens": {
        "pk": ("pk",),
        "left": ("uses_left",),
        "uses": ("uses",),
        "until": ("expires",),
        "last_use": ("last_used",),
        "created": ("created",),
        "by": ("creator_name", "pk"),
    },
    "prefetch list": {
        "pk": ("pk",),
        "name": ("name",),
        "by": ("creator.username", "name"),
        "added": ("creation_time",),
    },
    "prefetch status": {
        "machine": ("ip",),
        "worker": ("worker",),
        "nodes": ("nodes", "ip"),
        "desired": ("wanted", "ip"),
        "present": ("held", "ip"),
        **{name: (name, "ip") for name in ("wanted", "held", "pulling", "failed", "no_room", "unwanted")},
        "takes": ("held_bytes", "ip"),
        "since": ("changed",),
    },
    "credentials list": {
        "registry": ("registry", "username"),
        "user": ("username", "registry"),
        "images": ("images", "registry"),
        "passwords": ("passwords", "registry"),
        "used": ("last_used",),
        "refused": ("last_refused",),
        "given": ("last_given",),
    },
    "token list": {
        "name": ("name",),
        "pk": ("pk",),
        "owner": ("owner", "name"),
        "scopes": ("scopes", "name"),
        "created": ("created",),
        "until": ("expires",),
        "last_use": ("last_used",),
    },
    "user list": {
        "user": ("username",),
        "pk": ("pk",),
        "name": ("first_name", "last_name"),
        "email": ("email",),
        "rights": ("is_staff", "username"),
        "last_login": ("last_login",),
    },
    "context list": {"name": ("name",), "server": ("server",), "user": ("user", "name")},
    "history": {
        "when": ("time",),
        "version": ("version",),
        "user": ("user", "time"),
        "resource": ("resource", "pk", "time"),
        "action": ("action", "time"),
    },
    "audit": {
        "when": ("at",),
        "last": ("last",),
        "times": ("times",),
        "kind": ("kind", "name"),
        "name": ("name", "at"),
        "address": ("address", "at"),
        "passwords": ("passwords",),
    },
    "list cuda": {
        "version": ("full_version",),
        "pk": ("pk",),
        "driver": ("min_driver_version", "full_version"),
    },
    "list hardware": {
        "compute_capability": ("min_compute_capability",),
        "pk": ("pk",),
        "generation": ("generation",),
    },
    "list frameworks": {"name": ("name", "version"), "pk": ("pk",), "version": ("version", "name")},
    "list domains": {"name": ("name",), "description": ("description",)},
    "list licences": {"name": ("name",), "pk": ("pk",), "url": ("url",)},
}
"""For each list its fields; the first one is its order where nobody asks for another."""


def order(listing: str, sort_by: str | None) -> tuple[str, ...]:
    """The paths that a list is ordered by, with "-" before each where the last comes first.

    Raises `UsageError` with the nearest names for a field that the list has not.
    """
    by_name = FIELDS[listing]
    if sort_by is None:
        return next(iter(by_name.values()))
    is_backwards = sort_by.startswith("-")
    typed = sort_by.removeprefix("-")
    name = typed.strip("{}").removeprefix(".").strip().lower().replace("-", "_").replace(" ", "_")  # {.name} of kubectl
    if listing == "nodes list" and (label := _LABEL.fullmatch(typed)):
        return (f"{'-' if is_backwards else ''}labels.{label[1]}", *FIELDS["nodes list"]["node"])
    paths = by_name.get(name) or next((paths for paths in by_name.values() if paths[0] == name), None)
    if paths is None:
        from bayplan.domain.nearest import did_you_mean

        near = did_you_mean(name, [*by_name, *(paths[0] for paths in by_name.values())])
        raise UsageError(
            f"--sort-by: there is no field {typed!r}; {near or 'the fields are ' + ', '.join(by_name) + '.'}"
        )
    return tuple(f"-{path}" for path in paths) if is_backwards else paths


def in_order(rows: Sequence[Row], paths: Sequence[str]) -> list[Row]:
    """The rows in that order: numbers in texts count as numbers, so 2.9 comes before 2.10; null comes last either way."""
    ordered = list(rows)
    for path in reversed(paths):
        field, is_backwards = path.removeprefix("-"), path.startswith("-")
        values = [(row, value) for row in ordered if (value := _value(row, field)) is not None]
        without = [row for row in ordered if _value(row, field) is None]
        values.sort(key=lambda pair: _key(field, pair[1]), reverse=is_backwards)
        ordered = [*(row for row, _ in values), *without]
    return ordered


def _value(row: Mapping[str, Any], path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _key(field: str, value: Any) -> tuple[float, tuple[Any, ...]]:
    """The key of a value: versions as the server compares them, of other texts the numbers as numbers."""
    if isinstance(value, (int, float)):
        return value, ()
    if isinstance(value, (list, tuple)) and not all(isinstance(part, str) for part in value):
        return len(value), ()
    text = (", ".join(value) if isinstance(value, (list, tuple)) else str(value)).casefold()
    if field.rpartition(".")[2].endswith("version"):
        from bayplan.domain.versions import sort_key

        return 0, (sort_key(text), text)
    return 0, tuple(int(part) if at % 2 else part for at, part in enumerate(_DIGITS.split(text)))
