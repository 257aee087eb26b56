"""Prints what went wrong: a sentence for people, and JSON for programs that asked for their answer in JSON."""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise, takewhile
from typing import Any

from typer.exceptions import TyperException

from bayplan.errors import BayplanError

COMMANDS_FOR_CALLS: Sequence[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = (
    (re.compile(r"\bregistry_username and registry_password\b"), "--registry-username"),
    (re.compile(r"POST /v1/nodes/workers/list\b"), "`bayplan nodes workers`"),
    (re.compile(r"GET /v1/credentials\b"), "`bayplan credentials list`"),
    (re.compile(r"DELETE /v1/docker/(\d+)/reinstate\b"), r"`bayplan images reinstate \1`"),
    (re.compile(r"\(/v1/nodes/join-tokens\)"), "(`bayplan nodes join-token`)"),
    (re.compile(r"send POST /v1/docker/(\d+)/inspection\b"), r"run `bayplan images inspect \1 --store`"),
    (re.compile(r"send POST /v1/docker/(\d+)/scan\b"), r"run `bayplan images scan \1`"),
    (re.compile(r"send 'check' false"), "add --no-check"),
    (re.compile(r"at /v1/auth/obtain\b"), "with `bayplan login`"),
    (re.compile(r"at /v1/tokens/create\b"), "with `bayplan token create`"),
    (re.compile(r"POST /v1/tokens/list\b"), "`bayplan token list`"),
    (
        re.compile(r"'expires_in' can be at most [\d,]+ seconds, which is (\d+) days"),
        r"--expires-in can be at most \1d",
    ),
    (
        re.compile(r"The field 'expires_in' can be at most (\d+)"),
        lambda match: f"--expires-in can be at most {int(match[1]) // 86_400}d",
    ),
    (re.compile(r"The field 'password'"), "The password"),
    (re.compile(r"The field 'scopes\.\d+'"), "--scope"),
    (re.compile(r"/v1/nodes/list\b"), "`bayplan nodes list`"),
    (re.compile(r"/v1/(cuda|hardware|frameworks|domains|licences)/list\b"), r"`bayplan list \1`"),
)
"""The command or option for each call, or field of a body, that the server's sentences name."""


def print_error(error: BayplanError, exit_code: int, *, about: str | None = None) -> None:
    """Prints an error on the error output, with the options and commands of this program for the calls of the API.

    `about` names the object of several that it is about; it comes first where the sentence does not have it.
    """
    detail = error.detail if about is None or about in error.detail else f"{about}: {error.detail}"
    if wants_json(sys.argv[1:]):
        problems = [
            {"field": problem.field, "code": problem.code, "detail": in_commands(problem.detail)}
            for problem in error.problems
        ]
        return _print_json(error.code, in_commands(detail), exit_code, problems)
    red, normal = ("\x1b[31m", "\x1b[0m") if _has_colours() else ("", "")
    lines = [f"{red}{detail}{normal}"]
    lines += [
        f"  {problem.field}: {problem.detail}" for problem in error.problems if problem.detail not in error.detail
    ]
    return _print(in_commands("\n".join(lines)))


def print_usage_error(error: TyperException) -> None:
    """Prints what was typed wrongly, with the usage of the command."""
    detail = usage_sentence(error, sys.argv[1:])
    if wants_json(sys.argv[1:]):
        return _print_json("usage", detail, error.exit_code, [])
    context = getattr(error, "ctx", None)
    if (
        type(error).__name__ == "NoArgsIsHelpError"
    ):  # of typer, which has no public name for it: its sentence is the help
        return _print(error.format_message())
    usage = f"{context.get_usage()}\nTry '{context.command_path} -h' for help.\n\n" if context is not None else ""
    return _print(f"{usage}Error: {detail}")


def usage_sentence(error: TyperException, typed: Sequence[str]) -> str:
    """The sentence for what was typed wrongly after `bayplan`, in words of this program, and what to type."""
    from bayplan.cli import familiar

    detail = error.format_message()
    context: Any = getattr(error, "ctx", None)
    if option := getattr(error, "option_name", None):
        sentence = familiar.sentence_of_value(option, detail)
        return sentence or f"No such option: {option}. {familiar.option_for(option, context, typed)}".rstrip()
    if unknown := re.match("No such command '(.*?)'", detail):
        words = [word for word in takewhile(lambda word: not word.startswith("-"), typed) if word != "help"]
        meant = familiar.commands_for(words, context.find_root().command.commands)
        near = [f"`bayplan {command}`" for command in meant]
        return f"{unknown.group()}. Did you mean {' or '.join(near)}?" if near else f"{unknown.group()}."
    if extra := re.match(r"Got unexpected extra argument\(s\) \((.*)\)", detail):
        return familiar.sentence_of_arguments(extra.group(1), context)
    return detail


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for JSON: also where it was not understood, so that no parser can tell."""
    before = [*arguments[: arguments.index("--")]] if "--" in arguments else arguments
    if "--json" in before:
        return True
    texts = [after for option, after in pairwise(before) if option in ("-o", "--output")]
    texts += [text.removeprefix("--output=") for text in before if text.startswith("--output=")]
    texts += [text.removeprefix("-o") for text in before if re.fullmatch(r"-o=?\w+", text)]
    return any(text.removeprefix("=").lower() == "json" for text in texts)


def _print_json(code: str, detail: str, exit_code: int, problems: Sequence[dict[str, str]]) -> None:
    import json

    body = {"code": code, "detail": detail, "errors": problems, "exit_code": exit_code}
    _print(json.dumps(body, indent=2, ensure_ascii=False))


def _print(text: str) -> None:
    with contextlib.suppress(OSError):  # `main` tells it
        sys.stdout.flush()  # so that what was printed stands above the error where both go to one place
    sys.stderr.write(f"{text}\n")


def in_commands(text: str) -> str:
    """The text with this program's commands and options for the calls of the API."""
    for call, command in COMMANDS_FOR_CALLS:
        text = call.sub(command, text)
    return _FIELD.sub(_typed_option, text)


_FIELD = re.compile(r"The field '(?:worker\.|facts\.|changes\.\d+\.(set)\.)?(\w+)'")


def _typed_option(match: re.Match[str]) -> str:
    """The option that was typed for a field of a body; the field as it is where none was."""
    from bayplan.cli.images._fact_options import option_of as option_of_image
    from bayplan.cli.node_facts import option_of

    name = match[2]
    typed = {argument.partition("=")[0] for argument in sys.argv[1:]}
    options: tuple[str, ...] = (f"--{name.replace('_', '-')}", option_of(name), option_of_image(name))
    if match[1]:  # a change: of the options, or of the file, which the field leads into
        options = () if typed & {"-f", "--file"} else (option_of(name), "--set")
    return next((option for option in options if option in typed), match[0])


def _has_colours() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "").lower() != "dumb"
