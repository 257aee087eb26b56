"""A page as the browser prints it, read."""

import io
from dataclasses import dataclass
from unicodedata import normalize

from playwright.sync_api import Page
from pypdf import PageObject, PdfReader


@dataclass(frozen=True)
class Sheet:
    """A sheet of paper: its text, where lines are as the browser broke them, and the piece of text that is furthest out."""

    text: str
    width: float
    leftmost: float
    rightmost: float

    @property
    def words(self) -> str:
        """The text without spaces and ligatures: the browser breaks words where a column is narrow."""
        return "".join(normalize("NFKC", self.text).split())


def printed(page: Page) -> list[Sheet]:
    """Prints a page on paper of the size that its stylesheet names."""
    return [_sheet(sheet) for sheet in PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages]


def _sheet(sheet: PageObject) -> Sheet:
    begins: list[float] = []

    def note(text: str, matrix: list[float], place: list[float], font: object, size: float) -> None:
        if text.strip():
            begins.append(matrix[0] * place[4] + matrix[2] * place[5] + matrix[4])

    text = sheet.extract_text(visitor_text=note)
    return Sheet(text, float(sheet.mediabox.width), min(begins), max(begins))
