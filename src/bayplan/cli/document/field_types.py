"""The types of the fields of a catalogue file, taken from the schemas of the API."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, BeforeValidator, PlainValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

_SCALARS = frozenset({bool, int, float, str})


@dataclass(frozen=True, slots=True)
class FieldType:
    """The type of a field: the scalars that it may be, and the types of the members of its mappings and lists."""

    scalars: frozenset[type] = frozenset()
    fields: "Mapping[str, FieldType]" = field(default_factory=dict)
    values: "FieldType | None" = None
    items: "FieldType | None" = None

    @property
    def is_text(self) -> bool:
        """Whether a number is a mistake. Also where a field may be text or a pk: a number there is a version without quotes."""
        return not self.scalars or str in self.scalars

    @property
    def may_be_switch(self) -> bool:
        """Whether the field may be true or false beside others."""
        return bool in self.scalars

    @property
    def is_switch(self) -> bool:
        """Whether the field may be only true or false."""
        return self.scalars == {bool}

    def value_of(self, name: str) -> "FieldType":
        """Gives the type of a member of its mappings; text where the schema does not have that name."""
        return self.fields.get(name) or self.values or TEXT

    @classmethod
    def of(cls, annotation: Any) -> "FieldType":
        """Gives the type that an annotation of a model's field stands for."""
        scalars: set[type] = set()
        fields: dict[str, FieldType] = {}
        values = items = None
        for part in _alternatives(annotation):
            if part in _SCALARS:
                scalars.add(part)
            elif get_origin(part) is Literal:
                scalars |= {type(value) for value in get_args(part)}
            elif get_origin(part) is list:
                items = cls.of(get_args(part)[0])
            elif get_origin(part) is dict:
                values = cls.of(get_args(part)[1])
            elif isinstance(part, type) and issubclass(part, BaseModel):
                fields |= {
                    alias: cls.of(info.annotation)
                    for name, info in part.model_fields.items()
                    for alias in _names(name, info)
                }
        return cls(frozenset(scalars), fields, values, items)


def _names(name: str, info: FieldInfo) -> Iterator[str]:
    """Gives the names under which a field may be written."""
    yield name
    if isinstance(info.validation_alias, AliasChoices):
        yield from (alias for alias in info.validation_alias.choices if isinstance(alias, str))


def _alternatives(annotation: Any) -> Iterator[Any]:
    """Gives the types that an annotation allows: each type of a union, without null and without `Annotated`.

    Where a validator reads other types than the field holds, it allows those.
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        type_, *metadata = get_args(annotation)
        read = (part.json_schema_input_type for part in metadata if isinstance(part, (BeforeValidator, PlainValidator)))
        yield from _alternatives(next((part for part in read if part not in (Any, PydanticUndefined)), type_))
    elif origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from _alternatives(part)
    elif annotation is not NoneType:
        yield annotation


TEXT = FieldType(frozenset({str}))
