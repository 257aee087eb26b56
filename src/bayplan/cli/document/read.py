"""Reads catalogue files with the line of every value, and refuses texts that YAML took for numbers or for true and false.

The schemas of the API say which fields hold text. The server judges what the fields mean: its answer names a path
(`images.3.cuda_version`), and `CatalogueDocument.located` gives the line of the file for it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bayplan.cli.document.field_types import TEXT, FieldType
from bayplan.cli.document.json_text import read_json
from bayplan.cli.document.node import DocumentNode, Unreadable
from bayplan.cli.document.yaml_text import read_yaml
from bayplan.errors import BayplanError, Invalid, Problem
from bayplan.schemas.catalogue import Document
from bayplan.schemas.common import Body

SHOWN_PROBLEMS = 20
_SEPARATOR = re.compile(r"^(---|\.\.\.)(\s|$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CatalogueDocument:
    """The content of a catalogue file, with the file's name for error messages."""

    name: str
    root: DocumentNode

    def content(self) -> dict[str, list[dict[str, object]]]:
        """The content as the API takes it."""
        content: dict[str, list[dict[str, object]]] = self.root.plain()
        return content

    def located(self, error: BayplanError) -> BayplanError:
        """The same error with a line for each problem in its sentence: `FILE:LINE: path: what is wrong`."""
        if not error.problems:
            return error
        placed = [(self.line(problem.field), problem) for problem in error.problems]
        placed.sort(key=lambda place: place[0])
        lines = [f"{self.name}:{line}: {problem.field}: {problem.detail}" for line, problem in placed[:SHOWN_PROBLEMS]]
        if len(placed) > SHOWN_PROBLEMS:
            lines.append(f"{self.name}: and {len(placed) - SHOWN_PROBLEMS} more.")
        return type(error)("\n".join(lines), code=error.code, problems=error.problems)

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


def read(name: str, text: str, schema: type[Body] = Document) -> CatalogueDocument:
    """Gives the catalogue file with that name and text: JSON where its name or its first character says so, else YAML.

    The `schema` has the sections and the types of their fields.

    Raises `Invalid`, whose sentence has a line for each mistake, beginning with `NAME:LINE:`.
    """
    suffix = Path(name).suffix.lower()
    as_json = suffix == ".json" or (suffix not in (".yaml", ".yml") and _begins_like_json(text))
    try:
        root = read_json(text) if as_json else read_yaml(text)
    except Unreadable as error:
        raise Invalid(f"{name}:{error.line}:{error.column}: {error.detail}", code="malformed") from None
    document = CatalogueDocument(name, root)
    if problems := list(_problems(root, FieldType.of(schema))):
        raise document.located(Invalid("The file cannot be applied.", problems=problems))
    return document


def _begins_like_json(text: str) -> bool:
    """Whether it begins with a brace, and no line separates documents, as in YAML."""
    return text.lstrip().startswith("{") and not _SEPARATOR.search(text)


def _problems(root: DocumentNode, type_: FieldType) -> Iterator[Problem]:
    sections = ", ".join(type_.fields)
    if not isinstance(root.value, dict) or not root.value:
        yield Problem("file", "invalid", f"It must hold one or more of the sections {sections}.")
        return
    for section, entries in root.value.items():
        if section not in type_.fields:
            yield Problem(section, "unknown_field", f"There is no section {section!r}; there are {sections}.")
        elif not isinstance(entries.value, list):
            yield Problem(section, "invalid", f"{section} must be a list; begin each entry with a hyphen.")
        else:
            entry_type = type_.fields[section].items or TEXT
            for number, entry in enumerate(entries.value):
                path = f"{section}.{number}"
                if isinstance(entry.value, dict):
                    yield from _wrong_types(path, entry_type, entry)
                else:
                    yield Problem(path, "invalid", "An entry must be a mapping of fields, like `name: pytorch`.")


def _wrong_types(path: str, type_: FieldType, node: DocumentNode) -> Iterator[Problem]:
    """A problem for each value at the path, or below it, that YAML took for another type than the field has."""
    if isinstance(node.value, dict):
        for key, inner in node.value.items():
            yield from _wrong_types(f"{path}.{key}", type_.value_of(key), inner)
    elif isinstance(node.value, list):
        for number, inner in enumerate(node.value):
            yield from _wrong_types(f"{path}.{number}", type_.items or type_, inner)
    elif type_.is_switch:
        if node.value is not None and not isinstance(node.value, bool):
            yield Problem(path, "invalid", f"Write true or false in place of {node.source or node.value!r}.")
    elif isinstance(node.value, bool) and type_.may_be_switch:
        return
    elif isinstance(node.value, (bool, int, float)) and type_.is_text:
        kind = "true or false" if isinstance(node.value, bool) else "a number"
        yield Problem(path, "not_text", f'Write it in quotes, "{node.source}": without them it is {kind}, not text.')
