"""The objects at one path as a collection: the six actions that every resource has, by key or by name."""

import builtins
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, Literal, TypeVar, overload

from bayplan.client.filters import Expression, any_of, exact, order
from bayplan.client.transport import Params, Transport
from bayplan.errors import NotFound

Item = TypeVar("Item")
Expanded = TypeVar("Expanded")
Body = Mapping[str, object]
Named = int | str
"""An object by its key, or by a name: a text of digits is a key."""

PAGE = 1_000
"""How many objects `each` reads at once."""
NAMES_AT_MOST = 1_000
"""Objects whose names are compared with one that there is not."""
_MOST_DIGITS = 19


def key(text: str) -> int | None:
    """The key that a text is, None for a name."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


class Collection(Generic[Item, Expanded]):
    """The objects at one path, and the six actions that every resource has."""

    noun = "object"
    """What an error calls one of them."""
    name_fields: tuple[str, ...] = ("name",)
    """The fields that name an object, the first one before the others."""
    list_command = ""
    """The command that lists them."""
    count_params: ClassVar[Params] = {"limit": 1}
    """The parameters of the list that is asked for its number of objects."""

    def __init__(self, transport: Transport, path: str, references: tuple[str, ...] = ()) -> None:
        self._request = transport.request
        self._request_page = transport.request_page
        self._request_total = transport.request_total
        self._request_if_changed = transport.request_if_changed
        self._path = path
        self._references = ",".join(references) or None

    def named(self, text: str) -> Expanded:
        """The object with that key or name, whatever the case. Raises `NotFound`, which names the nearest ones, and `Invalid`."""
        pk = key(text)
        return self.get(pk, expand=True) if pk is not None else self._by_name(text.strip())

    def key(self, named: Named) -> int:
        """The key of the object that is named; a key is not asked for. Raises as `named` does."""
        pk = key(named) if isinstance(named, str) else named
        if pk is not None:
            return pk
        existing: Any = self.named(str(named))
        return int(existing["pk"])

    def _by_name(self, text: str) -> Expanded:
        fields = (exact(field, text, case_insensitive=True) for field in self.name_fields)
        existing = self.list(any_of(*fields), order_by=(f"-{self.name_fields[0]}",), expand=True)
        if not existing:
            raise self._not_found(text)

        def fits(each: Any) -> tuple[bool, bool]:
            own = [each[field] for field in self.name_fields]
            return text == own[0], str(own[0]).casefold() == text.casefold()

        return max(existing, key=fits)

    def _not_found(self, text: str) -> NotFound:
        """The error for a name that there is not, with the nearest ones."""
        from bayplan.domain.nearest import did_you_mean

        objects: builtins.list[Any] = self.list(limit=NAMES_AT_MOST)
        near = did_you_mean(text, sorted(str(each[self.name_fields[0]]) for each in objects))
        return NotFound(
            f"There is no {self.noun} {text!r}; {near or f'`bayplan {self.list_command}` shows the existing names.'}"
        )

    @overload
    def list(
        self,
        *expressions: Expression,
        order_by: "tuple[str, ...] | list[str]" = ...,
        include_inactive: bool = ...,
        limit: int | None = ...,
        offset: int | None = ...,
        expand: Literal[False] = ...,
    ) -> "list[Item]": ...

    @overload
    def list(
        self,
        *expressions: Expression,
        order_by: "tuple[str, ...] | list[str]" = ...,
        include_inactive: bool = ...,
        limit: int | None = ...,
        offset: int | None = ...,
        expand: Literal[True],
    ) -> "list[Expanded]": ...

    def list(
        self,
        *expressions: Expression,
        order_by: "tuple[str, ...] | list[str]" = (),
        include_inactive: bool = False,
        limit: int | None = None,
        offset: int | None = None,
        expand: bool = False,
    ) -> Any:
        """The objects that satisfy every expression, in order ("name", or "-name" for the last first; then by key).

        `include_inactive` adds deleted objects, `expand` puts the objects that are referred to in place of their keys.
        """
        body = {
            "expressions": list(expressions),
            "order_by": order(tuple(order_by)),
            "include_inactive": include_inactive,
        }
        params = {"limit": limit, "offset": offset, "expand": self._references if expand else None}
        return self._request("POST", f"{self._path}/list", body, params=params)

    def count(self, *expressions: Expression, include_inactive: bool = False) -> int:
        """The number of objects that satisfy every expression; they are not read."""
        body = {"expressions": list(expressions), "include_inactive": include_inactive}
        return self._request_total(f"{self._path}/list", self.count_params, body)

    def each(
        self,
        *expressions: Expression,
        order_by: "tuple[str, ...] | builtins.list[str]" = (),
        include_inactive: bool = False,
        page: int = PAGE,
    ) -> "Iterator[Item]":
        """The same, page by page as they are read: none is skipped where others are deleted meanwhile."""
        body = {
            "expressions": list(expressions),
            "order_by": order(tuple(order_by)),
            "include_inactive": include_inactive,
        }
        params: Params | None = {"limit": page}
        while params is not None:
            items, following = self._request_page(f"{self._path}/list", params, body)
            yield from items
            params = following if items else None  # what is no server of ours may name a next page for ever

    @overload
    def get(self, named: Named, *, expand: Literal[False] = ...) -> Item: ...

    @overload
    def get(self, named: Named, *, expand: Literal[True]) -> Expanded: ...

    def get(self, named: Named, *, expand: bool = False) -> Any:
        """The object with that key or name. Raises `NotFound`."""
        return self._request(
            "GET", f"{self._path}/{self.key(named)}", params={"expand": self._references if expand else None}
        )

    def create(self, body: Body) -> Item:
        """Adds an object and gives it as it is stored. Raises `Invalid` and `Conflict`."""
        created: Item = self._request("POST", f"{self._path}/create", body)
        return created

    def replace(self, named: Named, body: Body, *, if_match: str | None = None) -> Item:
        """Puts a whole object in place of the old one. Raises `PreconditionFailed` where `if_match` is out of date."""
        replaced: Item = self._request("PUT", f"{self._path}/{self.key(named)}", body, headers=_precondition(if_match))
        return replaced

    def update(self, named: Named, body: Body, *, if_match: str | None = None) -> Item:
        """Changes the fields that `body` names. Raises `PreconditionFailed` where `if_match` is out of date."""
        updated: Item = self._request("PATCH", f"{self._path}/{self.key(named)}", body, headers=_precondition(if_match))
        return updated

    def delete(self, named: Named, *, if_match: str | None = None) -> None:
        """Deletes an object (an image can be reinstated). Raises `Conflict` while others refer to it."""
        self._request("DELETE", f"{self._path}/{self.key(named)}", headers=_precondition(if_match))


def credentials_params(credentials: bool) -> Params:
    """The parameters of an answer that has images: the server leaves their credentials out where nobody wants them."""
    return {"credentials": None if credentials else "false"}


def _precondition(if_match: str | None) -> dict[str, str]:
    return {} if if_match is None else {"If-Match": if_match}
