"""The types of the fields of a catalogue file, taken from the schemas of the API."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, BeforeValidator, PlainValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

_SCALARS = frozenset({bool, int, float, str})


@dataclass(frozen=True, slots=True)
class FieldType:
    """The type of a field: the scalars that it may be, the models that its mappings may be, and the types of the members of
    other mappings and of lists."""

    scalars: frozenset[type] = frozenset()
    models: tuple[type[BaseModel], ...] = ()
    values: "FieldType | None" = None
    items: "FieldType | None" = None

    @property
    def fields(self) -> "Mapping[str, FieldType]":
        """The fields of its mappings, under each name that they may have."""
        return _fields(self.models)

    @property
    def is_text(self) -> bool:
        """Whether a number is a mistake. Also where a field may be text or a pk: a number there is a version without quotes.

        Not where it may be any number, as the value of a filter: the server knows what it is compared with.
        """
        return not self.scalars or (str in self.scalars and float not in self.scalars)

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

    def or_(self, other: "FieldType") -> "FieldType":
        """Gives the type of a field that may be either."""
        return FieldType(
            self.scalars | other.scalars,
            tuple(dict.fromkeys(self.models + other.models)),
            self.values or other.values,
            self.items or other.items,
        )

    @classmethod
    def of(cls, annotation: Any) -> "FieldType":
        """Gives the type that an annotation of a model's field stands for."""
        type_ = cls()
        for part in _alternatives(annotation):
            if part in _SCALARS:
                type_ = type_.or_(cls(frozenset((part,))))
            elif get_origin(part) is Literal:
                type_ = type_.or_(cls(frozenset(type(value) for value in get_args(part))))
            elif get_origin(part) is list:
                type_ = type_.or_(cls(items=cls.of(get_args(part)[0])))
            elif get_origin(part) is dict:
                type_ = type_.or_(cls(values=cls.of(get_args(part)[1])))
            elif isinstance(part, type) and issubclass(part, BaseModel):
                type_ = type_.or_(cls(models=(part,)))
        return type_


@cache
def _fields(models: tuple[type[BaseModel], ...]) -> Mapping[str, FieldType]:
    """The fields of models by name: made when they are asked for, since an expression of a filter holds others."""
    fields: dict[str, FieldType] = {}
    for model in models:
        model.model_rebuild()  # of one that names itself, the fields are texts until then
        for field_name, info in model.model_fields.items():
            type_ = FieldType.of(info.annotation)
            for name in _names(field_name, info):
                fields[name] = fields[name].or_(type_) if name in fields else type_
    return fields


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
