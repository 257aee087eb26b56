"""Answers as tables in a notebook: the plain dictionaries and lists that they are, which draw themselves there as HTML."""

from typing import Any

MOST_ROWS = 200
"""The rows of a table that are drawn; the answer has them all."""


class DrawnObject(dict[str, Any]):
    """An object of the API's JSON; a notebook shows its fields below each other."""

    def _repr_html_(self) -> str:
        return _drawn(self)


class DrawnList(list[Any]):
    """A list of the API's JSON; a notebook shows a line for each object."""

    def _repr_html_(self) -> str:
        return _drawn(self) or "<p>none</p>"


def drawn(answer: Any) -> Any:
    """Gives an answer that draws itself in a notebook, and so does each object and list in it; equal to the plain one."""
    if isinstance(answer, dict):
        parts = {name: drawn(part) for name, part in answer.items() if isinstance(part, dict | list)}
        return DrawnObject(answer | parts)
    return DrawnList(map(drawn, answer)) if isinstance(answer, list) else answer


def _drawn(value: Any) -> str:
    from html import escape  # here: commands draw nothing

    if isinstance(value, dict):
        rows = (f"<tr><th>{escape(str(key))}</th><td>{_drawn(each)}</td></tr>" for key, each in value.items())
        return f"<table>{''.join(rows)}</table>"
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return _table(value)
    if isinstance(value, list):
        return ", ".join(map(_drawn, value[:MOST_ROWS])) + (", ..." if len(value) > MOST_ROWS else "")
    return "" if value is None else escape(str(value))


def _table(objects: list[dict[str, Any]]) -> str:
    from html import escape

    names = list(dict.fromkeys(name for each in objects[:MOST_ROWS] for name in each))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = "".join(
        f"<tr>{''.join(f'<td>{_drawn(each.get(name))}</td>' for name in names)}</tr>" for each in objects[:MOST_ROWS]
    )
    more = f"<p>and {len(objects) - MOST_ROWS:,} more</p>" if len(objects) > MOST_ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"
