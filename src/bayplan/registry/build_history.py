"""The steps of a build, from the history in an image's configuration. Pure.

BuildKit writes `RUN |2 A=1 B=2 /bin/sh -c COMMAND # buildkit`, with the values of the arguments that are declared at that
point; Docker's older builder writes `/bin/sh -c COMMAND` and `/bin/sh -c #(nop)  ENV A=1`.
Source: moby/buildkit frontend/dockerfile/dockerfile2llb/convert.go (runCommandString, commitToHistory); moby/moby
builder/dockerfile/dispatchers.go.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bayplan.registry.shell_commands import Command, commands

MOST_STEPS = 1000
MOST_CHARACTERS = 512 * 1024
_LONGEST_STEP = 64 * 1024

_NOP = re.compile(r"(?:\|[0-9]+ .*? )?/bin/sh -c #\(nop\)\s+", re.DOTALL)
_INSTRUCTION = re.compile(r"(ENV|ARG|LABEL|RUN|COPY|ADD|ENTRYPOINT|CMD|SHELL|FROM)\s+", re.ASCII)
_SHELL = re.compile(
    r"(?:/\S{0,100}/)?(?:ba|da|a|z|k)?sh(?: -[A-Za-z]{1,20}| pipefail| errexit| nounset){0,8} -[a-z]{0,20}c ", re.ASCII
)
_PAIR = re.compile(r"(?:^|(?<=\s))([A-Za-z_][A-Za-z0-9_.-]*)=(?!=)", re.ASCII)
_COUNT = re.compile(r"\|([0-9]{1,3}) ", re.ASCII)
_NO_CLOSING = "# buildkit"


@dataclass(frozen=True, slots=True)
class BuildStep:
    """A step of the build: its instruction, what it sets, and the commands that it runs."""

    number: int
    instruction: str
    settings: Mapping[str, str]
    """The pairs of ENV, ARG or LABEL; the arguments of a RUN."""
    text: str
    """The command of a RUN before its expansion; what else an instruction has."""
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildHistory:
    """The steps of a build in their order, the base's first."""

    steps: tuple[BuildStep, ...] = ()
    bases: tuple[str, ...] = ()
    """References of base images that the history names."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """The last value of each argument that a command was given, else of its declaration."""

    @property
    def runs(self) -> tuple[BuildStep, ...]:
        """The steps that run commands."""
        return tuple(step for step in self.steps if step.instruction == "RUN")

    def position(self, variable: str) -> int:
        """The number of the last step that sets the variable in the environment; -1 where none does."""
        numbers = [step.number for step in self.steps if step.instruction == "ENV" and variable in step.settings]
        return numbers[-1] if numbers else -1


def read_history(entries: Iterable[tuple[str, str]], env: Mapping[str, str]) -> BuildHistory:
    """The history of (created_by, comment) pairs; `env` is the environment of the finished image.

    A variable has the value that it has at its step, else the one that it ends with.
    """
    steps: list[BuildStep] = []
    bases: list[str] = []
    at_step: dict[str, str] = {}
    declared: dict[str, str] = {}
    given: dict[str, str] = {}
    characters = 0
    for number, (text, comment) in enumerate(entries):
        characters += len(text)
        if number >= MOST_STEPS or characters > MOST_CHARACTERS:
            break
        if comment.startswith("FROM "):  # as buildah writes it
            bases.append(comment.removeprefix("FROM ").strip())
        if len(text) > _LONGEST_STEP:
            continue
        step = _step(number, text.strip(), {**env, **declared, **at_step}, declared)
        steps.append(step)
        if step.instruction == "ENV":
            at_step |= step.settings
        elif step.instruction == "ARG":
            declared |= step.settings
        elif step.instruction == "RUN":
            given |= step.settings
        elif step.instruction == "FROM":
            bases.append(step.text.split()[0] if step.text.split() else "")
    return BuildHistory(tuple(steps), tuple(bases), declared | given)


def _step(number: int, text: str, variables: Mapping[str, str], declared: Mapping[str, str]) -> BuildStep:
    text = text.removesuffix(_NO_CLOSING).rstrip()
    nop = _NOP.match(text)
    if nop is not None:
        text = text[nop.end() :]
    named = _INSTRUCTION.match(text)
    if named is None:
        if nop is not None:
            return BuildStep(number, "", {}, text)
        return _run(number, text, variables, declared) if _looks_run(text) else BuildStep(number, "", {}, text)
    instruction, rest = named[1], text[named.end() :]
    if instruction == "RUN":
        return _run(number, rest, variables, declared)
    if instruction in ("ENV", "ARG", "LABEL"):
        return BuildStep(number, instruction, _pairs(rest), rest)
    return BuildStep(number, instruction, {}, rest)


def _looks_run(text: str) -> bool:
    return _COUNT.match(text) is not None or _SHELL.match(text) is not None


def _run(number: int, text: str, variables: Mapping[str, str], declared: Mapping[str, str]) -> BuildStep:
    arguments: dict[str, str] = {}
    count = _COUNT.match(text)
    if count is not None:
        arguments, text = _arguments(text[count.end() :], int(count[1]), declared)
    elif shell := _SHELL.match(text):
        text = text[shell.end() :]
    ran = commands(text, {**variables, **arguments})
    return BuildStep(number, "RUN", arguments, text, tuple(ran))


def _arguments(text: str, count: int, declared: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The arguments of a command and the command itself; values have spaces in them and no quotes around them.

    Of more pairs than there are arguments, those that no ARG declares are part of the value before them.
    """
    shell = _SHELL.search(text)
    pairs = list(_PAIR.finditer(text, 0, shell.start() if shell else len(text)))
    surplus = max(0, len(pairs) - count)
    starts: list[re.Match[str]] = []
    for number, pair in enumerate(pairs):
        if surplus and number and pair[1] not in declared:
            surplus -= 1
        else:
            starts.append(pair)
    starts = starts[:count]
    if len(starts) < count:
        return {}, text
    end = shell.start() if shell else _find_space(text, starts[-1].end() if starts else 0)
    ends = [*(pair.start() for pair in starts[1:]), end]
    values = {pair[1]: text[pair.end() : until].strip() for pair, until in zip(starts, ends, strict=True)}
    return values, text[shell.end() if shell else end :].strip()


def _find_space(text: str, at: int) -> int:
    position = text.find(" ", at)
    return len(text) if position < 0 else position


def _pairs(text: str) -> dict[str, str]:
    """The pairs of an ENV, ARG or LABEL, as builders write them (without quotes), or as the Dockerfile has them (kaniko)."""
    starts = list(_PAIR.finditer(text))
    if not starts:
        name, _, value = text.partition(" ")
        return {name: value.strip()} if value and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else {}
    ends = [*(pair.start() for pair in starts[1:]), len(text)]
    return {pair[1]: _unquoted(text[pair.end() : end].strip()) for pair, end in zip(starts, ends, strict=True)}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
