"""`python -m benchmarks` (`make bench`): measures the server against a bare one and prints the table, in Markdown."""

import argparse
import os
import platform
import sys

from benchmarks.page import table as markdown
from benchmarks.page import verdict, write
from benchmarks.serve import FULL, QUICK, Result, run

PART = "The server"
MOST_MEGABYTES = 200

INTRODUCTION = """\
Measured by `make bench ARGS=--write`, which wrote this part: one server process over SQLite, with {images:,} images of
400 distinct requirements ({few:,} for the whole list), on {machine}.

*bare* is a plain ASGI application on the same uvicorn, uvloop and httptools that answers with the very same bytes, ready
made, and does nothing else: the most that any Python server could do here. Both are asked by turns, in one run, by the
same load generator on the same machine, so the ratio says more than the rates. It is that of the rates or that of the
processor times, whichever is less, since a busy machine flatters whoever asks more of it; the processor time is what a
request costs the server, however busy the machine is. Rates are those of {connections} connections (4 for the whole list;
one or eight for create); p50 and p99 are of one client alone, for create of those that the row names.

"""


def table(result: Result) -> str:
    """The measurements as a table in Markdown."""
    rows = []
    for row in result.rows:
        p50, p99 = (f"{row.alone.milliseconds(share):.2f} ms" for share in (0.5, 0.99))
        spent = f"{row.ours.cpu_milliseconds:.2f} ms"
        rates = (f"{row.ours.rate:,.0f}/s", f"{row.bare.rate:,.0f}/s", f"{row.ratio:.1%}")
        rows.append((row.question.name, *rates, p50, p99, spent, row.target, verdict(row.is_met)))
    memory, target = f"{result.megabytes:.0f} MB", f"at most {MOST_MEGABYTES} MB"
    is_met = verdict(result.megabytes <= MOST_MEGABYTES)
    rows.append(("memory of the server, at most", memory, "", "", "", "", "", target, is_met))
    return markdown(("", "bayplan", "bare", "ratio", "p50", "p99", "processor time", "target", ""), rows)


def part(result: Result) -> str:
    """Its part of the page of the documentation."""
    machine = f"{os.cpu_count()} cores with Python {platform.python_version()}"
    introduction = INTRODUCTION.format(
        images=result.size.images, few=result.size.few_images, machine=machine, connections=16
    )
    return introduction + table(result)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small catalogue and short turns, to see that it works")
    parser.add_argument("--write", action="store_true", help="also write its part of docs/performance.md")
    chosen = parser.parse_args()
    result = run(QUICK if chosen.quick else FULL, lambda text: print(f"measuring: {text}", file=sys.stderr))
    print(table(result), end="")
    if chosen.write:
        write(PART, part(result))


if __name__ == "__main__":
    main()
