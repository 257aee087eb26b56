"""The images that are to be scanned on this machine, and what became of each: a folder beside the credential.

Whoever has pulled an image adds it; the running agent scans what it finds there. So `bayplan worker pull` waits for no scan, and what
it pulled is scanned by the agent when that runs next. One file for each image: no two processes write the same.
"""

import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

from bayplan.domain.reference import Reference
from bayplan.errors import Invalid

ScanState = Literal["waiting", "scanning", "done", "failed"]
MOST_IMAGES = 500
KEPT_SECONDS = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class QueuedScan:
    """An image to scan: its reference by digest; its state, since when, how much was read, and a sentence on what failed."""

    reference: str
    state: ScanState = "waiting"
    since: float = 0.0  # seconds of the wall clock, to be shown and to be forgotten
    read_bytes: int = 0
    detail: str | None = None

    @property
    def digest(self) -> str:
        """The digest that the image was pulled by."""
        return self.reference.rpartition("@")[2]

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Reads a file of the queue; None for one that is none."""
        try:
            entry = cls(**json.loads(path.read_bytes()))
            if Reference.parse(entry.reference).digest is None or not isinstance(entry.since, int | float):
                return None
        except (OSError, ValueError, TypeError, AttributeError, Invalid):
            return None
        return entry


@dataclass(frozen=True, slots=True)
class ScanQueue:
    """The queue in a folder, which is made when something is added."""

    folder: Path

    @classmethod
    def beside(cls, credential: Path) -> Self:
        """Gives the queue of the machine with that file of its credential."""
        return cls(credential.with_name(f"{credential.stem}-scans"))

    @property
    def layers(self) -> Path:
        """The folder of the findings of layers."""
        return self.folder / "layers"

    def add(self, references: Iterable[str]) -> None:
        """Adds images by their references with digest; those that are there stay as they are. A folder that cannot be written is left."""
        with suppress(OSError):
            for reference in references:
                entry = QueuedScan(reference, since=time.time())
                if not self._path(entry).exists() and len(list(self.folder.glob("*.json"))) < MOST_IMAGES:
                    self.set(entry)

    def set(self, entry: QueuedScan) -> None:
        """Writes an entry whole or not at all; raises `OSError`."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(entry)
        new = path.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps(asdict(entry)), encoding="utf-8")
        new.replace(path)

    def entries(self) -> list[QueuedScan]:
        """Gives the entries, the oldest first; forgets those that ended long ago."""
        entries = []
        for path in sorted(self.folder.glob("*.json"))[: 2 * MOST_IMAGES]:
            entry = QueuedScan.read(path)
            if entry is None or (entry.state in ("done", "failed") and time.time() - entry.since > KEPT_SECONDS):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            else:
                entries.append(entry)
        return sorted(entries, key=lambda entry: (entry.since, entry.reference))[:MOST_IMAGES]

    def _path(self, entry: QueuedScan) -> Path:
        return self.folder / f"{entry.digest.replace(':', '-')}.json"
