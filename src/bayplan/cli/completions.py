"""What a shell can complete a line with: commands, options, and the words that an option or an argument takes.

The scripts of `bayplan completion` call `bayplan __complete SHELL LINE` and read what it prints. Nothing is printed on the
error output, whatever happens.
"""

import contextlib
import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import typer
import typer.main

COMMAND = "__complete"
FILES = ":files"
"""What is printed where the shell completes names of files itself."""
_BUDGET_SECONDS = 0.6
_TAKE_FILES = frozenset(("FILE", "FOLDER", "[FILE|-]"))
_SPECIAL = re.compile(r"([^A-Za-z0-9_./:@%+=,~^#-]|^[~#])")
_SPECIAL_QUOTED = re.compile(r'([\\"$`])')
"""What bash reads as more than itself in a text without quotes, and in one in double quotes."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands before the cursor: whole words, the last one as far as it is typed, and the quotation mark that it is in."""

    words: Sequence[str]
    incomplete: str
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word that completes what is typed, and what it means."""

    word: str
    meaning: str = ""


def answer(app: typer.Typer, shell: str, line: str) -> int:
    """Prints the candidates for a line, in the form that the script for the shell reads; gives the exit code."""
    with contextlib.suppress(Exception):
        typed = parsed(line)
        output = "".join(f"{text}\n" for text in _in_time(app, shell, typed))
        os.write(1, output.encode(errors="replace"))
    return 0


def _in_time(app: typer.Typer, shell: str, typed: Typed) -> list[str]:
    """The lines for a shell; none where they would come too late. A thread is left behind then, and ends with the process."""
    lines: list[str] = []

    def work() -> None:
        with contextlib.suppress(Exception):
            lines.extend(_printed(shell, typed, candidates(typer.main.get_command(app), typed)))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(_BUDGET_SECONDS)
    return lines if not thread.is_alive() else []


def parsed(line: str) -> Typed:
    """The words of a line of a shell, without the name of the program; the last one may lack the end of its quotes."""
    words, word, quote, is_word = [], "", "", False
    letters = iter(line)
    for letter in letters:
        if letter == "\\" and quote != "'":
            word, is_word = word + next(letters, ""), True
        elif quote:
            quote = "" if letter == quote else quote
            word += letter if quote else ""
        elif letter in "'\"":
            quote, is_word = letter, True
        elif letter.isspace():
            words += [word] if is_word else []
            word, is_word = "", False
        else:
            word, is_word = word + letter, True
    return Typed(words[1:], word, quote)


def candidates(root: Any, typed: Typed) -> list[Candidate]:
    """What completes the word: commands of the group `root`, options, or what the option or argument takes there."""
    command = root
    path: list[str] = []
    words = list(typed.words)
    while words and hasattr(command, "commands"):
        word = words.pop(0)
        if word.startswith("-"):
            continue
        if word not in command.commands:
            return []
        command = command.commands[word]
        path.append(word)
    if hasattr(command, "commands"):
        verbs = [Candidate(name, inner.get_short_help_str(60)) for name, inner in command.commands.items()]
        return [one for one in [*verbs, *_options(command, ())] if one.word.startswith(typed.incomplete)]
    return list(_of_command(command, " ".join(path), words, typed.incomplete))


def _of_command(command: Any, path: str, words: Sequence[str], incomplete: str) -> Iterator[Candidate]:
    """What completes a word of a command: the value of an option, an option, or an argument."""
    by_name = {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
    values: dict[str, str] = {}
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    number, waiting, are_options = 0, None, True
    for word in words:
        if waiting is not None:
            values[waiting.name], waiting = word, None
        elif are_options and word == "--":
            are_options = False
        elif are_options and word.startswith("-") and word != "-":
            name, _, value = word.partition("=")
            option = by_name.get(name)
            if option is not None and not getattr(option, "is_flag", False):
                values[option.name], waiting = value, None if "=" in word else option
        else:
            number += 1
    if waiting is not None:
        yield from _values(waiting, path, values, incomplete)
    elif are_options and incomplete.startswith("--") and "=" in incomplete:
        name, _, part = incomplete.partition("=")
        if name in by_name:
            for candidate in _values(by_name[name], path, values, part):
                yield candidate if candidate.word == FILES else Candidate(f"{name}={candidate.word}")
    elif are_options and incomplete.startswith("-"):
        yield from (one for one in _options(command, words) if one.word.startswith(incomplete))
    elif arguments and (number < len(arguments) or arguments[-1].nargs == -1):
        yield from _values(arguments[min(number, len(arguments) - 1)], path, values, incomplete)


def _options(command: Any, words: Sequence[str]) -> Iterator[Candidate]:
    """The long names of the options that are not there yet."""
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    for option in options:
        names = [name for name in (*option.opts, *option.secondary_opts) if name.startswith("--")]
        if option.multiple or not {*option.opts, *option.secondary_opts}.intersection(words):
            yield from (Candidate(name, (option.help or "").partition(";")[0].rstrip(".")) for name in names)
    if "--help" not in words:
        yield Candidate("--help", "Show this message and exit")


def _values(parameter: Any, path: str, values: dict[str, str], incomplete: str) -> Iterator[Candidate]:
    """What a parameter takes: fixed words, names of the server, or files."""
    if parameter.metavar in _TAKE_FILES:
        yield Candidate(FILES)
        return
    from bayplan.cli.completion_values import values_of

    choices = list(values_of(parameter, path, values, incomplete)) or [
        str(getattr(choice, "value", choice)) for choice in parameter.type_descriptor.choices or ()
    ]
    folded = incomplete.casefold()
    yield from (Candidate(choice) for choice in dict.fromkeys(choices) if choice.casefold().startswith(folded))


def _printed(shell: str, typed: Typed, completed: Sequence[Candidate]) -> Iterator[str]:
    if any(candidate.word == FILES for candidate in completed):
        yield FILES
        return
    # bash replaces only what stands behind the last ":" or "=" of a word that is in no quotes
    start = 0 if typed.quote else max(typed.incomplete.rfind(":"), typed.incomplete.rfind("=")) + 1
    for candidate in completed:
        word, meaning = candidate.word, candidate.meaning
        if not word.isprintable():
            continue
        if shell == "bash":
            yield from _in_bash(word[start:], typed.quote)
        elif shell == "zsh":
            escaped = word.replace("\\", "\\\\").replace(":", "\\:")
            yield f"{escaped}:{meaning}" if meaning else escaped
        else:
            yield f"{word}\t{meaning}" if meaning else word


def _in_bash(word: str, quote: str) -> Iterator[str]:
    """The word as bash takes it for that very text behind a quotation mark, or behind none: a server may have any names."""
    if quote == "'":
        yield word.replace("'", r"'\''")
    elif not quote:
        yield _SPECIAL.sub(r"\\\1", word)
    elif "!" not in word:  # which bash takes for its history there, with or without a backslash that stays
        yield _SPECIAL_QUOTED.sub(r"\\\1", word)


def main(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Answers `bayplan __complete SHELL LINE`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    return answer(app, *arguments) if len(arguments) == 2 else 0
