"""Holds the answers of an application to their documented types, and remembers which were seen."""

import re
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import httpx2
from pydantic import TypeAdapter

from bayplan import schemas
from bayplan.schemas.common import Body
from bayplan.schemas.components import component_name
from bayplan.schemas.docker import ExpandedImageAnswer, ImageAnswer
from bayplan.schemas.nodes import ExpandedNodeAnswer, NodeAnswer
from bayplan.schemas.prefetch import ExpandedPrefetchRuleAnswer, PrefetchRuleAnswer

EXPANDED: dict[Any, Any] = {
    ImageAnswer: ExpandedImageAnswer,
    NodeAnswer: ExpandedNodeAnswer,
    PrefetchRuleAnswer: ExpandedPrefetchRuleAnswer,
}


def component_types() -> dict[str, Any]:
    """The requests and answers of all schemas, by component name."""
    modules = [import_module(module.name) for module in iter_modules(schemas.__path__, f"{schemas.__name__}.")]
    types = {type_ for module in modules for type_ in vars(module).values() if isinstance(type_, type)}
    named = [type_ for type_ in types if issubclass(type_, Body) or hasattr(type_, "__pydantic_config__")]
    by_name = {component_name(type_): type_ for type_ in named}
    assert len(by_name) == len(named), "two types have the same component name"
    return by_name


class CheckedAnswers:
    """The documented answers of an application, and which of them were seen."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.seen: set[tuple[str, str]] = set()
        self.types: dict[tuple[str, str], tuple[Any, bool]] = {}  # with whether it is a list of them
        types = component_types()
        for path, operations in description["paths"].items():
            for method, operation in operations.items():
                for status, response in operation["responses"].items():
                    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
                    reference = schema.get("items", schema).get("$ref")
                    if status.startswith("2") and reference:
                        self.types[method.upper(), path] = types[reference.rpartition("/")[2]], "items" in schema

    def operation(self, request: httpx2.Request) -> tuple[str, str] | None:
        """The documented operation that a request is for: `/v1/docker/checks` before `/v1/docker/{pk}`."""
        for method, path in sorted(self.types, key=lambda operation: operation[1].count("{")):
            pattern = re.sub(r"{\w+}", "[^/]+", path)
            if method == request.method and re.fullmatch(pattern, request.url.path):
                return method, path
        return None

    def check(self, response: httpx2.Response) -> None:
        """Raises `ValidationError` where an answer is not of its type."""
        content = response.read()
        operation = self.operation(response.request)
        if not response.is_success or operation is None:
            return
        type_, is_list = self.types[operation]
        if "expand" in response.request.url.params:
            type_ = EXPANDED.get(type_, type_)
        TypeAdapter(Sequence[type_] if is_list else type_).validate_json(content, strict=True)  # type: ignore[valid-type]  # known when it runs
        self.seen.add(operation)
