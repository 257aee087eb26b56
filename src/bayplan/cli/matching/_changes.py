"""The changes of `what-if` as people type them, as the API takes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayplan.cli import lookup
from bayplan.cli.node_facts import NODE_FACTS, option_of
from bayplan.cli.options import NONE, UsageError, size
from bayplan.client import Client, any_of, exact
from bayplan.domain.image_draft import common_facts
from bayplan.domain.nearest import did_you_mean
from bayplan.errors import Invalid, NotFound

if TYPE_CHECKING:
    from bayplan.client.filters import Expression

Change = dict[str, Any]
_WORDS = {"yes": True, "true": True, "no": False, "false": False}
_FLAGS = frozenset({"vgpu_licensed", "fabric_ready", "wsl"})
_FILE_SUFFIXES = (".yaml", ".yml", ".json")


def from_file(path: Path) -> list[Change]:
    """The changes in a file of YAML or JSON: a list of them, or one under `changes`. Raises `Invalid`."""
    document = _document(str(path))
    changes = document.get("changes") if isinstance(document, dict) else document
    if not isinstance(changes, list):
        raise Invalid(
            f"{path}: write a list of changes, or `changes:` with one; docs/api.md has the changes there are."
        )
    return changes


def replaced_facts(texts: Sequence[str]) -> dict[str, object]:
    """The facts in texts such as "driver_version=580.95.05" and "gpu-mem=48GiB"; `none` makes one unknown. Raises `UsageError`."""
    names = {name: name for name in NODE_FACTS} | {
        option_of(name).lstrip("-").replace("-", "_"): name for name in NODE_FACTS
    }
    facts: dict[str, object] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        name = names.get(key.strip().lower().replace("-", "_"))
        if not equals or name is None:
            near = did_you_mean(key.strip(), sorted(NODE_FACTS)) or f"the facts are {', '.join(NODE_FACTS)}."
            raise UsageError(f"--set {text}: write FACT=VALUE, like driver_version=580.95.05; {near}")
        facts[name] = _value(name, value.strip(), text)
    return facts


def _value(name: str, value: str, text: str) -> object:
    if value.lower() == NONE:
        return None
    if NODE_FACTS[name].is_size:
        return size(value)
    if name in _FLAGS:
        if value.lower() not in _WORDS:
            raise UsageError(f"--set {text}: write yes, no or none.")
        return _WORDS[value.lower()]
    return value


def added_nodes(text: str) -> Change:
    """The nodes in a text such as "8x H100 SXM,580.95". Raises `UsageError`."""
    from bayplan.domain.added_nodes import added_nodes as parsed

    try:
        worker, count = parsed(text)
    except Invalid as error:
        raise UsageError(f"--add {text}: {error.detail}") from None
    return {"add": {"worker": worker, "count": count}}


def of_nodes(client: Client, names: Sequence[str]) -> Expression:
    """Any of these nodes. Raises `NotFound`."""
    return any_of(*[exact("pk", client.nodes.key(name)) for name in names])


def of_images(client: Client, names: Sequence[str]) -> Expression:
    """Any of these images. Raises `NotFound`."""
    return any_of(*[exact("pk", lookup.image(client, [name])["pk"]) for name in names])


def added_image(client: Client, text: str) -> Change:
    """The image in a file, or of a reference that the server inspects now. Raises `Invalid` and `NotFound`."""
    if text.lower().endswith(_FILE_SUFFIXES):
        document = _document(text)
        if not isinstance(document, dict):
            raise Invalid(f"--add-image {text}: the file has no fields of an image.")
        return {"add_image": document}
    from bayplan.schemas.facts import FactsPatch

    facts = common_facts(client.images.inspect(text)["platforms"])
    image: Change = {
        "name": text,
        "url": text,
        "facts": {name: facts[name] for name in FactsPatch.model_fields if name in facts},
    }
    if "cuda_version" in facts:
        image["cuda_version"] = facts["cuda_version"]
    if "framework" in facts and "framework_version" in facts:
        framework = f"{facts['framework']} {facts['framework_version']}"
        existing = {f"{each['name']} {each['version']}".casefold() for each in client.frameworks.list()}
        if framework.casefold() not in existing:
            raise NotFound(
                f"--add-image {text}: it has {framework}, which the catalogue has not; `bayplan images add` adds it."
            )
        image["framework"] = framework
    return {"add_image": image}


def _document(path: str) -> object:
    """The content of a file as catalogue files are read: dates and `no` are texts, and aliases make no more than a file may hold."""
    from bayplan.cli.document.node import Unreadable
    from bayplan.cli.document.paths import FileReader
    from bayplan.cli.document.yaml_text import read_yaml

    name, text = FileReader().text(path)
    try:
        return read_yaml(text).plain()
    except Unreadable as error:
        raise Invalid(f"{name}:{error.line}:{error.column}: {error.detail}", code="malformed") from None


def chosen(client: Client, texts: Sequence[str]) -> list[Expression]:
    """The nodes in texts such as "gpu=RTX 4090", "driver=<550", "generation=Ampere" and "label=zone=a". Raises `UsageError`."""
    from bayplan.cli.node_labels import selected
    from bayplan.cli.nodes._filters import chosen_nodes, of_driver

    values: dict[str, list[str]] = {"gpu": [], "driver": [], "generation": [], "label": []}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or key.strip().lower() not in values or not value.strip():
            raise UsageError(
                f"--nodes {text}: write gpu=, driver=, generation= or label= and a value, like 'gpu=RTX 4090'."
            )
        values[key.strip().lower()].append(value.strip())
    expressions: list[Expression] = [*selected(values["label"])]
    for gpu in values["gpu"]:
        expressions += chosen_nodes(client, gpu=gpu, generation=None, driver=None)
    for driver in values["driver"]:
        expressions += of_driver(driver, f"--nodes driver={driver}")
    for generation in values["generation"]:
        expressions += chosen_nodes(client, gpu=None, generation=generation, driver=None)
    return expressions
