"""One scan in a process of its own, with the lowest priority: `python -m bayplan.agent.scan_process OPTIONS`, one JSON text.

The image is read from the engine's archive call; no container is made. On standard output come lines of JSON: `{"read": BYTES}` about
every second, then `{"report": ...}` in the form of `schemas.scans.ScanReport`, or `{"error": ..., "is_final": ...}`. Its parent may end
it at any time; where the parent is gone, the next line ends it.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bayplan.agent.disk_budget import DiskBudget, DiskBudgetExceeded, DiskLimits
from bayplan.agent.engine import Engine, connect
from bayplan.agent.engine_errors import EngineFailed, printable
from bayplan.agent.scan_store import FileStore
from bayplan.domain.compatibility.image import FACT_NAMES
from bayplan.domain.reference import Reference
from bayplan.errors import BayplanError, fault_sentence
from bayplan.scan.errors import ScanFailed
from bayplan.scan.export import ExportedImage, scan_export, stored_layers
from bayplan.scan.facts import image_facts, image_packages
from bayplan.scan.layer import FORMAT
from bayplan.schemas.facts import is_readable

NAME = "bayplan.agent.scan_process"
PROGRESS_SECONDS = 1.0
LOWEST_PRIORITY = 19
_MOST_PACKAGES, _MOST_NOTES = 2_000, 100
_MOST_DETAIL = 1_000


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What to scan, through which engine, where findings of layers are kept, and what stays free of the engine's disk."""

    reference: str
    engine: str | None
    layers: str
    free_bytes: int
    free_share: float


def command(options: ScanOptions) -> list[str]:
    """Gives the command that scans."""
    return [sys.executable, "-P", "-m", NAME, json.dumps(asdict(options))]


def scan(engine: Engine, options: ScanOptions) -> dict[str, Any]:
    """Scans an image of the engine, and gives the report; raises `EngineFailed`, `ScanFailed` and `DiskBudgetExceeded`."""
    local = engine.find(Reference.parse(options.reference))
    if local is None:
        raise EngineFailed(f"{engine.name} does not have {options.reference} any more.", code="image_gone")
    store = FileStore(Path(options.layers))
    configuration = engine.configuration(local)
    files = stored_layers(configuration.diff_ids, store)
    if files is not None:
        exported = ExportedImage(files, configuration.environment, configuration.architecture, configuration.diff_ids)
    else:
        # Docker and Podman write the archive to their disk before they send it.
        limits = DiskLimits(None, options.free_bytes, options.free_share)
        DiskBudget.of(engine.data_root, limits, 0).require(local.size_bytes, None)
        exported = scan_export(_reporting(engine.export(local)), store)
    facts = image_facts(exported.files, exported.environment)
    # The server would refuse the report whole.
    odd = [name for name in facts if name in FACT_NAMES and not is_readable(name, facts[name]["value"])]
    notes = [
        *(f"the value of {name} in the files does not have the form of that fact" for name in odd),
        *exported.files.notes,
    ]
    return {
        "architecture": exported.architecture,
        "reader": FORMAT,
        "facts": {name: fact for name, fact in facts.items() if name not in odd},
        "packages": image_packages(exported.files)[:_MOST_PACKAGES],
        "notes": [printable(note, _MOST_DETAIL) for note in notes][:_MOST_NOTES],
        "bytes_read": exported.files.bytes_read,
    }


def _reporting(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks; a line about every second says how much has passed."""
    read_bytes, next_line = 0, time.monotonic() + PROGRESS_SECONDS
    for chunk in chunks:
        read_bytes += len(chunk)
        if time.monotonic() >= next_line:
            _print({"read": read_bytes})
            next_line = time.monotonic() + PROGRESS_SECONDS
        yield chunk


def _print(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def main(options: ScanOptions) -> None:
    """Scans, and prints the last line."""
    os.nice(LOWEST_PRIORITY)
    try:
        with connect(options.engine) as engine:
            _print({"report": scan(engine, options)})
    except BrokenPipeError:
        sys.exit(1)
    except (ScanFailed, EngineFailed, DiskBudgetExceeded) as error:
        is_final = isinstance(error, ScanFailed) or error.code == "image_gone"
        _print({"error": printable(error.detail, _MOST_DETAIL), "is_final": is_final})
    except BayplanError as error:
        _print({"error": printable(error.detail, _MOST_DETAIL), "is_final": False})
    except Exception as error:
        _print({"error": printable(fault_sentence(error), _MOST_DETAIL), "is_final": True})


if __name__ == "__main__":
    main(ScanOptions(**json.loads(sys.argv[1])))
