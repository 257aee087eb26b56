"""The table of all pages, for the router, the navigation and the tests; the navigation has its order."""

from bayplan.web import (
    account,
    ask,
    audit,
    history,
    image,
    image_actions,
    image_add,
    image_edit,
    images,
    log_in,
    matrix,
    nodes,
    outdated,
    overview,
    plan,
    prefetch,
    registries,
    users,
)
from bayplan.web.page import PageRoute

PAGES: tuple[PageRoute, ...] = (
    *overview.PAGES,
    *images.PAGES,
    *outdated.PAGES,
    *image.PAGES,
    *image_add.PAGES,
    *image_edit.PAGES,
    *image_actions.PAGES,
    *nodes.PAGES,
    *ask.PAGES,
    *matrix.PAGES,
    *plan.PAGES,
    *prefetch.PAGES,
    *registries.PAGES,
    *history.PAGES,
    *audit.PAGES,
    *users.PAGES,
    *account.PAGES,
    *log_in.PAGES,
)
