"""The words of a shell command: its tokens, and the expansion of its variables. Pure; nothing is executed.

What cannot be worked out (an unset variable, a command substitution that is none of the usual ones) becomes `UNKNOWN`,
which no version and no name has in it.
Source: POSIX.1-2017, Shell Command Language, 2.2 (quoting), 2.3 (tokens), 2.6 (expansions).
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from bayplan.registry.shell_substitution import UNKNOWN, substitution

LONGEST_VALUE = 4096
"""Characters of a word; a longer one is unknown, so that variables within variables cannot grow without end."""
MOST_TOKENS = 20_000

_SPECIAL = re.compile(r"&&|\|\||;;|<<-?|>>|[|;&\n()<>]")
_PLAIN = re.compile(r"[^\s|;&()<>\"'\\$`#]+|#")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_HERE_DOCUMENT = re.compile(r"\s*(['\"]?)([A-Za-z_][A-Za-z0-9_]*)\1", re.ASCII)

Token = tuple[str, str]
"""("word", raw text with its quotes) or ("operator", text)."""


def tokens(text: str) -> list[Token]:
    """The tokens of a command; here-documents are left out."""
    result: list[Token] = []
    at, end, word_from = 0, len(text), -1

    def close(until: int) -> None:
        if word_from >= 0:
            result.append(("word", text[word_from:until]))

    while at < end and len(result) < MOST_TOKENS:
        character = text[at]
        if character in " \t\r" or (character == "\\" and text[at + 1 : at + 2] == "\n"):
            close(at)
            word_from, at = -1, at + (2 if character == "\\" else 1)
            continue
        if character == "#" and word_from < 0:  # a comment
            at = _find(text, "\n", at)
            continue
        if operator := _SPECIAL.match(text, at):
            if operator[0] in "<>" and word_from >= 0 and text[word_from:at].isdigit():
                word_from = -1  # the number of a file, as in 2>
            close(at)
            word_from, at = -1, operator.end()
            if operator[0].startswith("<<"):
                at = _skip_here_document(text, at)
                continue
            result.append(("operator", operator[0]))
            continue
        if word_from < 0:
            word_from = at
        at = _end_of_part(text, at)
    close(at)
    return result


def _find(text: str, part: str, at: int) -> int:
    position = text.find(part, at)
    return len(text) if position < 0 else position


def _skip_here_document(text: str, at: int) -> int:
    """The position behind a here-document; the rest is left where the builder shortened the history to one line."""
    named = _HERE_DOCUMENT.match(text, at)
    if named is None:
        return at
    line = _find(text, "\n", named.end())
    if line == len(text):
        return line if text[named.end() :].lstrip().startswith("(") else named.end()
    last = re.compile(rf"\n[ \t]*{named[2]}[ \t]*(?=\n|$)").search(text, line)
    return len(text) if last is None else last.end()


def _end_of_part(text: str, at: int) -> int:
    """The end of a quoted part, an expansion, or a plain run of characters that begins at `at`."""
    character = text[at]
    if character == "\\":
        return at + 2
    if character == "'":
        return _find(text, "'", at + 1) + 1
    if character == "`":
        return _find(text, "`", at + 1) + 1
    if character == '"':
        at += 1
        while at < len(text) and text[at] != '"':
            at = _end_of_part(text, at) if text[at] in "\\$`" else at + 1
        return at + 1
    if character == "$":
        opening = text[at + 1 : at + 2]
        if opening in ("(", "{"):
            return _end_of_bracket(text, at + 2, ")" if opening == "(" else "}")
        return at + 1
    plain = _PLAIN.match(text, at)
    return at + 1 if plain is None else plain.end()


def _end_of_bracket(text: str, at: int, closing: str) -> int:
    """The position behind the bracket that closes; without recursion, as the depth is the sender's choice."""
    expected = [closing]
    while at < len(text) and expected:
        character = text[at]
        if character == "\\":
            at += 2
            continue
        if character == expected[-1]:
            expected.pop()
        elif character == "'" and '"' not in expected:
            at = _find(text, "'", at + 1)
        elif character == '"':
            expected.append('"')
        elif text.startswith(("$(", "${"), at):
            expected.append(")" if text[at + 1] == "(" else "}")
            at += 1
        at += 1
    return at


def words(raw: str, variables: Mapping[str, str], depth: int = 0) -> list[str]:
    """The words that a raw word becomes: its variables are expanded, its quotes are gone."""
    fields: list[str] = []
    current: str | None = None
    for text, is_quoted in _parts(raw, variables, depth):
        if is_quoted or not re.search(r"\s", text):
            current = (current or "") + text if text or is_quoted or current is not None else current
            continue
        pieces = text.split()
        if text[0].isspace() and current is not None:
            fields.append(current)
            current = None
        for number, piece in enumerate(pieces):
            current = (current or "") + piece
            if number < len(pieces) - 1 or text[-1].isspace():
                fields.append(current)
                current = None
    if current is not None:
        fields.append(current)
    return [field if len(field) <= LONGEST_VALUE else UNKNOWN for field in fields]


def text_of(raw: str, variables: Mapping[str, str], depth: int = 0) -> str:
    """The text of a raw word, not split into words, as in an assignment."""
    text = "".join(text for text, _ in _parts(raw, variables, depth))
    return text if len(text) <= LONGEST_VALUE else UNKNOWN


def _parts(raw: str, variables: Mapping[str, str], depth: int) -> list[tuple[str, bool]]:
    """The parts of a raw word, each with whether it is quoted or literal, and so never split."""
    parts: list[tuple[str, bool]] = []
    at = 0
    while at < len(raw):
        end = _end_of_part(raw, at)
        character = raw[at]
        if character == "\\":
            parts.append((raw[at + 1 : end], True))
        elif character == "'":
            parts.append((raw[at + 1 : end - 1], True))
        elif character == '"':
            parts.append((_in_double_quotes(raw[at + 1 : end - 1], variables, depth), True))
        elif character == "`":
            parts.append((UNKNOWN, True))
        elif character == "$":
            value, end = _dollar(raw, at, end, variables, depth)
            parts.append((value, False))
        else:
            parts.append((raw[at:end], True))
        at = end
    return parts


def _in_double_quotes(text: str, variables: Mapping[str, str], depth: int) -> str:
    result, at = [], 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            result.append(text[at + 1 : at + 2] if text[at + 1 : at + 2] in '"\\$`' else text[at : at + 2])
            at += 2
        elif character == "`":
            result.append(UNKNOWN)
            at = _end_of_part(text, at)
        elif character == "$":
            value, at = _dollar(text, at, _end_of_part(text, at), variables, depth)
            result.append(value)
        else:
            end = min(_find(text, mark, at) for mark in '\\$`"')
            end = max(end, at + 1)
            result.append(text[at:end])
            at = end
    return "".join(result)


def _dollar(text: str, at: int, end: int, variables: Mapping[str, str], depth: int) -> tuple[str, int]:
    """The value of the expansion that begins at `at`, and where it ends."""
    opening = text[at + 1 : at + 2]
    if depth > 4:
        return UNKNOWN, max(end, at + 2)
    if opening == "{":
        return _parameter(text[at + 2 : end - 1], variables, depth), end
    if opening == "(":
        inner = text[at + 2 : end - 1]
        inside = [words(raw, variables, depth + 1) if kind == "word" else raw for kind, raw in tokens(inner)]
        return substitution(inside), end
    if name := _NAME.match(text, at + 1):
        return variables.get(name[0], UNKNOWN), name.end()
    return (UNKNOWN, at + 2) if opening and opening in "@*#?$!0123456789" else ("$", at + 1)


def _parameter(inside: str, variables: Mapping[str, str], depth: int) -> str:
    """The value of `${...}`: defaults, alternatives, what is cut off, and what is replaced."""
    named = _NAME.match(inside)
    if named is None:
        return UNKNOWN
    value, rest = variables.get(named[0]), inside[named.end() :]
    if not rest:
        return UNKNOWN if value is None else value
    operator = re.match(r":?[-=+?]|%%|%|##|#|//|/", rest)
    if operator is None:
        return UNKNOWN
    sign = operator[0].removeprefix(":")
    if sign in ("//", "/"):
        old, _, new = rest[operator.end() :].partition("/")
        return _replaced(value, text_of(old, variables, depth + 1), text_of(new, variables, depth + 1), sign == "//")
    argument = text_of(rest[operator.end() :], variables, depth + 1)
    if sign in ("-", "="):
        return value or argument
    if sign == "+":
        return argument if value else ""
    if value is None or sign == "?":
        return UNKNOWN if value is None else value
    return _cut(value, argument, sign)


def _replaced(value: str | None, old: str, new: str, everywhere: bool) -> str:
    if value is None or not old or re.search(r"[*?\[]", old):
        return UNKNOWN
    return value.replace(old, new) if everywhere else value.replace(old, new, 1)


def _cut(value: str, pattern: str, sign: str) -> str:
    """The value without the part at its end (`%`) or its beginning (`#`) that the pattern matches."""
    if len(value) > 64 or len(pattern) > 32:
        return UNKNOWN
    lengths = range(len(value) + 1)
    if sign in ("%%", "##"):
        lengths = range(len(value), -1, -1)
    for length in lengths:
        cut = value[len(value) - length :] if sign[0] == "%" else value[:length]
        if fnmatchcase(cut, pattern):
            return value[: len(value) - length] if sign[0] == "%" else value[length:]
    return value
