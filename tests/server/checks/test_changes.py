"""What one inspection says otherwise than another."""

from typing import Any

from bayplan.registry.diff import MOST_BYTES, changes


def platform(architecture: str = "amd64", size_bytes: int = 1, **facts: object) -> dict[str, Any]:
    """A platform of an inspection, as it is stored."""
    fields = {name: {"value": value, "source": "env", "certainty": "stated"} for name, value in facts.items()}
    return {
        "os": "linux",
        "architecture": architecture,
        "variant": None,
        "digest": "sha256:...",
        "size_bytes": size_bytes,
        "created": None,
        "facts": fields,
    }


def test_nothing_changed() -> None:
    assert changes([platform(cuda_version="12.4.1")], [platform(cuda_version="12.4.1")]) == []


def test_a_change_of_all_platforms_is_reported_once() -> None:
    old = [platform("arm64", cuda_version="12.4.1"), platform("amd64", cuda_version="12.4.1", nccl_version="2.21")]
    new = [platform("amd64", 2, cuda_version="12.6.0"), platform("arm64", cuda_version="12.6.0", licence="MIT")]
    assert changes(old, new) == [
        {"field": "cuda_version", "old": "12.4.1", "new": "12.6.0"},
        {"field": "nccl_version", "old": "2.21", "new": None},
        {"field": "size_bytes", "old": 1, "new": 2},
        {"field": "licence", "old": None, "new": "MIT"},
    ]


def test_platforms_that_come_and_go() -> None:
    assert changes([platform("amd64"), platform("arm64")], [platform("amd64"), platform("s390x")]) == [
        {"field": "platforms", "old": ["linux/amd64", "linux/arm64"], "new": ["linux/amd64", "linux/s390x"]}
    ]


def test_too_large_values_are_reported_by_name() -> None:
    field_changes = changes([platform(requirements="x" * MOST_BYTES, licence="MIT")], [platform(requirements="y")])
    assert field_changes == [{"field": name, "old": None, "new": None} for name in ("licence", "requirements")]
