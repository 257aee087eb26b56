"""Image compatibility specifications of Node Feature Discovery that are attached to images: their facts, and never more than they say."""

import json
import random
import time
from typing import Any

import pytest
import yaml

from bayplan.domain.compatibility.image import Image
from bayplan.domain.reference import Reference
from bayplan.domain.versions import ComputeCapability, DriverVersion
from bayplan.errors import Invalid
from bayplan.exports.needs import exported_platforms, gpu_terms, least_memory_mib
from bayplan.exports.nfd import nfd
from bayplan.registry.client import RegistryClient
from bayplan.registry.content import OCI_INDEX
from bayplan.registry.errors import ManifestInvalid
from bayplan.registry.inspect import inspect
from bayplan.registry.nfd_specification import ARTIFACT_TYPE, KIND, MEDIA_TYPE, MOST_BYTES, read_specification
from tests.domain.compatibility.catalogues import random_image
from tests.exports.floors import NGC, TORCH, floor_of
from tests.exports.test_targets import in_use
from tests.registry.asking import inspected
from tests.registry.attaching import EMPTY, artifact, by_api, by_tag, entry, values
from tests.registry.conftest import LOOPBACK
from tests.registry.misbehaving import Store, serving
from tests.registry.running import OCI_MANIFEST, Registry, configuration, digest_of

MAJOR, MINOR, REVISION = (f"nvidia.com/cuda.driver-version.{part}" for part in ("major", "minor", "revision"))


def specification(*expressions: dict[str, Any], feature: str = "local.label", **of_set: Any) -> dict[str, Any]:
    """A specification of which one of these sets of expressions has to match."""
    matches = [{"matchFeatures": [{"feature": feature, "matchExpressions": each}]} for each in expressions]
    return {"version": "v1alpha1", "compatibilities": [{"rules": [{"name": "a", "matchAny": matches}], **of_set}]}


def op(operator: str, *values: str) -> dict[str, Any]:
    """An expression."""
    return {"op": operator, "value": list(values)}


def facts(document: Any, architecture: str = "amd64") -> dict[str, Any]:
    """The facts of a specification."""
    body = document if isinstance(document, bytes) else yaml.safe_dump(document).encode()
    read = read_specification(body, "The specification").facts_on(architecture)
    assert all((fact.source, fact.certainty) == (KIND, "stated") for fact in read.values())
    return {name: fact.value for name, fact in read.items()}


@pytest.mark.parametrize(
    ("document", "read"),
    [
        (specification({MAJOR: op("Gt", "549")}), {"min_driver": "550"}),
        (specification({"nvidia.com/cuda.driver.major": op("In", "550", "535")}), {"min_driver": "535"}),
        (specification({MAJOR: op("Gt", "550")}, {MAJOR: op("In", "550"), MINOR: op("Gt", "53")}), {"min_driver": "550.54"}),
        (specification({MAJOR: op("Gt", "550")}, {"other": op("In", "x")}), {}),
        (specification({MINOR: op("Gt", "53")}), {}),
        (specification({MAJOR: op("Lt", "550")}), {}),
        (specification({MAJOR: op("GtLt", "534", "551")}), {"min_driver": "535"}),
        (specification({MAJOR: {"op": "Exists"}}), {}),
        (specification({MAJOR: op("NotIn", "550")}), {}),
        (specification({MAJOR: op("InRegexp", "(a+)+$")}), {}),
        (specification({MAJOR: op("Gt", "x")}), {}),
        (specification({MAJOR: op("Gt", "1", "2")}), {}),
        (specification({MAJOR: {"op": "Gt", "value": 549}}), {}),
        (specification({MAJOR: 7}), {}),
        (specification({MAJOR: op("Gt", "549")}, feature="kernel.version"), {}),
        (specification({MAJOR: op("Gt", "549")}, feature="local.feature"), {"min_driver": "550"}),
        (specification({MAJOR: op("Gt", "549")}, tag="arm64"), {}),
        (specification({MAJOR: op("Gt", "549")}, tag="production"), {"min_driver": "550"}),
        (
            specification({"nvidia.com/gpu.compute.major": op("In", "8", "9"), "nvidia.com/gpu.compute.minor": op("In", "6", "0")}),
            {"min_compute_capability": "8.0"},
        ),
        (specification({"nvidia.com/gpu.compute.major": op("In", "8")}), {}),
        (specification({"nvidia.com/gpu.memory": op("Gt", "40959")}), {"min_gpu_memory_bytes": 40960 << 20}),
        (specification({"nvidia.com/gpu.count": op("Gt", "3")}), {"min_gpus": 4}),
        (specification({"nvidia.com/gpu.count": op("Gt", "0")}), {}),
        ({"version": "v1alpha1", "compatibilities": [{"rules": []}]}, {}),
    ],
)  # fmt: skip
def test_what_every_admitted_node_has_is_a_fact(document: dict[str, Any], read: dict[str, Any]) -> None:
    assert facts(document) == read


def test_all_rules_hold_and_one_of_the_sets() -> None:
    def one() -> Any:
        return specification({MAJOR: op("Gt", "549")})["compatibilities"][0]

    rule = {"matchFeatures": [{"feature": "local.label", "matchExpressions": {MAJOR: op("Gt", "569")}}]}
    both = {"rules": [*one()["rules"], rule]}
    assert facts({"version": "v1alpha1", "compatibilities": [both]}) == {"min_driver": "570"}
    assert facts({"version": "v1alpha1", "compatibilities": [one(), both]}) == {"min_driver": "550"}
    assert facts({"version": "v1alpha1", "compatibilities": [one(), {"rules": []}]}) == {}


BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\nversion: v1alpha1\ncompatibilities: [*b]\n"
ODD = {
    "no YAML": b"\tx: [",
    "bytes": b"\xff\xfe\x00",
    "an alias": BOMB,
    "a tag": b"!!python/object/apply:os.system ['true']",
    "too deep": b"version: v1alpha1\ncompatibilities: " + b"[" * 100 + b"]" * 100,
    "too many parts": b"version: v1alpha1\ncompatibilities: [" + b"x," * 60_000 + b"]",
    "too large": b"#" * (MOST_BYTES + 1),
    "another version": b"version: v2\ncompatibilities: [{rules: []}]",
    "no object": b"[]",
    "nothing": b"",
    "no list": b"version: v1alpha1\ncompatibilities: {}",
    "odd sets": b"version: v1alpha1\ncompatibilities: [7]",
    "odd rules": b"version: v1alpha1\ncompatibilities: [{rules: x}]",
    "merged keys": b"version: v1alpha1\ncompatibilities: [{<<: {tag: arm64}, rules: []}]",
    "a key that is a list": b"version: v1alpha1\n? [a]\n: b\ncompatibilities: [{rules: []}]",
    "odd terms": b"version: v1alpha1\ncompatibilities: [{rules: [{matchFeatures: 3}]}]",
    "odd matchers": b"version: v1alpha1\ncompatibilities: [{rules: [{matchAny: [3]}]}]",
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_specification_is_refused(odd: str) -> None:
    with pytest.raises(ManifestInvalid, match=r"^The specification "):
        read_specification(ODD[odd], "The specification")


@pytest.mark.parametrize(
    "value",
    ["1:" * 100_000 + "1.5", "1:" * 100_000 + "1", "!!int ''", "!!bool maybe", "9" * 200_000, "!!timestamp 2026-99-99"],
    ids=["fraction of 60ths", "60ths", "no number", "no switch", "long", "no date"],
)
def test_a_value_that_is_no_text_is_not_read_and_spoils_nothing(value: str) -> None:
    text = f"x: {value}\n" + yaml.safe_dump(specification({MAJOR: op("Gt", "549")}))
    began = time.process_time()
    assert read_specification(text.encode(), "The specification").values() == {"min_driver": "550"}
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "pattern", ["^0*([[5])$", "^0*([5||6])$", "^0*([5--6])$", "^0*(5{,3})$", "^0*([9-5])$", "^0*()$"]
)
def test_a_pattern_that_go_reads_otherwise_gives_no_bound(pattern: str) -> None:
    assert facts(specification({MAJOR: op("InRegexp", pattern)})) == {}


@pytest.mark.parametrize("seed", range(3))
def test_a_specification_that_was_written_here_is_read_with_the_same_meaning(seed: int) -> None:
    dice, compared = random.Random(seed), 0
    for image in (TORCH, NGC, *(in_use(random_image(dice)) for _ in range(8))):
        compared += _is_read_back(image)
    assert compared > 1


def _is_read_back(image: Image) -> int:
    floor, compared = floor_of(image), 0
    try:
        platforms = [platform for platform in exported_platforms(floor) if gpu_terms(platform)]
    except Invalid:
        return 0
    for platform in platforms:
        read = facts(nfd(floor).encode(), platform["architecture"])
        terms = gpu_terms(platform)
        firsts = [drivers.first for term in terms for drivers in term.drivers]
        smallest = min(first or () for first in firsts)
        driver = DriverVersion.parse(read["min_driver"]).parts if "min_driver" in read else ()
        assert driver == smallest[:3] if len(smallest) <= 3 else driver > smallest[:3]
        capability = ComputeCapability.parse(read["min_compute_capability"])
        assert (capability.major, capability.minor) == min((term.major, min(term.minors)) for term in terms)
        assert read.get("min_gpu_memory_bytes", 0) >> 20 == (least_memory_mib(platform) or 0)
        assert read.get("min_gpus", 1) == (platform["gpu_count"] or 1)
        compared += 1
    return compared


@pytest.mark.anyio
@pytest.mark.parametrize("place", [by_api, by_tag])
async def test_an_attached_specification_gives_facts(place: Any) -> None:
    store = Store()
    image = store.image("1", env={"CUDA_VERSION": "12.4.1"})
    place(store, image, yaml.safe_dump(specification({MAJOR: op("Gt", "549")})).encode(), MEDIA_TYPE)
    async with serving(store.answer) as server:
        (platform,) = (await inspected(server)).platforms
    assert values(platform)["min_driver"] == "550"
    assert values(platform)["cuda_version"] == "12.4.1"
    assert [(each.kind, each.packages, each.problem) for each in platform.attached] == [(KIND, None, None)]


@pytest.mark.anyio
async def test_the_weakest_of_several_specifications_counts() -> None:
    store = Store()
    image = store.image("1", env={"CUDA_VERSION": "12.4.1"})
    older, newer = (yaml.safe_dump(specification({MAJOR: op("Gt", bound)})).encode() for bound in ("579", "549"))
    entries = [entry(artifact(store, each, MEDIA_TYPE), artifactType=ARTIFACT_TYPE) for each in (older, newer)]
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    store.documents[f"/v2/ml/x/referrers/{digest_of(image)}"] = (OCI_INDEX, body)
    async with serving(store.answer) as server:
        (platform,) = (await inspected(server)).platforms
    assert values(platform)["min_driver"] == "550"
    assert [each.kind for each in platform.attached] == [KIND, KIND]


@pytest.mark.anyio
async def test_an_odd_specification_is_a_note_and_no_fact() -> None:
    store = Store()
    image = store.image("1", env={"CUDA_VERSION": "12.4.1"})
    by_api(store, image, BOMB, MEDIA_TYPE)
    async with serving(store.answer) as server:
        (platform,) = (await inspected(server)).platforms
    assert "min_driver" not in platform.facts
    assert [each.problem for each in platform.attached] == ["The specification has an alias, which is not read."]


@pytest.mark.anyio
async def test_a_real_registry_keeps_a_specification_as_oras_attaches_it(open_registry: Registry) -> None:
    """Without the referrers API: under the tag that stands for it."""
    subject = open_registry.image("team/needs", "1", configuration({"CUDA_VERSION": "12.4.1"}))
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": ARTIFACT_TYPE,
        "config": {"mediaType": EMPTY, **open_registry.blob("team/needs", b"{}")},
        "layers": [{"mediaType": MEDIA_TYPE, **open_registry.blob("team/needs", nfd(floor_of(TORCH)).encode())}],
        "subject": {name: subject[name] for name in ("mediaType", "digest", "size")},
    }
    attached = open_registry.manifest("team/needs", "", json.loads(json.dumps(document)))
    entries = [{**attached, "artifactType": ARTIFACT_TYPE}]
    open_registry.index("team/needs", subject["digest"].replace(":", "-"), entries, OCI_INDEX)
    async with RegistryClient(LOOPBACK, ca=open_registry.ca) as client:
        reference = Reference.parse(f"{open_registry.host}/team/needs:1")
        (platform,) = (await inspect(client, reference, open_registry.login)).platforms
    assert {name: fact.value for name, fact in platform.facts.items() if name.startswith("min_")} == {
        "min_driver": "525.60.13",
        "min_compute_capability": "7.5",
        "min_gpu_memory_bytes": 14746 << 20,
    }
