"""The components of the OpenAPI document: the names that they have always had, whatever the classes are called."""

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from bayplan.schemas.common import Body
from bayplan.schemas.components import answer, component_name, component_reference, component_schemas


@answer()
class PartAnswer(TypedDict):
    """A part."""

    pk: int


@answer("Everything")
class WholeAnswer(TypedDict):
    """A whole."""

    parts: list[PartAnswer]


class WholeCreate(Body, title="Whole"):
    """A whole to add."""

    name: str


def test_an_answer_is_named_without_its_suffix_or_as_it_says() -> None:
    assert [component_name(type_) for type_ in (PartAnswer, WholeAnswer, WholeCreate)] == [
        "Part", "Everything", "Whole",
    ]  # fmt: skip
    assert component_reference(WholeAnswer) == {"$ref": "#/components/schemas/Everything"}


def test_components_refer_to_one_another_by_their_names() -> None:
    schemas = component_schemas([WholeAnswer, WholeCreate])
    assert set(schemas) == {"Part", "Everything", "Whole"}
    assert schemas["Everything"]["properties"]["parts"]["items"] == {"$ref": "#/components/schemas/Part"}
    assert schemas["Everything"]["additionalProperties"] is False
    assert schemas["Part"]["title"] == "Part"


def test_a_type_of_another_making_is_named_by_its_title() -> None:
    @with_config(ConfigDict(title="Other"))
    class Elsewhere(TypedDict):
        pk: int

    assert set(component_schemas([Elsewhere])) == {"Other"}
