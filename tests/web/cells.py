"""What the tables and the forms of a page say, as text."""

from xml.etree.ElementTree import Element

from html5lib import parse as parse_html

_HTML = "{http://www.w3.org/1999/xhtml}"


def table(page: str, caption: str) -> list[list[str]]:
    """The text of each cell of each row in the body of a table; none where the page has no such table."""
    for each in parse_html(page).iter(f"{_HTML}table"):
        title = each.find(f"{_HTML}caption")
        if title is not None and "".join(title.itertext()).strip() == caption:
            return [[_text(cell) for cell in row] for row in each.findall(f"{_HTML}tbody/{_HTML}tr")]
    return []


def mistake(page: str, field: str) -> str:
    """The text of the mistake beside a field; empty where there is none."""
    return _text(parse_html(page).find(f".//*[@id='{field}-mistake']"))


def heading(page: str) -> str:
    """The heading of the page."""
    return _text(parse_html(page).find(f".//{_HTML}h1"))


def main_text(page: str) -> str:
    """All that the page says, without what is around it."""
    return _text(parse_html(page).find(f".//{_HTML}main"))


def _text(element: Element | None) -> str:
    return "" if element is None else " ".join("".join(_parts(element)).split())


def _parts(element: Element) -> list[str]:
    """The text within an element, without what is only for eyes or only for screen readers, and with a gap at each break."""
    if element.get("aria-hidden") == "true" or "unseen" in (element.get("class") or "").split():
        return []
    parts = [element.text or ""]
    for child in element:
        parts += _parts(child)
        if child.tag == f"{_HTML}br":
            parts.append("\n")
        parts.append(child.tail or "")
    return parts
