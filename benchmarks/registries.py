"""`make bench-registries`: measures inspections and checks, and prints the table, in Markdown."""

import argparse
import os
import platform
import sys
from collections.abc import Iterator

import pytest

from benchmarks import inspections, verifications
from benchmarks.page import Cells, table, verdict, write

PART = "Registries"
MOST_SECONDS = 120
HEAD = ("", "bayplan", "bare", "ratio", "p50", "p99", "processor time", "target", "")

INTRODUCTION = """\
Measured by `make bench-registries ARGS=--write`, which wrote this part: one server process over SQLite and real
registries (CNCF Distribution) on the same machine, {machine}.

*bare* of an inspection is a bare HTTP client over {connections} connections that reads the very same documents (of each
of {images:,} images an index, two manifests and two configurations) from the same registry, by turns with the server, and
looks at none of them: the registry's own limit. Rates are those of 16 connections to the server, which asks the registry
over {connections}; p50 and p99 are of one client alone; the processor time is what one costs the server.

*verified* is every image of a catalogue of {verified:,} in {registries} registries, looked at by the server's background check:
the first time, when each state is news and written down, and once more. *bare* is the bare client with the
same HEAD requests, {connections} at a time to each registry; p50 and p99 are of somebody who loads images from the
server meanwhile ({quiet:.1f} and {quiet_p99:.1f} ms while it looks at nothing).

"""


def rows(found: inspections.Result, checked: verifications.Result) -> Iterator[Cells]:
    """The rows of the table."""
    yield from _inspected(found)
    yield from _verified(checked)


def _inspected(found: inspections.Result) -> Iterator[Cells]:
    for row in found.rows:
        p50, p99 = (f"{row.alone.milliseconds(share):.1f} ms" for share in (0.5, 0.99))
        ratio = f"{row.ours.rate / row.bare_rate:.0%}"
        spent = f"{row.ours.cpu_milliseconds:.1f} ms"
        yield row.name, f"{row.ours.rate:,.0f}/s", f"{row.bare_rate:,.0f}/s", ratio, p50, p99, spent, "", ""
    yield "memory of the server that inspects, at most", f"{found.megabytes:.0f} MB", "", "", "", "", "", "", ""


def _verified(checked: verifications.Result) -> Iterator[Cells]:
    images = checked.size.images
    bare = f"{checked.bare_seconds:.1f} s"
    target = f"at most {MOST_SECONDS} s" if images == verifications.FULL.images else ""
    for name, look in (("the first time", checked.first), ("once more", checked.again)):
        ratio = f"{checked.bare_seconds / look.seconds:.0%}"
        spent = f"{1000 * look.cpu_seconds / images:.1f} ms"
        p50, p99 = f"{look.load_milliseconds:.1f} ms", f"{look.load_milliseconds_p99:.1f} ms"
        is_met = verdict(look.seconds <= MOST_SECONDS if target else None)
        yield (
            f"{images:,} images verified, {name}",
            f"{look.seconds:.1f} s",
            bare,
            ratio,
            p50,
            p99,
            spent,
            target,
            is_met,
        )
    before, most = f"{checked.megabytes_before:.0f} MB", f"{checked.again.megabytes:.0f} MB"
    yield f"memory of the server that verifies, at most ({before} before)", most, "", "", "", "", "", "", ""


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
        found = inspections.run(size, say)
        checked = verifications.run(verifications.QUICK if chosen.quick else verifications.FULL, say)
    except pytest.skip.Exception as missing:
        print(missing, file=sys.stderr)
        return 1
    text = table(HEAD, list(rows(found, checked)))
    print(text, end="")
    if chosen.write:
        introduction = INTRODUCTION.format(
            machine=f"{os.cpu_count()} cores with Python {platform.python_version()}",
            connections=inspections.REGISTRY_CONNECTIONS,
            images=size.images,
            verified=checked.size.images,
            registries=checked.size.registries,
            quiet=checked.load_milliseconds,
            quiet_p99=checked.load_milliseconds_p99,
        )
        write(PART, introduction + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
