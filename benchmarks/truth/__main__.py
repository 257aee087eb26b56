"""Holds the judge against the reports; prints the tables, and with --write also writes docs/truth.md."""

import argparse
import sys
from pathlib import Path

from bayplan.domain.compatibility.tables import load
from benchmarks.truth.compare import compare
from benchmarks.truth.document import Compared, document, summary
from benchmarks.truth.reports import REPORT_SETS, Knowledge, read_facts, read_reports

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "truth.md"


def compare_all() -> Compared:
    """Every set of reports, by how much is known."""
    facts, tables = read_facts(), load()
    return {
        name: {knowledge: compare(read_reports(path), facts, tables, knowledge) for knowledge in Knowledge}
        for name, path in REPORT_SETS.items()
    }


def main() -> int:
    """The exit code is 1 where the reports are not there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write docs/truth.md")
    parser.add_argument("--short", action="store_true", help="print the table of agreement alone")
    arguments = parser.parse_args()
    missing = [path for path in REPORT_SETS.values() if not path.is_file()]
    if missing:
        print(f"There are no reports at {missing[0]}.", file=sys.stderr)
        return 1
    compared = compare_all()
    if not arguments.short:
        print("\n".join(document(compared)) + "\n")
    print("\n".join(summary(compared)))
    if arguments.write:
        DOCUMENT.write_text("\n".join(document(compared)) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
