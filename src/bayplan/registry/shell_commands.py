"""The simple commands that a build's shell text runs, worked out without running anything. Pure.

Conditions on variables (`if [ "$CUDA_VERSION" = "12.8.1" ]`, `case "$TARGETPLATFORM" in`, `test -n "$X" && ...`) are
evaluated; a command whose condition cannot be worked out is left out, and what it would set is unknown. Commands are
taken to succeed, as a build ends where one does not.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bayplan.registry.shell_substitution import UNKNOWN
from bayplan.registry.shell_words import Token, text_of, tokens, words

MOST_COMMANDS = 2000
LONGEST_TEXT = 64 * 1024
_DEEPEST = 3  # of shells within shells
_MOST_BLOCKS = 40  # of conditions within conditions
_LONGEST_TEST = 60  # words
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(?!=)", re.ASCII)
_PREFIXES = frozenset({"sudo", "env", "time", "exec", "nice", "command", "builtin"})
_DECLARING = frozenset({"export", "declare", "local", "readonly", "typeset"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ash"})
_UNDECIDED = frozenset({"which", "grep", "egrep", "type", "hash", "command", "ls", "false", "diff", "cmp", "ping"})
"""Commands whose outcome is a question to the system."""

Outcome = bool | None
"""Whether a condition holds; None where that cannot be worked out."""


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: its words, what it sets for itself alone, and the files that its output goes to."""

    words: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The program without its folder."""
        return self.words[0].rpartition("/")[2] if self.words else ""


def commands(text: str, variables: Mapping[str, str], depth: int = 0) -> list[Command]:
    """The commands of a shell text, in its order, with its variables expanded."""
    if len(text) > LONGEST_TEXT or depth > _DEEPEST:
        return []
    return list(_Walk(tokens(text), dict(variables), depth).run())


@dataclass(slots=True)
class _Block:
    """An `if`, a `case`, a loop or a group that is open: whether its part runs, and whether an earlier part did."""

    kind: str
    runs: Outcome
    is_taken: Outcome = False
    subject: str = ""


def _and(left: Outcome, right: Outcome) -> Outcome:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _or(left: Outcome, right: Outcome) -> Outcome:
    if left or right:
        return True
    return None if left is None or right is None else False


def _not(outcome: Outcome) -> Outcome:
    return None if outcome is None else not outcome


class _Walk:
    def __init__(self, listed: list[Token], variables: dict[str, str], depth: int) -> None:
        self._tokens = listed
        self._variables = variables
        self._depth = depth
        self._blocks: list[_Block] = []
        self._at = 0
        self._status: Outcome = True
        self._link = ";"
        self._condition = False  # between `if` or `while` and its `then` or `do`
        self._total = 0

    def run(self) -> Iterator[Command]:
        while self._at < len(self._tokens) and self._total < MOST_COMMANDS and len(self._blocks) <= _MOST_BLOCKS:
            kind, raw = self._tokens[self._at]
            self._at += 1
            if kind == "operator":
                self._operator(raw)
            elif not self._keyword(raw):
                yield from self._simple(raw)

    @property
    def _reachable(self) -> Outcome:
        """Whether a command that stands here runs."""
        outcome: Outcome = True
        for block in self._blocks:
            outcome = _and(outcome, block.runs)
        if self._link == "&&":
            outcome = _and(outcome, self._status)
        elif self._link == "||":
            outcome = _and(outcome, _not(self._status))
        return outcome

    def _operator(self, raw: str) -> None:
        if raw == ";;":
            self._link, self._status = ";", True
            if self._blocks and self._blocks[-1].kind == "case":
                self._blocks[-1].runs = False
                self._pattern()
        elif raw == "(":
            self._blocks.append(_Block("(", self._reachable))
            self._link = ";"
        elif raw == ")":
            if self._blocks and self._blocks[-1].kind == "(":
                self._blocks.pop()
        elif raw in ("<", ">", ">>"):
            self._at += 1
        elif raw != "|":  # the commands of a pipeline run where its first one does
            self._link = ";" if raw in ("\n", "&", ";") else raw

    def _keyword(self, raw: str) -> bool:
        """Takes a reserved word; False where the word begins a command."""
        match raw:
            case "if" | "while" | "until":
                self._blocks.append(_Block(raw, self._reachable))
                self._condition = True
            case "then":
                self._begin_part(self._status if self._condition else None)
            case "elif" | "else":
                self._next_part(raw)
            case "do":
                if self._blocks and self._blocks[-1].kind in ("while", "until"):
                    self._blocks[-1].runs = _and(self._blocks[-1].runs, None)
                self._condition = False
            case "fi" | "done" | "esac" | "}":
                if self._blocks:
                    self._blocks.pop()
                self._condition, self._status = False, True
            case "for" | "select":
                self._for()
            case "case":
                self._case()
            case "{":
                self._blocks.append(_Block("{", self._reachable))
            case "!":
                self._link, self._status = "&&", _and(self._reachable, None)
                return True
            case _:
                return False
        self._link = ";"
        return True

    def _begin_part(self, outcome: Outcome) -> None:
        self._condition = False
        if self._blocks:
            block = self._blocks[-1]
            block.runs = _and(outcome, _not(block.is_taken))
            block.is_taken = _or(block.is_taken, outcome)
        self._status = True

    def _next_part(self, raw: str) -> None:
        if self._blocks:
            self._blocks[-1].runs = _not(self._blocks[-1].is_taken)
        self._condition, self._status = raw == "elif", True

    def _for(self) -> None:
        name = self._tokens[self._at][1] if self._at < len(self._tokens) else ""
        self._variables[name] = UNKNOWN
        while self._at < len(self._tokens) and self._tokens[self._at] not in (("operator", ";"), ("operator", "\n")):
            self._at += 1
        self._blocks.append(_Block("for", self._reachable))

    def _case(self) -> None:
        subject = text_of(self._tokens[self._at][1], self._variables) if self._at < len(self._tokens) else UNKNOWN
        self._blocks.append(_Block("case", False, is_taken=_not(self._reachable), subject=subject))
        while self._at < len(self._tokens) and self._tokens[self._at] != ("word", "in"):
            self._at += 1
        self._at += 1
        self._pattern()

    def _pattern(self) -> None:
        """Reads the patterns of one part of a `case`, up to the bracket."""
        block, outcome = self._blocks[-1], False
        start = self._at
        while start < len(self._tokens) and self._tokens[start] in (("operator", "\n"), ("operator", "(")):
            start += 1
        self._at = start
        if start >= len(self._tokens) or self._tokens[start] == ("word", "esac"):
            return
        matches: Outcome = outcome
        while self._at < len(self._tokens) and self._tokens[self._at] != ("operator", ")"):
            kind, raw = self._tokens[self._at]
            if kind == "word":
                matches = _or(matches, _matches(block.subject, text_of(raw, self._variables)))
            self._at += 1
        self._at += 1
        block.runs = _and(matches, _not(block.is_taken))
        block.is_taken = _or(block.is_taken, matches)
        self._status = True

    def _simple(self, first: str) -> Iterator[Command]:
        """The command that begins with this word."""
        reachable = self._reachable
        expanded, settings, outputs = self._read(first)
        self._total += 1
        if not expanded:
            self._set(settings, reachable)
            self._conclude(True)
            return
        while expanded and expanded[0] in _PREFIXES and len(expanded) > 1:
            expanded = expanded[1:]
            while expanded and (named := _ASSIGNMENT.match(expanded[0])):
                settings[named[1]] = expanded[0][named.end() :]
                expanded = expanded[1:]
        if not expanded:
            return
        command = Command(tuple(expanded), settings, tuple(outputs))
        if command.name in _DECLARING:
            pairs = [(word, _ASSIGNMENT.match(word)) for word in expanded[1:]]
            self._set({named[1]: word[named.end() :] for word, named in pairs if named}, reachable)
        outcome = _outcome(expanded)
        self._conclude(outcome)
        if command.name in _SHELLS and (inner := _inner_text(expanded)) is not None:
            if reachable:
                yield from commands(inner, self._variables | settings, self._depth + 1)
        elif reachable:
            yield command

    def _read(self, first: str) -> tuple[list[str], dict[str, str], list[str]]:
        """The expanded words of a command, what it sets before its name, and where its output goes."""
        expanded: list[str] = []
        settings: dict[str, str] = {}
        outputs: list[str] = []
        raw: str | None = first
        while raw is not None:
            named = _ASSIGNMENT.match(raw)
            if not expanded and named:
                settings[named[1]] = text_of(raw[named.end() :], self._variables)
            else:
                expanded += words(raw, self._variables)
            raw = None
            while self._at < len(self._tokens):
                kind, text = self._tokens[self._at]
                if kind == "word":
                    raw = text
                    self._at += 1
                    break
                if text not in ("<", ">", ">>"):
                    break
                self._at += 1
                if self._at < len(self._tokens) and self._tokens[self._at] == ("operator", "&"):
                    self._at += 1  # 2>&1
                elif text != "<" and self._at < len(self._tokens):
                    outputs += words(self._tokens[self._at][1], self._variables)
                self._at += 1
        return expanded, settings, outputs

    def _set(self, settings: Mapping[str, str], reachable: Outcome) -> None:
        for name, value in settings.items():
            if reachable is not False:
                self._variables[name] = value if reachable else UNKNOWN

    def _conclude(self, outcome: Outcome) -> None:
        """Keeps the outcome of a list for the next `&&`, `||` or `then`."""
        if self._link == "&&":
            self._status = _and(self._status, outcome)
        elif self._link == "||":
            self._status = _or(self._status, outcome)
        else:
            self._status = outcome


def _inner_text(expanded: list[str]) -> str | None:
    """The text in `bash -lc '...'`."""
    for number, word in enumerate(expanded[1:], 1):
        if re.fullmatch(r"-[a-z]*c", word):
            return expanded[number + 1] if number + 1 < len(expanded) else None
        if not word.startswith("-"):
            return None
    return None


def _matches(subject: str, pattern: str) -> Outcome:
    if pattern == "*":
        return True
    if UNKNOWN in subject or UNKNOWN in pattern or len(pattern) > 64 or len(subject) > 256:
        return None
    return fnmatchcase(subject, pattern)


def _outcome(expanded: list[str]) -> Outcome:
    """The outcome of a command: of a test on texts as it is, else success."""
    name, arguments = expanded[0], expanded[1:]
    if name == "true":
        return True
    if name in ("[", "[[") and arguments[-1:] in (["]"], ["]]"]):
        return _test(arguments[:-1])
    if name == "test":
        return _test(arguments)
    return None if name in _UNDECIDED else True


def _test(arguments: list[str]) -> Outcome:
    if len(arguments) > _LONGEST_TEST:
        return None
    for operator, combine in (("-o", _or), ("||", _or), ("-a", _and), ("&&", _and)):
        if operator in arguments[1:-1]:
            at = arguments.index(operator, 1)
            return combine(_test(arguments[:at]), _test(arguments[at + 1 :]))
    match arguments:
        case ["!", *rest]:
            return _not(_test(rest))
        case ["-n", text]:
            return True if text.replace(UNKNOWN, "") else None if text else False
        case ["-z", text]:
            return False if text.replace(UNKNOWN, "") else None if text else True
        case ["-n"]:
            return True
        case [left, ("=" | "==" | "!=") as operator, right]:
            outcome = _matches(left, right)
            return _not(outcome) if operator == "!=" else outcome
        case [left, ("-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge") as operator, right]:
            return _compared(left, operator, right)
    return None


def _compared(left: str, operator: str, right: str) -> Outcome:
    if not (left.isascii() and right.isascii() and left.isdigit() and right.isdigit()) or len(left + right) > 20:
        return None
    first, second = int(left), int(right)
    outcomes = {"-eq": first == second, "-ne": first != second, "-lt": first < second, "-le": first <= second}
    return outcomes.get(operator, first > second if operator == "-gt" else first >= second)
