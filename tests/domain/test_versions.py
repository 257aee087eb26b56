import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion, sort_key
from bayplan.errors import Invalid

ASCENDING = (
    ["9.2", "10.1", "12.4.0", "12.4.1", "12.10"],
    ["390.87", "450.36.06", "450.51", "450.119.04", "535", "535.54.03", "1000.1"],
    ["2.3.9", "2.4.0.dev20240501", "2.4.0a1", "2.4.0b2", "2.4.0rc1", "2.4.0rc2", "2.4", "2.4.0+cu121", "2.4.1"],
    ["2.4.0", "2.4.0.post1", "2.4.0.1", "2.4.1rc1", "2.4.1"],
    ["0.0rc1", "0.0", "0.0.1"],
    ["v4", "v5_2022-05-31", "v5_2022-06-01", "v5_2023", "v6rc1", "v6"],
    ["19.10-py3", "20.06-py3", "21.12-tf2-python-py3"],
)


@pytest.mark.parametrize("versions", ASCENDING, ids=lambda versions: versions[0])
def test_sort_keys_follow_the_versions(versions: list[str]) -> None:
    keys = [sort_key(version) for version in versions]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("first", "second"),
    [("550.54.14", "550.54.014"), ("2.4", "2.4.0"), ("v2.4", "2.4"), ("2.4.0RC1", "2.4rc1"), ("1-2_3", "1.2.3")],
)
def test_equal_versions_have_equal_keys(first: str, second: str) -> None:
    assert sort_key(first) == sort_key(second)


@given(st.text(max_size=300))
def test_any_text_has_a_printable_bounded_key(text: str) -> None:
    key = sort_key(text)
    assert key.isascii()
    assert key.isprintable()
    assert len(key) <= 1500


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=5), st.lists(st.integers(0, 10**9), min_size=1, max_size=5))
def test_numeric_versions_order_as_their_numbers(first: list[int], second: list[int]) -> None:
    def meaning(parts: list[int]) -> list[int]:
        end = len(parts)
        while end and parts[end - 1] == 0:
            end -= 1
        return parts[:end]

    keys = [sort_key(".".join(map(str, parts))) for parts in (first, second)]
    assert (keys[0] < keys[1]) == (meaning(first) < meaning(second))
    assert (keys[0] == keys[1]) == (meaning(first) == meaning(second))


@pytest.mark.parametrize(
    "versions", [["390.87", "450.36.06", "450.119.04", "535", "535.54.03", "535.104.05"]], ids=["drivers"]
)
def test_drivers_compare_as_numbers(versions: list[str]) -> None:
    for low, high in itertools.combinations(map(DriverVersion.parse, versions), 2):
        assert low < high
        assert high >= low
        assert low != high


def test_driver_knows_its_branch_and_text() -> None:
    driver = DriverVersion.parse(" 535.104.05 ")
    assert driver.branch == 535
    assert str(driver) == "535.104.05"
    assert driver == DriverVersion.parse("535.104.5")
    assert hash(driver) == hash(DriverVersion.parse("535.104.5"))


def test_cuda_versions() -> None:
    order = ["9.2", "9.2.88", "10.1", "12.4", "12.4.0", "12.4.1"]
    parsed = [CudaVersion.parse(text) for text in order]
    assert parsed == sorted(set(parsed))
    assert [str(version) for version in parsed] == order
    assert CudaVersion.parse("12.6.3.004") == CudaVersion(12, 6, 3)


def test_capabilities() -> None:
    assert ComputeCapability.parse("8.6") == ComputeCapability(8, 6)
    assert str(ComputeCapability.parse("12")) == "12.0"
    assert ComputeCapability.parse("9.0") < ComputeCapability.parse("10.0")


@pytest.mark.parametrize("text", ["", "12", "cu12.6", "12.x", "12.4.1-1", "12.4\N{ARABIC-INDIC DIGIT ONE}", "9" * 5000])
def test_what_is_no_cuda_version_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Invalid, match=r"12\.4\.1"):
        CudaVersion.parse(text)


@pytest.mark.parametrize("text", ["", "R535", "535.", "535-server", "1.2.3.4.5", "9" * 5000])
def test_what_is_no_driver_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Invalid, match=r"535\.104\.05"):
        DriverVersion.parse(text)


@pytest.mark.parametrize("text", ["", "sm_86", "8.6a", "8.6.1"])
def test_what_is_no_capability_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Invalid, match=r"8\.6"):
        ComputeCapability.parse(text)
