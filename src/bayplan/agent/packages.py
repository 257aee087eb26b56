"""Versions of installed packages, read from Debian's own file without a program."""

import re
from pathlib import Path

from bayplan.agent import files

_STATUS = "var/lib/dpkg/status"
_MOST_BYTES = 16 * 1024**2
_VERSION = re.compile(r"^Version: (?:\d+:)?([\w.+~-]{1,100})$", re.MULTILINE)
_INSTALLED = re.compile(r"^Status: \S+ \S+ installed$", re.MULTILINE)


def debian_version(root: Path, package: str) -> str | None:
    """Gives the version of an installed package of Debian or Ubuntu, without its epoch; None where it is not installed."""
    status = "\n" + files.text_or_nothing(root / _STATUS, _MOST_BYTES)
    start = status.find(f"\nPackage: {package}\n")
    if start < 0:
        return None
    entry = status[start + 1 : status.find("\n\n", start + 1) if "\n\n" in status[start + 1 :] else None]
    version = _VERSION.search(entry)
    return version.group(1) if version is not None and _INSTALLED.search(entry) is not None else None
