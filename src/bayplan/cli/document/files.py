"""Catalogue files as one document, and the file and line of everything that is wrong in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.cli.document.field_types import TEXT, FieldType
from bayplan.cli.document.node import DocumentNode
from bayplan.domain.nearest import did_you_mean
from bayplan.errors import BayplanError, Problem
from bayplan.schemas.catalogue import Document
from bayplan.schemas.common import Body

SHOWN_PROBLEMS = 20
_PATH = re.compile(r"(?<![\w.])[a-z]+(?:\.\w+)+")
_OTHER_ENTRY = re.compile(r"\bat ([a-z]+\.\d+)\b")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The content of a file, with the file's name for error messages."""

    name: str
    root: DocumentNode

    def entries(self, section: str) -> "Sequence[DocumentNode] | None":
        """The entries of a section; None where the file does not have it."""
        node = self.root.value.get(section) if isinstance(self.root.value, dict) else None
        return node.value if node is not None and isinstance(node.value, list) else None

    def line(self, path: str) -> int:
        """The line of the value at a path (`images.3.cuda_version`), or of its nearest parent that the file has."""
        node = self.root
        for step in path.split("."):
            inner = node.value
            if isinstance(inner, dict) and step in inner:
                node = inner[step]
            elif isinstance(inner, list) and step.isdigit() and int(step) < len(inner):
                node = inner[int(step)]
            else:
                break
        return node.line


@dataclass(frozen=True, slots=True)
class CatalogueFiles:
    """Files that are one document: the entries of a section are those of the first file, then of the second, and so on."""

    files: Sequence[SourceFile]
    schema: type[Body] = Document

    @property
    def name(self) -> str:
        """What they are called in a sentence."""
        return self.files[0].name if len(self.files) == 1 else f"{len(self.files)} files"

    def content(self) -> dict[str, list[dict[str, object]]]:
        """The document as the API takes it."""
        content: dict[str, list[dict[str, object]]] = {}
        for file in self.files:
            for section, entries in file.root.plain().items():
                content.setdefault(section, []).extend(entries)
        return content

    def located(self, error: BayplanError) -> BayplanError:
        """The same error with a line for each problem in its sentence: `FILE:LINE: path: what is wrong`.

        Its problems are those that have a line, each at its path in the file.
        """
        if not error.problems:
            return error
        places = []
        for problem in error.problems:
            at, path = self._place(problem.field)
            places.append((at, self.files[at].line(path), Problem(path, problem.code, self._detail(problem))))
        places.sort(key=lambda place: place[:2])
        lines = [f"{self.files[at].name}:{line}: {part.field}: {part.detail}" for at, line, part in places]
        problems = [part for *_, part in places[:SHOWN_PROBLEMS]]
        return type(error)("\n".join(shortened(lines)), code=error.code, problems=problems)

    def _place(self, path: str) -> tuple[int, str]:
        """The number of the file that has what is at a path of the document, and its path in that file."""
        section, _, rest = path.partition(".")
        index, dot, below = rest.partition(".")
        first = None
        number = int(index) if index.isdigit() else 0
        for at, file in enumerate(self.files):
            entries = file.entries(section)
            if entries is None:
                continue
            if first is None:
                first = at
            if number < len(entries):
                return at, f"{section}.{number}{dot}{below}" if index.isdigit() else path
            number -= len(entries)
        return first or 0, path

    def _detail(self, problem: Problem) -> str:
        """The sentence of a problem, with places of the files for those of the document, and the nearest fields."""

        def place(match: re.Match[str]) -> str:
            at, path = self._place(match[1])
            return f"at {self.files[at].name}:{self.files[at].line(path)}"

        detail = _OTHER_ENTRY.sub(place, problem.detail)
        detail = _PATH.sub(lambda match: self._place(match[0])[1] if match[0] == problem.field else match[0], detail)
        if problem.code != "unknown_field" or "." not in problem.field:
            return detail
        *parents, name = problem.field.split(".")
        fields = list(self._type_at(parents).fields)
        if not fields:
            return detail
        near = did_you_mean(name, fields) or f"the fields are {', '.join(fields)}."
        return f"{detail.rstrip('.')}; {near}"

    def _type_at(self, steps: Sequence[str]) -> FieldType:
        type_ = FieldType.of(self.schema)
        for step in steps:
            type_ = type_.items or TEXT if step.isdigit() else type_.value_of(step)
        return type_


def shortened(lines: Sequence[str]) -> list[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - SHOWN_PROBLEMS
    return [*lines[:SHOWN_PROBLEMS], *([f"And {more:,} more."] if more > 0 else [])]
