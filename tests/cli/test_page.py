"""docs/cli.md shows the output that the commands really have. `python -m tests.cli.test_page` writes it anew."""

import sys
from pathlib import Path

import pytest

from bayplan.cli import exit_codes
from tests.cli.test_conventions import SEVERAL, commands, options
from tests.tour import toured_on_a_fresh_server

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


BEGIN, END = "<!-- conventions: made from the program -->\n", "<!-- end of conventions -->"
COLUMNS = ("-o", "-q", "--sort-by", "--watch", "--yes")


def with_conventions(page: str) -> str:
    """The page with the table of what each command takes, from the program itself."""
    lines = [
        "| command | `-o` | `-q` | `--sort-by` | `-w` | `-y` | several | exit codes |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, command in sorted(commands()):
        taken = options(command)
        # the -o of `export` is a file
        marks = ["yes" if column in taken and (column != "-o" or "-q" in taken) else "" for column in COLUMNS]
        codes = [0, 1, 2, *exit_codes.OF_COMMANDS.get(name, ()), *([130] if "--watch" in taken else [])]
        cells = [f"`{name}`", *marks, "yes" if name in SEVERAL else "", ", ".join(map(str, codes))]
        lines.append(f"| {' | '.join(cells)} |".replace("  ", " "))
    before, _, rest = page.partition(BEGIN)
    table = "".join(f"{line}\n" for line in lines)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}"


def test_the_table_of_conventions_is_that_of_the_program() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_conventions(page) == page, "write it with `python -m tests.cli.test_page`"


@pytest.mark.timeout(600)  # some forty commands, one after another
def test_the_page_shows_what_is_printed() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert toured_on_a_fresh_server(page, starts_anew=False) == page


if __name__ == "__main__":
    sys.stdout.write(f"Writing {PAGE}.\n")
    page = with_conventions(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(toured_on_a_fresh_server(page, starts_anew=False), encoding="utf-8")
