"""The addresses of all pages of a server, as its pages link to them: for a catalogue whose keys and names nobody knows."""

import re
from collections.abc import Callable
from html import unescape

from bayplan.web.page import PageRoute
from bayplan.web.routes import PAGES

_LINK = re.compile(r'href="(/[^"#]*)')


def crawled(text_of: Callable[[str], str]) -> dict[PageRoute, str]:
    """Each page of the table that `GET` shows with an address: the first link to it, from the pages of the navigation on.

    A page that no other links to has its path, with the key 1. `text_of` gives what an address shows.
    """
    pages = [page for page in PAGES if page.method == "GET"]
    addresses = {page: page.path for page in pages if page.label or page.access.is_public}
    read: set[str] = set()
    while unread := [address for address in addresses.values() if address not in read]:
        for address in unread:
            read.add(address)
            links = [unescape(link) for link in _LINK.findall(text_of(address))]
            for page in pages:
                if page not in addresses and (link := next((link for link in links if _is_of(page, link)), None)):
                    addresses[page] = link
    return {page: addresses.get(page, page.path.replace("{pk}", "1")) for page in pages}


def _is_of(page: PageRoute, link: str) -> bool:
    pattern = re.escape(page.path).replace(r"\{pk\}", "[0-9]+")
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)
    path = link.partition("?")[0]
    return re.fullmatch(pattern, path) is not None and not any(path == other.path != page.path for other in PAGES)
