"""The specifications of the Container Device Interface for NVIDIA GPUs on a machine, held against the machine.

`nvidia-ctk cdi generate` writes the driver's version into them, in the names of its libraries and, from toolkit 1.17.5 on, as the
argument of a hook. After an upgrade of the driver they name files that are gone, until they are made anew.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayplan.agent import files, values
from bayplan.agent.machine_fact import CDI_FAULT, MachineFact, absent, measured, unreadable

FOLDERS = ("var/run/cdi", "run/cdi", "etc/cdi")
"""Where engines read them, that which takes precedence first (CDI, `pkg/cdi: DefaultSpecDirs`)."""

_KIND = re.compile(r"""["']?kind["']?\s*:\s*["']?(nvidia\.com/[\w.-]+)""")
_DRIVER = re.compile(r"--host-driver-version=(\d+(?:\.\d+)+)|/libcuda\.so\.(\d{3,4}(?:\.\d+)+)")
_LINE = re.compile(r"^( *)(- +)?([A-Za-z]\w*):(?: +(.*))?$")
_MOST_BYTES = 4 * 1024**2
_MOST_PATHS = 20_000
_MOST_FILES = 64


@dataclass(frozen=True, slots=True)
class CdiSpecification:
    """A specification: its file, its kind of devices, the driver that it was made for, and what it names and is not there."""

    path: str
    kind: str
    driver_version: str | None
    missing: tuple[str, ...]


def specifications(root: Path, configured: Sequence[str] = ()) -> tuple[list[CdiSpecification], list[str]]:
    """Gives the specifications for NVIDIA GPUs, that which takes precedence first, and why others cannot be read.

    `configured`: the folders of Docker's configuration, in its order, in which the last takes precedence.
    """
    readable, failures = [], []
    seen: set[Path] = set()
    for folder in [folder.strip("/") for folder in reversed(configured)] or FOLDERS:
        for name in files.names(root / folder)[:_MOST_FILES]:
            if not name.endswith((".yaml", ".yml", ".json")):
                continue
            path = root / folder / name
            try:
                real = path.resolve()
                text = files.text(path, _MOST_BYTES)
            except (OSError, ValueError, RuntimeError) as error:
                failures.append(f"/{folder}/{name} cannot be read: {files.why(error)}")
                continue
            kind = _KIND.search(text)
            if real in seen or kind is None:
                continue
            seen.add(real)
            paths = list(_paths(text))[:_MOST_PATHS]
            missing = [path for path in dict.fromkeys(paths) if files.is_missing(root / path.lstrip("/"))]
            readable.append(CdiSpecification(f"/{folder}/{name}", kind.group(1), _driver(text), tuple(missing)))
    return readable, failures


def _driver(text: str) -> str | None:
    match = _DRIVER.search(text)
    return None if match is None else values.driver_version(match.group(1) or match.group(2))


def _paths(text: str) -> Iterator[str]:
    """Gives the paths on the machine: of devices, mounts and programs of hooks."""
    for item in _json_items(text) if text.lstrip().startswith("{") else _yaml_items(text):
        path = item.get("hostPath") or item.get("path")
        if isinstance(path, str) and path.startswith("/") and ("path" in item or "containerPath" in item):
            yield path


def _json_items(text: str) -> Iterator[dict[str, Any]]:
    try:
        nodes: list[Any] = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            yield node
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node


def _yaml_items(text: str) -> Iterator[dict[str, str]]:
    """Gives the mappings in lists, each with its own scalars: YAML as its generators write it, a key on each line.

    A whole parser of YAML takes half a second for such a file.
    """
    items: dict[int, dict[str, str]] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        indent, dash, key, value = match.groups()
        column = len(indent) + len(dash or "")
        for inner in [other for other in items if other > column or (dash and other == column)]:
            yield items.pop(inner)
        if dash:
            items[column] = {}
        if column in items and value:
            items[column][key] = value.strip().strip("\"'")
    yield from items.values()


def driver_version(readable: list[CdiSpecification], failures: list[str]) -> MachineFact:
    """Gives the driver that the specification was made for which takes precedence."""
    for specification in readable:
        if specification.driver_version is not None:
            return measured(specification.driver_version, specification.path)
    if readable:
        return unreadable(f"{readable[0].path} names no driver")
    if failures:
        return unreadable("; ".join(failures))
    return absent("there is no CDI specification for NVIDIA GPUs")


def faults(readable: list[CdiSpecification]) -> tuple[str, ...]:
    """Gives a sentence for each specification that names what is not there: an engine does not start a container by it.

    One for devices that a folder with precedence has as well is not used.
    """
    folders: dict[str, str] = {}
    for specification in readable:
        folders.setdefault(specification.kind, specification.path.rpartition("/")[0])
    return tuple(
        f"{CDI_FAULT} {specification.path} names {values.printable(specification.missing[0], most=120)}"
        + (f" and {len(specification.missing) - 1} more that are" if len(specification.missing) > 1 else ", which is")
        + " not there: make it anew with `nvidia-ctk cdi generate`"
        for specification in readable
        if specification.missing and specification.path.rpartition("/")[0] == folders[specification.kind]
    )
