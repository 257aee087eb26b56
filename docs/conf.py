"""How `make docs` makes a site with search of this folder; the pages themselves are plain Markdown, to read without it."""

import re

from sphinx.application import Sphinx

project = "bayplan"
copyright = "the authors of bayplan"  # noqa: A001  # Sphinx asks for this name
extensions = ["myst_parser"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "bayplan"
html_show_sphinx = False
html_copy_source = False

_SECTION = re.compile(r"^## (.*)\n+((?:\* .*\n?)+)", re.MULTILINE)
_PAGE = re.compile(r"\]\((\w[\w-]*)\.md\)")


def _add_navigation(_app: Sphinx, page: str, source: list[str]) -> None:
    """Makes the navigation of the lists on index.md, so that the site and the folder have one order."""
    if page == "index":
        for title, entries in _SECTION.findall(source[0]):
            pages = "\n".join(_PAGE.findall(entries))
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{pages}\n```\n"


def setup(app: Sphinx) -> None:
    """Connects the above; Sphinx calls it."""
    app.connect("source-read", _add_navigation)
