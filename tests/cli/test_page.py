"""docs/cli.md shows the output that the commands really have. `python -m tests.cli.test_page` writes it anew."""

import sys
from pathlib import Path

import pytest

from tests.tour import toured_on_a_fresh_server

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


@pytest.mark.timeout(600)  # some forty commands, one after another
def test_the_page_shows_what_is_printed() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert toured_on_a_fresh_server(page, starts_anew=False) == page


if __name__ == "__main__":
    sys.stdout.write(f"Writing {PAGE}.\n")
    PAGE.write_text(toured_on_a_fresh_server(PAGE.read_text(encoding="utf-8"), starts_anew=False), encoding="utf-8")
