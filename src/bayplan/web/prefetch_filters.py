"""The fields of a prefetch rule as filters of the API, made as `bayplan prefetch add` makes them, and such filters as fields again."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bayplan.domain.framework_spec import FrameworkSpec
from bayplan.domain.names import composed
from bayplan.domain.nearest import did_you_mean
from bayplan.domain.node_names import NodeName, node_named, nodes_of_machine
from bayplan.errors import Invalid, Problem
from bayplan.server.images.queries import ImageRow
from bayplan.web.label_filter import of_labels

OF_IMAGES, OF_NODES = ("task", "domain", "framework", "image"), ("node", "generation", "label")
ORDER: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "images": ({"field": "framework.version", "ascending": False}, {"field": "name"}, {"field": "version"}),
    "nodes": (),
}
"""The newest framework first."""
_VERSION = re.compile(r"[<>=!~:\d]")
_NAMED_AT_MOST = 8
_MOST_NAMES, _MOST_MISTAKES = 1_000, 20
"""Of a field, and of a form: to look for the nearest of 10,000 names takes tens of milliseconds."""
_GENERATION = "hardware_generation.generation"

Expression = Mapping[str, Any]
Texts = Mapping[str, Sequence[str]]
"""What each field names."""


@dataclass(frozen=True, slots=True)
class RuleNames:
    """What the fields of a rule can name."""

    tasks: Sequence[str]
    domains: Sequence[str]
    frameworks: Sequence[tuple[str, str]]
    """Each with its version."""
    images: Sequence[ImageRow]
    generations: Sequence[str]
    nodes: Sequence[NodeName]


def filter_of(kind: str, texts: Texts, names: RuleNames) -> dict[str, Any]:
    """Gives the filter `images` or `nodes` for what their fields name; raises `Invalid` with each name that there is not."""
    expressions: list[Expression] = []
    problems: list[Problem] = []
    for field in OF_IMAGES if kind == "images" else OF_NODES:
        made: list[Expression] = []
        if len(texts.get(field, ())) > _MOST_NAMES:
            raise Invalid.at(field, "too_long", f"A field can name at most {_MOST_NAMES:,}: use a filter as JSON.")
        for text in texts.get(field, ()):
            if len(problems) == _MOST_MISTAKES:
                break
            try:
                made += _READERS[field](text, names)
            except Invalid as error:
                sentence = f"{error.detail[:1].upper()}{error.detail[1:]}"
                problems.append(
                    Problem(field, error.code, sentence if sentence.endswith((".", "?")) else f"{sentence}.")
                )
        # Of one kind any will do; but each label has to be met.
        expressions += made if field == "label" or len(made) < 2 else [_any_of(made)]  # one stands alone
    if problems:
        raise Invalid("", problems=problems)
    return {"expressions": expressions, "order_by": [dict(each) for each in ORDER[kind]]}


def texts_of(kind: str, specification: Mapping[str, Any], names: RuleNames) -> dict[str, list[str]] | None:
    """Gives what the fields would name for a filter; None for one that they cannot make."""
    texts: dict[str, list[str]] = {}
    for expression in specification["expressions"]:
        for part in _parts(expression):
            named = _text_of(kind, part)
            if named is None:
                return None
            texts.setdefault(named[0], []).append(named[1])
    try:
        again = filter_of(kind, texts, names)
    except Invalid:  # it names what is gone
        return None
    return texts if again == specification else None


def _parts(expression: Expression) -> Sequence[Expression]:
    """The expressions of which any will do, each of which a line of a field makes; a label with several values is one line."""
    if expression["type"] != "or" or expression.get("invert"):
        return (expression,)
    parts: Sequence[Expression] = expression["sub_expressions"]
    is_of_label = all(str(part.get("field", "")).startswith("labels.") for part in parts)
    return (expression,) if is_of_label else parts


def _exact(field: str, value: str | int, **more: bool) -> Expression:
    return {"type": "exact", "field": field, "value": value, **more}


def _both(*parts: Expression) -> Expression:
    return {"type": "and", "sub_expressions": list(parts)}


def _any_of(parts: Iterable[Expression]) -> Expression:
    return {"type": "or", "sub_expressions": list(parts)}


def _one_of(noun: str, text: str, existing: Sequence[str]) -> str:
    """The name as it is spelled; raises `Invalid` with the nearest ones."""
    for name in existing:
        if name.casefold() == composed(text).casefold():
            return name
    near = did_you_mean(text, existing) or f"there are {', '.join(existing[:_NAMED_AT_MOST]) or 'none yet'}."
    raise Invalid(f"there is no {noun} {text!r}; {near}", code="unknown_reference")


def _of_task(text: str, names: RuleNames) -> list[Expression]:
    return [_exact("tasks", _one_of("task", text, names.tasks), case_insensitive=True)]


def _of_domain(text: str, names: RuleNames) -> list[Expression]:
    return [_exact("domain", _one_of("domain", text, names.domains), case_insensitive=True)]


def _of_generation(text: str, names: RuleNames) -> list[Expression]:
    return [_exact(_GENERATION, _one_of("generation", text, names.generations), case_insensitive=True)]


def _of_framework(text: str, names: RuleNames) -> list[Expression]:
    spec = FrameworkSpec.parse(text)
    named = [(name, version) for name, version in names.frameworks if spec.accepts(name, version)]
    if not named:
        raise _no_framework(text, names.frameworks)
    bounds = spec.bounds()
    if bounds is None:
        return [_both(_exact("framework.name", name), _exact("framework.version", version)) for name, version in named]
    each = [_exact("framework.name", name) for name in dict.fromkeys(name for name, _ in named)]
    of_name = each[0] if len(each) == 1 else _any_of(each)
    compared = (
        {"type": "compare", "field": "framework.version", "operator": operator, "value": version}
        for operator, version in bounds
    )
    return [_both(of_name, *compared)] if bounds else [of_name]


def _no_framework(text: str, frameworks: Sequence[tuple[str, str]]) -> Invalid:
    """The error for a framework that there is not: with the versions that there are, or with the nearest names."""
    name = _VERSION.split(text)[0].strip() or text
    spec = FrameworkSpec.parse(name)
    same = [f"{name} {version}" for name, version in frameworks if spec.accepts(name, version)]
    if same:
        more = f" and {len(same) - _NAMED_AT_MOST} more" if len(same) > _NAMED_AT_MOST else ""
        return Invalid(f"there is no framework {text!r}; there are {', '.join(same[:_NAMED_AT_MOST])}{more}.")
    near = did_you_mean(name, dict.fromkeys(name for name, _ in frameworks))
    return Invalid(f"there is no framework {text!r}; {near or 'the page of images lists all frameworks.'}")


def _of_image(text: str, names: RuleNames) -> list[Expression]:
    name = composed(text)
    if name.isascii() and name.isdigit() and any(row.pk == int(name) for row in names.images):
        return [_exact("pk", int(name))]
    if any(row.name == name for row in names.images):
        return [_exact("name", name)]  # all images of that name
    for row in names.images:
        if name in (f"{row.name}:{row.version}", f"{row.name} {row.version}", row.reference):
            return [_both(_exact("name", row.name), _exact("version", row.version))]
    near = did_you_mean(name, [f"{row.name}:{row.version}" for row in names.images])
    raise Invalid(f"there is no image {text!r}; {near or 'write its name, or name:version, or its key.'}")


def _of_node(text: str, names: RuleNames) -> list[Expression]:
    if "#" not in text and not (text.isascii() and text.isdigit()):
        machine = nodes_of_machine(names.nodes, text)
        return [_exact("ip", machine[0].ip)]
    node = node_named(names.nodes, text)
    if "#" not in text:
        return [_exact("pk", node.pk)]
    return [_both(_exact("ip", node.ip), _exact("index", node.index))]


_READERS: Mapping[str, Callable[[str, RuleNames], list[Expression]]] = {
    "task": _of_task,
    "domain": _of_domain,
    "framework": _of_framework,
    "image": _of_image,
    "generation": _of_generation,
    "node": _of_node,
    "label": lambda text, _names: of_labels(text),
}


_FIELDS = {
    "tasks": "task",
    "domain": "domain",
    "framework.name": "framework",
    "name": "image",
    _GENERATION: "generation",
    "ip": "node",
}


_OF_KEY = {"images": "image", "nodes": "node"}


def _text_of(kind: str, expression: Expression) -> tuple[str, str] | None:
    """The field that makes an expression, and what it names; None where none does. A guess: what it makes is compared."""
    if expression["type"] in ("and", "or"):
        parts = expression["sub_expressions"]
        if any(part["type"] in ("and", "or") for part in parts):
            return None
        paths = [part["field"] for part in parts]
        values = [part.get("value") for part in parts]
        if paths == ["name", "version"]:
            return "image", f"{values[0]}:{values[1]}"
        if paths == ["ip", "index"]:
            return "node", f"{values[0]}#{values[1]}"
        if paths[0] == "framework.name":
            return "framework", _framework_text(str(values[0]), parts[1:])
        if paths[0].startswith("labels."):
            word = "notin" if expression.get("invert") else "in"
            return "label", f"{paths[0].removeprefix('labels.')} {word} ({','.join(map(str, values))})"
        return None
    path = expression["field"]
    if path.startswith("labels."):
        key, is_inverted = path.removeprefix("labels."), expression.get("invert", False)
        if expression["type"] == "is_null":
            return "label", key if is_inverted else f"!{key}"
        return "label", f"{key}{'!=' if is_inverted else '='}{expression.get('value')}"
    field = _OF_KEY[kind] if path == "pk" else _FIELDS.get(path)
    return None if field is None or expression["type"] != "exact" else (field, str(expression["value"]))


def _framework_text(name: str, versions: Sequence[Expression]) -> str:
    """A framework with its versions as people type it: as a release where the comparisons are those of one."""
    bounds = [(part.get("operator", "=="), str(part.get("value"))) for part in versions]
    if not bounds or bounds[0][0] == "==":
        return " ".join([name, *(version for _, version in bounds)])
    release = f"{name} {bounds[0][1]}"
    if FrameworkSpec.parse(release).bounds() == bounds:
        return release
    return f"{name}{','.join(operator + version for operator, version in bounds)}"


def lines(texts: Iterable[str]) -> Iterator[str]:
    """Gives each line of what was typed in a field, without those that are empty."""
    for text in texts:
        yield from (line.strip() for line in text.splitlines() if line.strip())
