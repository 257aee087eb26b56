"""`make tables`: reads the wheels that `wheels.csv` names and writes their rows into the tables.

One wheel is on the disk at a time. What was read is kept in `readings.jsonl`, so a run that was ended goes on where it was, and
a wheel is read once, ever. Prints the difference of the tables, for a person to read and commit.
"""

import argparse
import difflib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from bayplan.domain.compatibility.tables import load
from bayplan.domain.compatibility.tables.loader import SHIPPED
from tools.tables.download import NoWheel, download
from tools.tables.rows import Project, Readings, read_projects, with_rows
from tools.tables.wheel import WheelReading, from_json, read_wheel, to_json

HERE = Path(__file__).parent
READINGS = HERE / "readings.jsonl"
LEAST_FREE_BYTES = 8 << 30
"""Room for the largest wheel, and for pip's copy of it while it downloads."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads what was not read yet, writes the tables, and prints how they differ."""
    parser = argparse.ArgumentParser(prog="make tables", description=__doc__)
    parser.add_argument(
        "--only", default="", metavar="PROJECTS", help="read wheels of these projects alone: torch,vllm"
    )
    parser.add_argument("--again", action="store_true", help="read wheels that were read before, too")
    parser.add_argument("--none", action="store_true", help="read no wheel: write the tables from what was read before")
    options = parser.parse_args(arguments)
    projects = read_projects(HERE / "wheels.csv")
    readings = _stored()
    only = {name for name in options.only.split(",") if name}
    if unknown := only - {project.name for project in projects}:
        parser.error(f"wheels.csv has no {', '.join(sorted(unknown))}.")
    failed = []
    if not options.none:
        known = set() if options.again else {(r.project, r.version, r.architecture) for r in readings}
        todo = [
            (project, version, architecture)
            for project in projects
            if not only or project.name in only
            for version, architecture in project.wheels
            if (project.name, version, architecture) not in known
        ]
        failed = _read_all(todo)
        readings = _stored()
    _write_tables(projects, readings)
    for line in failed:
        print(f"not read: {line}", file=sys.stderr)
    return 1 if failed else 0


def _stored() -> list[WheelReading]:
    """What was read before, the last reading of each wheel."""
    if not READINGS.is_file():
        return []
    lines = READINGS.read_text(encoding="ascii").splitlines()
    return list({(r.project, r.version, r.architecture): r for r in map(from_json, lines)}.values())


def _read_all(todo: Sequence[tuple[Project, str, str]]) -> list[str]:
    failed = []
    for number, (project, version, architecture) in enumerate(todo, 1):
        name = f"{project.name} {version} {architecture}"
        started = time.monotonic()
        if shutil.disk_usage(tempfile.gettempdir()).free < LEAST_FREE_BYTES:
            failed.append(
                f"{name} and what follows: less than {LEAST_FREE_BYTES >> 30} GiB free in {tempfile.gettempdir()}"
            )
            break
        with tempfile.TemporaryDirectory(prefix="bayplan-tables-") as folder:
            try:
                path = download(project.name, version, architecture, Path(folder))
            except NoWheel as error:
                failed.append(f"{name}: {error}")
                continue
            size_mib = path.stat().st_size >> 20
            reading = read_wheel(path, project.name, version, architecture)
        with READINGS.open("a", encoding="ascii") as file:
            file.write(to_json(reading) + "\n")
        seconds = time.monotonic() - started
        print(f"{number}/{len(todo)} {name}: {size_mib} MiB, {seconds:.0f} s", file=sys.stderr, flush=True)
    return failed


def _write_tables(projects: Sequence[Project], readings: Iterable[WheelReading]) -> None:
    """Writes the rows and prints the difference; the loader then reads the tables once, as bayplan does at its start."""
    read = Readings(projects, list(readings))
    for name, rows in (
        ("arch_lists.csv", read.arch_lists()),
        ("pypi_builds.csv", read.pypi_builds()),
        ("runtime_compilers.csv", read.runtime_compilers()),
    ):
        before = (SHIPPED / name).read_text(encoding="utf-8")
        after = with_rows(before, rows)
        (SHIPPED / name).write_text(after, encoding="utf-8")
        lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), name, name, n=0)
        sys.stdout.writelines(lines)
    load.cache_clear()
    load()


if __name__ == "__main__":
    sys.exit(main())
