"""The component schemas of the OpenAPI document, from the types of requests and answers.

A component's name is the `title` of the type's configuration, which never changes.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, with_config

SUFFIX_OF_ANSWERS = "Answer"
_REFERENCES = "#/components/schemas/"

AnswerType = TypeVar("AnswerType", bound=type[Any])


def answer(component: str | None = None) -> Callable[[AnswerType], AnswerType]:
    """Gives a decorator for the type of an answer: it holds no other fields, and its component has that name.

    Without one, the name is that of the class without its suffix: `ImageAnswer` is the component `Image`.
    """

    def decorate(type_: AnswerType) -> AnswerType:
        title = component or type_.__name__.removesuffix(SUFFIX_OF_ANSWERS)
        return with_config(ConfigDict(extra="forbid", title=title))(type_)

    return decorate


def component_name(type_: type[Any]) -> str:
    """Gives the name that a request or an answer has among the components."""
    config = type_.model_config if issubclass(type_, BaseModel) else type_.__pydantic_config__
    return config.get("title") or type_.__name__


def component_reference(type_: type[Any]) -> dict[str, str]:
    """Gives the schema that refers to a request or an answer among the components."""
    return {"$ref": _REFERENCES + component_name(type_)}


def component_schemas(types: Iterable[type[Any]]) -> dict[str, Any]:
    """Gives the schemas of these types, and of all that they refer to, by component name."""
    adapters = [(number, "validation", TypeAdapter(type_)) for number, type_ in enumerate(types)]
    _, schemas = TypeAdapter.json_schemas(adapters, ref_template=_REFERENCES + "{model}")  # type: ignore[arg-type]  # list is invariant
    definitions: dict[str, Any] = schemas["$defs"]
    names = {key: definition.get("title", key) for key, definition in definitions.items()}
    return {names[key]: _renamed(definition, names) for key, definition in definitions.items()}


def _renamed(schema: Any, names: dict[str, str]) -> Any:
    """Gives the schema with every reference to a definition changed to one to its component."""
    if isinstance(schema, list):
        return [_renamed(member, names) for member in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _REFERENCES + names[member.removeprefix(_REFERENCES)]
        if isinstance(member, str) and member.startswith(_REFERENCES)
        else _renamed(member, names)
        for key, member in schema.items()
    }
