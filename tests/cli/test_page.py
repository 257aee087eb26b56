"""docs/cli.md shows what the commands really print. `python -m tests.cli.test_page` writes it anew."""

import re
import sys
from pathlib import Path

import pytest

from tests.tour import toured_on_a_fresh_server

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
_TIMES = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC")
A_TIME = "2026-01-31 12:00 UTC"


def rewritten(page: str) -> str:
    """The page with what its commands print now, and one time in place of all."""
    return _TIMES.sub(A_TIME, toured_on_a_fresh_server(page))


@pytest.mark.timeout(600)  # some forty commands, one after another
def test_the_page_shows_what_is_printed() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert rewritten(page) == page


if __name__ == "__main__":
    sys.stdout.write(f"Writing {PAGE}.\n")
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
