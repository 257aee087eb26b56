"""Any filter whatever finds on both databases what a plain reading of the specification finds in the same rows."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Service
from tests.fuzz import examples
from tests.robustness.filter_language import Row, arranged, matches

TEXTS = (
    "alpha",
    "Alpha",
    "ALPHA beta",
    "be_ta",
    "100%",
    "a%b_c",
    "ünïcode",
    "ÜNÏCODE",
    "日本",
    "'quoted'",
    'a"b',
    "\\",
    "*?[",
)
CUDAS = ("9.2.148", "10.1.243", "11.8.0", "12.2.0", "12.4.1", None)
FRAMEWORKS = ("PyTorch 2.4", "PyTorch 2.10", "TensorFlow 9.2", "TensorFlow 10.1")
TASKS = (["train"], ["predict"], ["train", "predict"], ["export", "train"], ["fine-tune"])


@pytest.fixture(scope="module")
def rows(shared: Service) -> list[Row]:
    """Images of every sort, as rows with all that a filter may name."""
    for text in FRAMEWORKS[1:]:
        name, version = text.split()
        shared.make("frameworks", name=name, version=version)
    for number in range(36):
        cuda = CUDAS[number % len(CUDAS)]
        shared.make(
            "docker",
            name=TEXTS[number % len(TEXTS)],
            version=f"{number}",
            cuda_version=cuda,
            min_hardware_generation=None if cuda is None else ("Pascal", "Ampere", "Hopper")[number % 3],
            cpu=cuda is None or number % 4 == 0,
            framework=FRAMEWORKS[number % len(FRAMEWORKS)],
            domain=("od", "ic", "is")[number % 3],
            licence=("MIT", "Apache-2.0", "BSD-3-Clause")[number // 3 % 3],
            tasks=TASKS[number % len(TASKS)],
            registry_username=(None, "Robot", "robot")[number // 2 % 3],
            registry_password=(None, "x", "x")[number // 2 % 3],
        )
    expand = "cuda_version,framework,min_hardware_generation,licence"
    images = shared.staff.post(f"/v1/docker/list?expand={expand}").json()
    domains = {domain["name"]: domain for domain in shared.staff.post("/v1/domains/list").json()}
    return [_row(image, domains) for image in images]


def _row(image: dict[str, Any], domains: dict[str, Any]) -> Row:
    cuda, hardware = image["cuda_version"] or {}, image["min_hardware_generation"] or {}
    return {
        **{name: image[name] for name in ("pk", "name", "cpu", "tasks", "registry_username", "deletion_time")},
        "cuda_version": cuda.get("pk"),
        "cuda_version.version": cuda.get("version"),
        "cuda_version.min_driver_version": cuda.get("min_driver_version"),
        "framework.name": image["framework"]["name"],
        "framework.version": image["framework"]["version"],
        "licence.permissions": image["licence"]["permissions"],
        "min_hardware_generation.generation": hardware.get("generation"),
        "min_hardware_generation.min_compute_capability": hardware.get("min_compute_capability"),
        "domain": image["domain"],
        "domain.description": domains[image["domain"]]["description"],
    }


TEXTUAL = {
    "name": TEXTS,
    "registry_username": ("Robot", "robot", "nobody"),
    "framework.name": ("PyTorch", "TensorFlow", "pytorch"),
    "min_hardware_generation.generation": ("Pascal", "ampere", "Hopper"),
    "domain.description": ("Object Detection", "object detection"),
    "domain": ("od", "IC", "is"),
}
MANY = {"tasks": ("train", "Predict", "fine-tune", "none"), "licence.permissions": ("commercial-use", "patent-use")}
VERSIONS = {
    "cuda_version.version": ("9.2", "10.1", "11.8", "12.2", "12.4", "12.10"),
    "cuda_version.min_driver_version": ("396.37", "418.39", "520.61.05", "535.54.03", "550.54.15", "550.54.9"),
    "framework.version": ("2.4", "2.10", "9.2", "10.1", "2.9"),
}
NUMBERS = {
    "pk": st.integers(0, 40) | st.integers(-(2**63), 2**63 - 1),
    "min_hardware_generation.min_compute_capability": st.sampled_from([6.0, 8.0, 8, 9.0, 7.5, 0.0, -1.0, 1e300]),
    "cuda_version": st.integers(1, 90),
}
FIELDS = (*TEXTUAL, *MANY, *VERSIONS, *NUMBERS, "cpu", "deletion_time")
flags = st.booleans()


def valued(choices: dict[str, tuple[str, ...]], extra: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[Any]:
    """A field with a value that it might have, or `extra`."""
    return st.sampled_from(sorted(choices)).flatmap(
        lambda field: st.tuples(
            st.just(field), st.sampled_from(choices[field]) | (st.nothing() if extra is None else extra)
        )
    )


any_text = st.text(st.characters(codec="utf-8", exclude_characters="\x00", max_codepoint=0x24F), max_size=8)
some_text = valued(TEXTUAL, any_text) | valued(MANY, any_text)
exact = st.builds(
    lambda pair, case, invert: {
        "type": "exact", "field": pair[0], "value": pair[1], "case_insensitive": case, "invert": invert,
    },
    some_text, flags, flags,
) | st.builds(
    lambda pair, invert: {"type": "exact", "field": pair[0], "value": pair[1], "invert": invert},
    st.tuples(st.just("cpu"), flags) | st.sampled_from(sorted(NUMBERS)).flatmap(lambda f: st.tuples(st.just(f), NUMBERS[f])),
    flags,
)  # fmt: skip
contains = st.builds(
    lambda pair, length, case, invert: {
        "type": "contains", "field": pair[0], "sub_string": pair[1][:length], "case_insensitive": case, "invert": invert,
    },
    some_text, st.integers(0, 6), flags, flags,
)  # fmt: skip
is_null = st.builds(
    lambda field, invert: {"type": "is_null", "field": field, "invert": invert}, st.sampled_from(FIELDS), flags
)
compare = st.builds(
    lambda pair, operator, invert: {
        "type": "compare", "field": pair[0], "operator": operator, "value": pair[1], "invert": invert,
    },
    valued(VERSIONS) | valued(TEXTUAL) | st.sampled_from(sorted(NUMBERS)).flatmap(
        lambda field: st.tuples(st.just(field), NUMBERS[field])
    ),
    st.sampled_from(["<", "<=", ">", ">="]), flags,
)  # fmt: skip
expressions = st.recursive(
    exact | contains | is_null | compare,
    lambda inner: st.builds(
        lambda kind, parts, invert: {"type": kind, "sub_expressions": parts, "invert": invert},
        st.sampled_from(["and", "or"]),
        st.lists(inner, min_size=1, max_size=4),
        flags,
    ),
    max_leaves=10,
)
orders = st.lists(
    st.fixed_dictionaries(
        {"field": st.sampled_from([field for field in FIELDS if field not in MANY])},
        optional={"ascending": flags, "nulls_first": flags},
    ),
    max_size=3,
)

unhurried = settings(
    max_examples=examples(60),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@unhurried
@given(specification=st.fixed_dictionaries({"expressions": st.lists(expressions, max_size=3), "order_by": orders}))
def test_any_filter_finds_what_a_plain_reading_of_it_finds(
    shared: Service, rows: list[Row], specification: dict[str, Any]
) -> None:
    answer = shared.staff.post("/v1/docker/list", json=specification)
    assert answer.status_code == 200, answer.text
    matching = [row for row in rows if all(matches(expression, row) for expression in specification["expressions"])]
    expected = arranged(matching, specification["order_by"])
    assert [image["pk"] for image in answer.json()] == [row["pk"] for row in expected]


@unhurried
@given(specification=st.fixed_dictionaries({"expressions": st.lists(expressions, max_size=2), "order_by": orders}))
def test_any_page_is_that_part_of_the_whole(shared: Service, rows: list[Row], specification: dict[str, Any]) -> None:
    whole = shared.staff.post("/v1/docker/list", json=specification).json()
    for offset in (0, 5):
        page = shared.staff.post(f"/v1/docker/list?limit=5&offset={offset}", json=specification)
        assert page.json() == whole[offset : offset + 5]
        assert page.headers["x-total-count"] == str(len(whole))


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(
    ["type", "field", "value", "sub_string", "invert", "operator", "sub_expressions", "expressions", "order_by", "x"]
)
almost = st.recursive(
    junk | st.sampled_from(["exact", "and", "contains", "name", "framework.name", "<"]),
    lambda inner: st.dictionaries(keys, inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@unhurried
@given(body=junk | almost | st.fixed_dictionaries({"expressions": st.lists(almost, min_size=1, max_size=2)}))
def test_nothing_that_is_json_breaks_a_list(shared: Service, body: Any) -> None:
    content = json.dumps(body)
    answer = shared.staff.post("/v1/docker/list", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400, 422), answer.text
