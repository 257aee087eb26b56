"""Reads catalogue files with the line of every value, and refuses texts that YAML took for numbers or for true and false.

The schemas of the API say which fields hold text. The server judges what the fields mean: its answer names a path
(`images.3.cuda_version`), and `CatalogueFiles.located` gives the file and the line for it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bayplan.cli.document.field_types import TEXT, FieldType
from bayplan.cli.document.files import SHOWN_PROBLEMS, CatalogueFiles, SourceFile, shortened
from bayplan.cli.document.json_text import read_json
from bayplan.cli.document.node import DocumentNode, Unreadable
from bayplan.cli.document.paths import FileReader, paths
from bayplan.cli.document.yaml_text import read_yaml
from bayplan.domain.nearest import did_you_mean
from bayplan.errors import Invalid, Problem
from bayplan.schemas.catalogue import Document
from bayplan.schemas.common import Body

_PERHAPS_UNKNOWN = "perhaps_unknown_field"
_SEPARATOR = re.compile(r"^(---|\.\.\.)(\s|$)", re.MULTILINE)


def read_all(names: Sequence[str]) -> CatalogueFiles:
    """Gives the catalogue files with those names, of folders all that are in them, of `-` standard input.

    Raises `Invalid`, whose sentence has a line for each mistake in any file, beginning with `NAME:LINE:`.
    """
    files: list[SourceFile] = []
    errors: list[Invalid] = []
    reader = FileReader()
    for path in paths(names):
        try:
            files += read(*reader.text(path)).files
        except Invalid as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        lines = [line for error in errors for line in error.detail.split("\n")]
        problems = [problem for error in errors for problem in error.problems]
        raise Invalid("\n".join(shortened(lines)), problems=problems[:SHOWN_PROBLEMS])
    return CatalogueFiles(files)


def read(name: str, text: str, schema: type[Body] = Document) -> CatalogueFiles:
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
    files = CatalogueFiles((SourceFile(name, root),), schema)
    problems = list(_problems(root, FieldType.of(schema)))
    # A server that is newer than this program may have fields that are not here, as far as they are text.
    if any(problem.code != _PERHAPS_UNKNOWN for problem in problems):
        problems = [
            replace(problem, code="unknown_field") if problem.code == _PERHAPS_UNKNOWN else problem
            for problem in problems
        ]
        raise files.located(Invalid("The file cannot be applied.", problems=problems))
    return files


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
            near = did_you_mean(section, type_.fields)
            yield Problem(
                section, "unknown_field", f"There is no section {section!r}; {near or f'there are {sections}.'}"
            )
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
        has_fields = bool(type_.fields) and type_.values is None
        for key, inner in node.value.items():
            if has_fields and key not in type_.fields:
                code = "unknown_field" if isinstance(inner.value, bool | int | float) else _PERHAPS_UNKNOWN
                yield Problem(f"{path}.{key}", code, f"There is no field {key!r} here.")
            else:
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
