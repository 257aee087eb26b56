"""From a method and a path to its endpoint: by a lookup in a dictionary, not by one pattern after another."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from bayplan.server.http.parsing import pk_from

T = TypeVar("T")
_PK = "{pk}"
PathParameters = dict[str, Any]


class Router(Generic[T]):
    """The routes by path: exactly, with `{pk}` for a step of digits, or with a parameter for the last step or the last two."""

    def __init__(self, entries: Iterable[tuple[str, str, T]]) -> None:
        """Takes the method, the path and the endpoint of each route. `HEAD` has the endpoint of `GET`."""
        self._exact: dict[str, dict[str, T]] = {}
        self._by_start: dict[str, tuple[str, dict[str, T]]] = {}
        self._by_start_of_two: dict[str, tuple[str, str, dict[str, T]]] = {}
        self._most_steps = 0
        for method, path, answerer in entries:
            start, _, last = path.rpartition("/")
            before, _, second = start.rpartition("/")
            is_two = second.startswith("{") and second != _PK
            fixed = before if is_two else start
            assert "{" not in fixed.replace(_PK, ""), f"{path}: only the last steps may be parameters other than pk"
            self._most_steps = max(self._most_steps, path.count("/") + 1)
            if is_two:
                names = second.strip("{}"), last.strip("{}")
                methods = self._by_start_of_two.setdefault(before, (*names, {}))[2]
            elif last.startswith("{") and last != _PK:
                methods = self._by_start.setdefault(start, (last.strip("{}"), {}))[1]
            else:
                methods = self._exact.setdefault(path, {})
            methods[method] = answerer
            if method == "GET":
                methods["HEAD"] = answerer

    def find(self, method: str, path: str) -> tuple[T, PathParameters] | None:
        """Gives the endpoint of a request, and the parameters in its path; None where there is none."""
        for methods, parameters in self._fitting(path):
            answerer = methods.get(method)
            if answerer is not None:
                return answerer, parameters
        return None

    def methods(self, path: str) -> list[str]:
        """Gives the methods of a path, none for an unknown path."""
        return sorted({method for methods, _ in self._fitting(path) for method in methods})

    def _fitting(self, path: str) -> Iterator[tuple[Mapping[str, T], PathParameters]]:
        methods = self._exact.get(path)
        if methods is not None and _PK not in path:
            yield methods, {}
        steps = path.split("/")
        if len(steps) > self._most_steps:
            return
        for place, step in enumerate(steps):
            if step.isascii() and step.isdigit():
                methods = self._exact.get("/".join([*steps[:place], _PK, *steps[place + 1 :]]))
                if methods is not None:
                    yield methods, {"pk": pk_from(step)}
        entry = self._by_start.get("/".join(steps[:-1]))
        if entry is not None and steps[-1]:
            yield entry[1], {entry[0]: steps[-1]}
        two = self._by_start_of_two.get("/".join(steps[:-2]))
        if two is not None and steps[-2] and steps[-1]:
            yield two[2], {two[0]: steps[-2], two[1]: steps[-1]}
