"""Writes the pictures in docs/pictures: the main pages with the example catalogue and fleet, light and dark. `make pictures` runs it."""

import tempfile
from pathlib import Path

from bayplan.web.routes import PAGES
from tests.process import running_server
from tests.tour import ROOT
from tests.web.browser import running_browser, visit
from tests.web.conftest import STAFF, page_client

FOLDER = ROOT / "docs" / "pictures"
MAIN_PAGES = {
    "overview": "/",
    "images": "/images",
    "image": "/images/1",
    "nodes": "/nodes",
    "node": "/nodes/1",
    "ask": "/ask?worker=RTX+4090%2C+550.120&task=train",
    "matrix": "/matrix",
    "plan": "/plan",
}
"""By a picture's name, the address of what it shows."""
SCHEMES = ("light", "dark")


def _shown() -> dict[str, str]:
    paths = {page.path.replace("{pk}", "1") for page in PAGES if page.method == "GET"}
    return {name: address for name, address in MAIN_PAGES.items() if address.partition("?")[0] in paths}


def write(folder: Path) -> None:
    """Writes the pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, running_server(Path(place) / "home", "--examples") as server:
        with page_client(server, *STAFF) as staff:
            session = staff.session
        with running_browser() as running, running.opened() as browser:
            for scheme in SCHEMES:
                with visit(browser, server.url, session, color_scheme=scheme) as visited:
                    page = visited.page()
                    for name, address in _shown().items():
                        page.goto(address)
                        page.screenshot(path=folder / f"{name}-{scheme}.png")
                        print(f"Writing {folder / f'{name}-{scheme}.png'}.")


if __name__ == "__main__":
    write(FOLDER)
