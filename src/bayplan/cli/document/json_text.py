"""Reads JSON into nodes with their lines.

The standard library's reader forgets the lines, and takes the last of two equal keys.
"""

import bisect
import json
import re

from bayplan.cli.document.node import MAX_DEPTH, DocumentNode, Unreadable, scalar

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_DECODER = json.JSONDecoder()
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS = re.compile(r"true|false|null")


class _Reader:
    """A text, and the position up to which it has been read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def document(self) -> DocumentNode:
        root = self._value(1)
        self._skip()
        if self._position < len(self._text):
            raise self._unreadable("The value ends before this; nothing may follow it.")
        return root

    def _value(self, depth: int) -> DocumentNode:
        self._skip()
        if depth > MAX_DEPTH:
            raise self._unreadable(f"This is nested more than {MAX_DEPTH} levels deep.")
        line, column = self._place(self._position)
        match self._text[self._position : self._position + 1]:
            case "{":
                return DocumentNode(self._mapping(depth), line, column)
            case "[":
                return DocumentNode(self._list(depth), line, column)
            case '"':
                return DocumentNode(self._string(), line, column)
        word = _NUMBER.match(self._text, self._position) or _WORDS.match(self._text, self._position)
        if word is None:
            raise self._unreadable("A value is missing here (a text stands in double quotes).")
        self._position = word.end()
        return DocumentNode(scalar(word.group()), line, column, word.group())

    def _mapping(self, depth: int) -> dict[str, DocumentNode]:
        members: dict[str, DocumentNode] = {}
        self._position += 1
        while not self._closes("}", first=not members):
            self._skip()
            line, column = self._place(self._position)
            if not self._text.startswith('"', self._position):
                raise self._unreadable("A key in double quotes is missing here.")
            key = self._string()
            if key in members:
                raise Unreadable(line, column, f"{key!r} was given already on line {members[key].line}.")
            self._skip()
            if not self._text.startswith(":", self._position):
                raise self._unreadable("A colon is missing here.")
            self._position += 1
            node = self._value(depth + 1)
            members[key] = DocumentNode(node.value, line, column, node.source)
        return members

    def _list(self, depth: int) -> list[DocumentNode]:
        members: list[DocumentNode] = []
        self._position += 1
        while not self._closes("]", first=not members):
            members.append(self._value(depth + 1))
        return members

    def _closes(self, bracket: str, *, first: bool) -> bool:
        """Whether the list or mapping ends here; goes past the bracket, or past the comma before the next member."""
        self._skip()
        if self._text.startswith(bracket, self._position):
            self._position += 1
            return True
        if not first:
            if not self._text.startswith(",", self._position):
                raise self._unreadable(f"A comma or {bracket} is missing here.")
            self._position += 1
        return False

    def _string(self) -> str:
        begin = self._position
        text: str
        try:
            text, self._position = _DECODER.raw_decode(self._text, begin)
        except json.JSONDecodeError as error:
            raise Unreadable(*self._place(error.pos), f"This is not JSON: {error.msg}.") from None
        if _SURROGATE.search(text):
            raise Unreadable(*self._place(begin), "This text holds half of a character (a lone surrogate).")
        return text

    def _skip(self) -> None:
        space = _SPACE.match(self._text, self._position)
        assert space is not None
        self._position = space.end()

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def _unreadable(self, detail: str) -> Unreadable:
        return Unreadable(*self._place(self._position), f"This is not JSON: {detail}")


def read_json(text: str) -> DocumentNode:
    """The document in the text. Raises `Unreadable` with the place of the first mistake."""
    return _Reader(text).document()
