"""The findings of layers, each in a file: images that share layers read them once, also after a restart. Bounded."""

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bayplan.scan.layer import LayerFindings

MOST_BYTES = 64 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileStore:
    """A store in a folder; the files that were used least lately go first. What cannot be written is read again another time."""

    folder: Path
    most_bytes: int = MOST_BYTES

    def get(self, digest: str) -> LayerFindings | None:
        """Gives the findings of a layer that was read before."""
        path = self._path(digest)
        if path is None:
            return None
        try:
            findings = LayerFindings.from_document(json.loads(path.read_bytes()))
            os.utime(path)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return findings

    def put(self, digest: str, findings: LayerFindings) -> None:
        """Keeps them."""
        path = self._path(digest)
        if path is None:
            return
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = path.with_suffix(f".{os.getpid()}.new")
            with new.open("w", encoding="utf-8") as file:
                json.dump(findings.to_document(), file)  # piece by piece: the whole may be large
            new.replace(path)
            self._forget()

    def _path(self, digest: str) -> Path | None:
        return self.folder / f"{digest[7:]}.json" if _DIGEST.fullmatch(digest) else None

    def _forget(self) -> None:
        files = sorted(self.folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0
        for path in files:
            total += path.stat().st_size
            if total > self.most_bytes:
                path.unlink(missing_ok=True)
