"""Pages of a list that is read whole: for lists that are short, or that take all of their rows to make."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from bayplan.db.cursor import Cursor, order_name, parameters
from bayplan.db.resource_types import Kind
from bayplan.server.http.parameters import PageParameters
from bayplan.server.http.responses import fingerprinted, page_headers

Item = TypeVar("Item", bound=Mapping[str, Any])


def page_of(
    request: Request, query: PageParameters, items: Sequence[Item], name: str, key: Callable[[Item], tuple[str, ...]]
) -> Response:
    """Gives the answer with a page of `items`, which are in the order of `key`; `name` tells the list from others.

    Raises `Invalid` for the cursor of another list.
    """
    if query.limit is None and not query.offset and query.after is None:
        return fingerprinted(request, items)
    order, start = order_name(name), query.offset
    if query.after is not None:
        parameters(query.after, [Kind.TEXT] * len(query.after.values), order)
        start = bisect_right(items, tuple(value or "" for value in query.after.values), key=key)
    end = len(items) if query.limit is None else start + query.limit
    page = items[start:end]
    following = str(Cursor(order, key(page[-1]), 0)) if page and end < len(items) else None
    return fingerprinted(request, page, page_headers(request, len(items), query, following))
