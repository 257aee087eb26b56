"""Real catalogues, whole: 23 images of the UFDL project and every tag of the AWS Deep Learning Containers.

Their lists lie beside the repository where the project is developed (`../shared/data`), and are not part of it. They go
through the API into a real server as their keepers wrote them, as far as that can be: what has to be converted is here.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.process import Server

DATA = Path(__file__).parents[2] / "shared" / "data"
Body = dict[str, Any]

pytestmark = pytest.mark.skipif(
    not (DATA / "ufdl-images.jsonl").is_file(),
    reason=f"the real catalogues are not on this machine (searched in {DATA})",
)

A100 = {
    "driver_version": "535.104.05",
    "compute_capability": "8.0",
    "gpu_name": "NVIDIA A100-SXM4-80GB",
    "gpu_brand": "Nvidia",
    "architecture": "amd64",
}
B200 = {
    "driver_version": "580.95.05",
    "compute_capability": "10.0",
    "gpu_name": "NVIDIA B200",
    "gpu_brand": "Nvidia",
    "architecture": "amd64",
}
CPU_BOX = {"architecture": "amd64"}


def lines(name: str) -> list[Body]:
    """The entries of a JSON-lines file."""
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def from_ufdl(entry: Body) -> tuple[Body, Body]:
    """The framework and the image of a UFDL entry: its own words, moved out of the nested objects."""
    framework = entry["framework"]
    registry = entry["registry"]
    image = {key: entry[key] for key in ("name", "version", "url", "cuda_version", "domain", "tasks", "cpu", "license")}
    return framework, image | {
        "registry_url": registry["url"],
        "registry_username": registry["user"],
        "registry_password": registry["password"],
        "framework": f"{framework['name']} {framework['version']}",
        "min_hardware_generation": entry["min_hardware_generation"] or None,
    }


PUBLIC = "public.ecr.aws/deep-learning-containers"
PRIVATE = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
DOMAINS = {"WhisperX": "sp", "XGBoost": "sc", "Scikit-Learn": "sc", "AutoGluon": "sc"}
OLDEST = {"11": "Kepler", "12": "Maxwell", "13": "Turing"}
"""The oldest generation that a CUDA family still has code for."""


def from_aws(entry: Body) -> Iterator[tuple[Body, Body, Body]]:
    """The framework, the image and the facts for each tag of an AWS entry. "cu124" is CUDA 12.4; where no CUDA is named
    (CPU, Neuron, Triton) the image is taken for one that runs without."""
    framework = {"name": entry["framework"], "version": entry["version"]}
    digits = entry.get("cuda", "").removeprefix("cu")
    host = PUBLIC if entry.get("public_registry") else PRIVATE
    for tag in entry["tags"]:
        image = {
            "name": entry["repository"],
            "version": tag,
            "url": f"{host}/{entry['repository']}:{tag}",
            "registry": f"https://{host.partition('/')[0]}",
            "cuda_version": f"{digits[:-1]}.{digits[-1]}" if digits else None,
            "min_hardware_generation": OLDEST[digits[:-1]] if digits else None,
            "cpu": not digits,
            "framework": f"{framework['name']} {framework['version']}",
            "domain": DOMAINS.get(entry["framework"], "ic"),
            "tasks": ["train"] if "training" in entry["repository"] else ["predict"],
            "licence": "Apache-2.0",
        }
        architectures = ["arm64"] if entry["repository"].endswith("-arm64") else ["amd64"]
        end = {"end_of_life": entry["eop"]} if "eop" in entry else {}
        yield framework, image, {"architectures": architectures} | end


def aws_images() -> dict[tuple[str, str], tuple[Body, Body, Body]]:
    """The image of each repository and tag: a tag like "0.19-gpu-py312" moves on, so its last entry counts."""
    every = (image for entry in lines("aws-dlc-images.jsonl") for image in from_aws(entry))
    return {(image["name"], image["version"]): (framework, image, facts) for framework, image, facts in every}


def load(client: httpx2.Client, entries: list[tuple[Body, Body, Body]]) -> list[Body]:
    """Creates the frameworks and the images one by one, as a keeper of images would; gives the images as answered."""
    made = []
    frameworks: set[tuple[str, str]] = set()
    for framework, image, facts in entries:
        key = (framework["name"], framework["version"])
        if key not in frameworks:
            frameworks.add(key)
            answer = client.post("/v1/frameworks/create", json=framework)
            assert answer.status_code == 201, answer.text
        answer = client.post("/v1/docker/create", json=image)
        assert answer.status_code == 201, f"{image}: {answer.text}"
        made.append(answer.json())
        if facts:
            patched = client.patch(f"/v1/docker/{made[-1]['pk']}/facts", json=facts)
            assert patched.status_code == 200, patched.text
    return made


def verdicts(client: httpx2.Client, worker: Body) -> Body:
    """The whole answer for a worker."""
    answer = client.post("/v1/docker/match", json={"worker": worker, "explain": True})
    assert answer.status_code == 200, answer.text
    body: Body = answer.json()
    assert body["considered"] == len(body["matches"]) + len(body["rejected"])
    assert all(row["reasons"] for row in body["rejected"])
    assert all(reason["detail"] for row in body["rejected"] for reason in row["reasons"])
    return body


@pytest.fixture(scope="module")
def ufdl(start_server: Callable[..., AbstractContextManager[Server]]) -> Iterator[tuple[httpx2.Client, list[Body]]]:
    """A server with the UFDL project's images, and those as answered."""
    with start_server() as server, server.client() as client:
        yield client, load(client, [(*from_ufdl(entry), {}) for entry in lines("ufdl-images.jsonl")])


@pytest.fixture(scope="module")
def aws(start_server: Callable[..., AbstractContextManager[Server]]) -> Iterator[tuple[httpx2.Client, list[Body]]]:
    """A server with every tag of the AWS Deep Learning Containers, applied as one document, and those as answered."""
    with start_server() as server, server.client() as client:
        entries = list(aws_images().values())
        frameworks = {(framework["name"], framework["version"]): framework for framework, _, _ in entries}
        document = {
            "frameworks": list(frameworks.values()),
            "images": [image | {"facts": facts} for _, image, facts in entries],
        }
        applied = client.post("/v1/catalogue/apply", json=document, timeout=60)
        assert applied.status_code == 200, applied.text
        yield client, client.post("/v1/docker/list").json()


def test_ufdl_is_stored_as_it_was_written(ufdl: tuple[httpx2.Client, list[Body]]) -> None:
    """All 23 images are listed, in the server's own field names, with the values of the file."""
    client, made = ufdl
    entries = lines("ufdl-images.jsonl")
    assert len(made) == len(entries) == 23
    listed = client.post("/v1/docker/list?expand=cuda_version,framework,licence,min_hardware_generation").json()
    assert len(listed) == 23
    for entry, image in zip(entries, listed, strict=True):
        assert (image["name"], image["version"], image["url"]) == (entry["name"], entry["version"], entry["url"])
        assert image["tasks"] == entry["tasks"]
        assert image["domain"] == entry["domain"]
        assert (image["framework"]["name"], image["framework"]["version"]) == tuple(entry["framework"].values())
        if entry["cuda_version"] == "0.0":
            assert image["cuda_version"] is None
            assert image["min_hardware_generation"] is None
        else:
            assert image["cuda_version"]["version"] == entry["cuda_version"]
            assert image["min_hardware_generation"]["generation"] == entry["min_hardware_generation"]
    permissions = {image["licence"]["name"]: image["licence"]["permissions"] for image in listed}
    assert len(permissions) == len({entry["license"] for entry in entries})
    assert all("commercial-use" in words for words in permissions.values())


def test_ufdl_matches(ufdl: tuple[httpx2.Client, list[Body]]) -> None:
    """An A100 with driver 535 runs the CUDA 11 images; a Blackwell runs none of these old ones but those for a CPU."""
    client, made = ufdl
    without_cuda = {image["pk"] for image in made if image["cuda_version"] is None}
    a100 = {match["image"]["pk"]: match["grade"] for match in verdicts(client, A100)["matches"]}
    assert {made_of["pk"] for made_of in made if made_of["name"] == "mmsegmentation"} <= a100.keys()
    assert {a100[pk] for pk in without_cuda} == {"cpu"}
    for worker in (B200, CPU_BOX):
        answer = verdicts(client, worker)
        assert answer["considered"] == 23
        assert {match["image"]["pk"] for match in answer["matches"]} == without_cuda


def test_aws_is_stored_whole(aws: tuple[httpx2.Client, list[Body]]) -> None:
    """Every tag of a repository is one image."""
    client, made = aws
    tags = {(entry["repository"], tag) for entry in lines("aws-dlc-images.jsonl") for tag in entry["tags"]}
    assert len(made) == len(tags) == 540
    listed = client.post("/v1/docker/list").json()
    assert {(image["name"], image["version"]) for image in listed} == tags


def test_aws_matches(aws: tuple[httpx2.Client, list[Body]]) -> None:
    """What needs a driver of branch 580 does not run on 535, and does on 580; arm64 images run on neither."""
    client, made = aws
    releases = {row["pk"]: row["version"] for row in client.post("/v1/cuda/list").json()}
    family_13 = {
        image["pk"] for image in made if image["cuda_version"] and releases[image["cuda_version"]].startswith("13.")
    }
    arm64 = {image["pk"] for image in made if image["name"].endswith("-arm64")}
    old, new = verdicts(client, A100), verdicts(client, B200)
    assert old["considered"] == new["considered"] == len(made)
    on_old = {match["image"]["pk"] for match in old["matches"]}
    on_new = {match["image"]["pk"] for match in new["matches"] if match["grade"] in ("native", "minor")}
    assert family_13
    assert not family_13 & on_old
    assert family_13 & on_new
    assert not arm64 & (on_old | on_new)
    assert any(line["code"] == "driver_too_old" and line["images"] > 0 for line in old["summary"])
