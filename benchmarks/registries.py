"""`make bench-registries`: measures inspections and checks, and prints the table, in Markdown."""

import argparse
import os
import platform
import sys
from collections.abc import Iterator

import pytest

from benchmarks import checks, inspections
from benchmarks.page import Cells, table, verdict, write

PART = "Registries"
MOST_SECONDS = 120
HEAD = ("", "bayplan", "bare", "ratio", "p50", "p99", "processor time", "target", "")

INTRODUCTION = """\
Measured by `make bench-registries ARGS=--write`, which wrote this part: one server process over SQLite and real registries
(CNCF Distribution) on the same machine, {machine}.

**Inspections.** *bare* is a bare HTTP client over {connections} connections. It reads the same documents from the same
registry (of each of {images:,} images an index, two manifests and two configurations), and parses none of them: that is the
registry's own limit. Bayplan and the bare client are measured alternately. Rates are those of 16 connections to the server,
which uses {connections} connections to the registry; p50 and p99 are those of a client alone. The processor time is what one
inspection costs the server.

**Checks.** The server's scheduler checks every image of a catalogue of {checked_images:,} in {registries} registries: *the
first time* writes the new state of each image, *once more* finds no change. *bare* is the bare client with the same HEAD
requests, {connections} at a time to each registry. p50 and p99 are those of a client that loads images from the server
meanwhile ({quiet:.1f} and {quiet_p99:.1f} ms while the server checks nothing).

"""


def rows(inspected: inspections.Result, checked: checks.Result) -> Iterator[Cells]:
    """The rows of the table."""
    yield from _inspected(inspected)
    yield from _checked(checked)


def _inspected(inspected: inspections.Result) -> Iterator[Cells]:
    for row in inspected.rows:
        p50, p99 = (f"{row.alone.milliseconds(share):.1f} ms" for share in (0.5, 0.99))
        ratio = f"{row.ours.rate / row.bare_rate:.0%}"
        spent = f"{row.ours.cpu_milliseconds:.1f} ms"
        yield row.name, f"{row.ours.rate:,.0f}/s", f"{row.bare_rate:,.0f}/s", ratio, p50, p99, spent, "", ""
    yield "memory of the server that inspects, at most", f"{inspected.megabytes:.0f} MB", "", "", "", "", "", "", ""


def _checked(checked: checks.Result) -> Iterator[Cells]:
    images = checked.size.images
    bare = f"{checked.bare_seconds:.1f} s"
    target = f"at most {MOST_SECONDS} s" if images == checks.FULL.images else ""
    for name, round_ in (("the first time", checked.first), ("once more", checked.again)):
        ratio = f"{checked.bare_seconds / round_.seconds:.0%}"
        spent = f"{1000 * round_.cpu_seconds / images:.1f} ms"
        p50, p99 = f"{round_.load_milliseconds:.1f} ms", f"{round_.load_milliseconds_p99:.1f} ms"
        is_met = verdict(round_.seconds <= MOST_SECONDS if target else None)
        yield (
            f"{images:,} images checked, {name}",
            f"{round_.seconds:.1f} s",
            bare,
            ratio,
            p50,
            p99,
            spent,
            target,
            is_met,
        )
    before, most = f"{checked.megabytes_before:.0f} MB", f"{checked.again.megabytes:.0f} MB"
    yield f"memory of the server that checks, at most ({before} before)", most, "", "", "", "", "", "", ""


def main() -> int:
    """Measures and prints; the exit code is 1 where there is no registry to measure with."""
    parser = argparse.ArgumentParser(prog="make bench-registries", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few images and short turns, to see that it works")
    parser.add_argument("--write", action="store_true", help="also write its part of docs/performance.md")
    chosen = parser.parse_args()

    def say(text: str) -> None:
        print(f"measuring: {text}", file=sys.stderr)

    size = inspections.QUICK if chosen.quick else inspections.FULL
    try:
        inspected = inspections.run(size, say)
        checked = checks.run(checks.QUICK if chosen.quick else checks.FULL, say)
    except pytest.skip.Exception as missing:
        print(missing, file=sys.stderr)
        return 1
    text = table(HEAD, list(rows(inspected, checked)))
    print(text, end="")
    if chosen.write:
        introduction = INTRODUCTION.format(
            machine=f"{os.cpu_count()} cores with Python {platform.python_version()}",
            connections=inspections.REGISTRY_CONNECTIONS,
            images=size.images,
            checked_images=checked.size.images,
            registries=checked.size.registries,
            quiet=checked.load_milliseconds,
            quiet_p99=checked.load_milliseconds_p99,
        )
        write(PART, introduction + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
