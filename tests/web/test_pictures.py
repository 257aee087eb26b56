"""The pictures in docs/pictures: each is there, small, and shown."""

from bayplan.web.routes import PAGES
from tests.tour import ROOT
from tests.web.pictures import FOLDER, PICTURES

MOST_BYTES = 1_500_000


def test_every_picture_is_there_and_all_are_small() -> None:
    files = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert set(files) == {f"{picture.name}.webp" for picture in PICTURES}
    assert sum(files.values()) < MOST_BYTES
    for picture in PICTURES:
        assert (FOLDER / f"{picture.name}.webp").read_bytes()[8:12] == b"WEBP"


def test_every_picture_is_shown_and_all_of_the_bar_have_one() -> None:
    text = (ROOT / "docs" / "pages.md").read_text(encoding="utf-8")
    assert [picture.name for picture in PICTURES if f"(pictures/{picture.name}.webp)" not in text] == []
    shown = {picture.address.partition("?")[0] for picture in PICTURES}
    assert {"/", "/images", "/nodes", "/ask", "/matrix", "/plan"} <= shown
    assert shown <= {page.path.replace("{pk}", "8") for page in PAGES}
