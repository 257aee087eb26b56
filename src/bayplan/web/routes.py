"""The table of all pages, for the router, the navigation and the tests; the navigation has its order."""

from bayplan.web import images, log_in, overview
from bayplan.web.page import PageRoute

PAGES: tuple[PageRoute, ...] = (
    *overview.PAGES,
    *images.PAGES,
    *log_in.PAGES,
)
