"""What build commands install: the packages of pip, conda and apt, with their versions and indexes. Pure.

Source: pip's and uv's command lines; PEP 508 (requirements); PEP 427 (names of wheels); conda's match specifications.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from bayplan.registry.build_history import BuildHistory, BuildStep
from bayplan.registry.shell_commands import Command
from bayplan.registry.shell_substitution import UNKNOWN

_PIP = re.compile(r"pip[0-9.]*", re.ASCII)
_CONDA = frozenset({"conda", "mamba", "micromamba"})
_SYSTEM = frozenset({"apt-get", "apt", "aptitude", "yum", "dnf", "microdnf", "tdnf", "zypper"})
_REMOVING = frozenset({"uninstall", "remove", "purge", "autoremove", "erase"})
_REQUIREMENT = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*(?:===?\s*([0-9][0-9A-Za-z.+!_-]*))?(?:\s*[<>~!=@;].*)?", re.ASCII
)
_WHEEL = re.compile(r"(?:^|[/=@])([A-Za-z0-9_.]+)-([0-9][0-9A-Za-z.+!_]*)-[^/]*?\.whl", re.ASCII)
_CONDA_SPEC = re.compile(r"(?:[\w/.-]+::)?([A-Za-z0-9_.-]+?)(?:==?([0-9][0-9A-Za-z.+_]*)(?:=(\S+))?)?", re.ASCII)
_SYSTEM_SPEC = re.compile(r"([a-z0-9][a-z0-9.+-]*?)(?:=([0-9][0-9A-Za-z.+:~_-]*))?", re.ASCII)
_INDEX_OPTIONS = frozenset(
    {"-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--index", "--default-index"}
)
_BACKEND_OPTION = "--torch-backend"
_VALUE_OPTIONS = frozenset(
    {
        *_INDEX_OPTIONS,
        *("-r", "--requirement", "-c", "--constraint", "-t", "--target", "--prefix", "--root", "-e", "--editable"),
        *("--timeout", "--retries", "--trusted-host", "--python", "-p", "--platform", "--python-version", "--src"),
        *("--only-binary", "--no-binary", "--cache-dir", "--log", "--progress-bar", "--index-strategy", "-C"),
        *("--config-settings", "--override", "-n", "--name", "--channel", "--solver", "--file"),
    }
)
_INDEX_VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package that a command names, in lower case with hyphens; its version where the command names that exactly."""

    name: str
    version: str | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    """A command that installs or removes packages."""

    step: int
    tool: str
    """pip, conda or apt, whatever program of that family."""
    requirements: tuple[Requirement, ...]
    indexes: tuple[str, ...]
    removes: bool
    command: Command

    def requirement(self, *names: str) -> Requirement | None:
        """The first of its packages that has one of these names."""
        return next((requirement for requirement in self.requirements if requirement.name in names), None)


def installations(history: BuildHistory, env: Mapping[str, str]) -> tuple[Installation, ...]:
    """All installations of a build, in its order."""
    general = tuple(env[name] for name in _INDEX_VARIABLES if name in env)
    return tuple(found for step in history.runs for found in _of_step(step, general))


def _of_step(step: BuildStep, general: tuple[str, ...]) -> Iterator[Installation]:
    for command in step.commands:
        placed = _tool(command.words)
        if placed is None:
            continue
        tool, removes, arguments = placed
        read = {"pip": _pip, "conda": _conda, "apt": _system}[tool]
        requirements, indexes = read(arguments)
        if tool == "pip":
            own = tuple(command.settings[name] for name in _INDEX_VARIABLES if name in command.settings)
            backend = command.settings.get("UV_TORCH_BACKEND")
            indexes = (*indexes, *own, *([f"torch-backend/{backend}"] if backend else []))
            indexes = indexes or general
        yield Installation(step.number, tool, requirements, indexes, removes, command)


def _tool(words: tuple[str, ...]) -> tuple[str, bool, tuple[str, ...]] | None:
    """The family of an installing command, whether it removes, and what follows its verb."""
    names = [word.rpartition("/")[2] for word in words[:12]]
    for at, name in enumerate(names):
        if _PIP.fullmatch(name) and (at == 0 or names[at - 1] in ("-m", "uv") or at >= 2):
            tool = "pip"
        elif name in _CONDA:
            tool = "conda"
        elif name in _SYSTEM:
            tool = "apt"
        elif name == "uv" and names[at + 1 : at + 2] in (["add"], ["install"]):
            tool = "pip"
        else:
            continue
        for position in range(at + 1, min(len(words), at + 12)):
            verb = words[position]
            if verb in ("install", "add", "reinstall", "create") or verb in _REMOVING:
                return tool, verb in _REMOVING, words[position + 1 :]
            if verb == "run":  # conda run -n name pip install ...
                break
    return None


Read = tuple[tuple[Requirement, ...], tuple[str, ...]]


def _pip(arguments: tuple[str, ...]) -> Read:
    requirements: list[Requirement] = []
    indexes: list[str] = []
    options = iter(arguments)
    for word in options:
        if word.startswith("-"):
            name, separator, value = word.partition("=")
            if not separator and name in (*_VALUE_OPTIONS, _BACKEND_OPTION):
                value = next(options, "")
            if name in _INDEX_OPTIONS:
                indexes.append(unquote(value))
            elif name == _BACKEND_OPTION:
                indexes.append(f"torch-backend/{value}")
            continue
        text = unquote(word)
        if wheel := _WHEEL.search(text):
            requirements.append(Requirement(normalised(wheel[1]), wheel[2], text))
        elif named := _REQUIREMENT.fullmatch(text):
            requirements.append(Requirement(normalised(named[1]), named[2]))
    return tuple(requirements), tuple(indexes)


def _conda(arguments: tuple[str, ...]) -> Read:
    requirements: list[Requirement] = []
    options = iter(arguments)
    for word in options:
        if word.startswith("-"):
            if word in _VALUE_OPTIONS:
                next(options, "")
            continue
        if named := _CONDA_SPEC.fullmatch(word):
            requirements.append(Requirement(normalised(named[1]), named[2], named[3] or ""))
    return tuple(requirements), ()


def _system(arguments: tuple[str, ...]) -> Read:
    named = (_SYSTEM_SPEC.fullmatch(word) for word in arguments if not word.startswith("-"))
    return tuple(Requirement(spec[1], spec[2]) for spec in named if spec), ()


def normalised(name: str) -> str:
    """A package's name in lower case with hyphens. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_known(text: str) -> bool:
    """Whether all of a text could be worked out."""
    return UNKNOWN not in text
