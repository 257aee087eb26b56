"""The question, over HTTP: which image runs on this worker, and why the others do not."""

from typing import Any

import pytest

from tests.answers import refused
from tests.catalogue import DOCKER_FIELDS, image
from tests.conftest import Service

A6000: dict[str, Any] = {
    "driver_version": "535.104.05",
    "compute_capability": "8.6",
    "gpu_name": "NVIDIA RTX A6000",
    "gpu_brand": "NvidiaRTX",
    "gpu_mem": 51527024640,
    "cpu_mem": 270582939648,
    "architecture": "amd64",
}
K80 = {"driver_version": "470.57.02", "compute_capability": "3.7", "gpu_name": "Tesla K80", "gpu_brand": "Tesla"}
NO_GPU = {"architecture": "amd64", "cpu_mem": 1 << 34}
GRADES = ["native", "minor", "forward", "cpu", "jit", "unknown", "no"]
REASON = {"grade", "code", "needed", "found", "detail", "remedy", "source"}


@pytest.fixture(scope="module")
def stocked(shared: Service) -> Service:
    """Five images that an A6000 with driver 535 takes by different grades, or not at all."""
    for name, version in (("PyTorch", "2.10"), ("TensorFlow", "2.16.1")):
        shared.make("frameworks", name=name, version=version)
    pascal = {"min_hardware_generation": "Pascal"}
    for body in (
        {"name": "native-old", "cuda_version": "11.8.0", "framework": "PyTorch 2.4"} | pascal,
        {"name": "native-new", "cuda_version": "12.2.0", "framework": "PyTorch 2.10", "tasks": ["train"]} | pascal,
        {"name": "minor", "cuda_version": "12.4.1", "framework": "PyTorch 2.10"} | pascal,
        {"name": "too-new", "cuda_version": "13.0.0", "framework": "PyTorch 2.10"} | pascal,
        {"name": "hopper-only", "cuda_version": "12.2.0", "min_hardware_generation": "Hopper"},
        {"name": "cpu", "cuda_version": None, "min_hardware_generation": None, "cpu": True, "domain": "ic",
         "framework": "TensorFlow 2.16.1", "tasks": ["predict"]},
    ):  # fmt: skip
        shared.make("docker", **body)
    return shared


def ask(service: Service, **question: object) -> dict[str, Any]:
    """The answer to a question, of the specified shape."""
    response = service.user.post("/v1/docker/match", json=question)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    expected = {"worker", "considered", "matches", "summary"} | ({"rejected"} if question.get("explain") else set())
    assert set(answer) == expected
    for entry in answer["matches"] + answer.get("rejected", []):
        assert set(entry) == {"image", "grade", "reasons"}
        assert list(entry["image"]) == list(DOCKER_FIELDS)
        assert entry["grade"] in GRADES
        assert all(set(reason) == REASON for reason in entry["reasons"]), entry["reasons"]
    for line in answer["summary"]:
        assert {"code", "images", "remedy"} <= set(line)
    return answer


def graded(answer: dict[str, Any], part: str = "matches") -> list[tuple[str, str]]:
    """Names and grades, in order."""
    return [(entry["image"]["name"], entry["grade"]) for entry in answer[part]]


def test_the_best_image_is_first_and_the_order_is_total(stocked: Service) -> None:
    answer = ask(stocked, worker=A6000)
    assert graded(answer) == [("native-new", "native"), ("native-old", "native"), ("minor", "minor"), ("cpu", "cpu")]
    assert answer["considered"] == 6
    assert answer == ask(stocked, worker=A6000)


def test_explain_says_of_every_other_image_why_not(stocked: Service) -> None:
    answer = ask(stocked, worker=A6000, explain=True)
    assert sorted(graded(answer, "rejected")) == [("hopper-only", "no"), ("too-new", "no")]
    codes = {entry["image"]["name"]: {reason["code"] for reason in entry["reasons"]} for entry in answer["rejected"]}
    assert "generation_too_old" in codes["hopper-only"]
    assert "driver_too_old" in codes["too-new"]
    for entry in answer["rejected"]:
        for reason in entry["reasons"]:
            assert reason["detail"].endswith(".")
            assert reason["source"]
            assert reason["remedy"] is None or reason["remedy"].endswith(".")
    assert len(answer["matches"]) + len(answer["rejected"]) == answer["considered"]


def test_all_reasons_are_given_not_the_first(stocked: Service) -> None:
    answer = ask(stocked, worker=K80, explain=True)
    reasons = next(entry["reasons"] for entry in answer["rejected"] if entry["image"]["name"] == "too-new")
    codes = {reason["code"] for reason in reasons}
    assert {"driver_too_old", "generation_too_old"} <= codes
    assert codes & {"gpu_dropped_by_cuda", "gpu_not_in_build"}  # the framework's build is known, or it is not


def test_a_worker_without_a_driver_has_no_gpu(stocked: Service) -> None:
    answer = ask(stocked, worker=NO_GPU, explain=True)
    assert graded(answer) == [("cpu", "cpu")]
    for entry in answer["rejected"]:
        assert "needs_gpu" in {reason["code"] for reason in entry["reasons"]}


@pytest.mark.parametrize(
    ("narrowing", "expected"),
    [
        ({"task": "train"}, ["native-new", "native-old", "minor"]),
        ({"task": "TRAIN"}, ["native-new", "native-old", "minor"]),
        ({"task": "predict"}, ["native-old", "minor", "cpu"]),
        ({"domain": "IC"}, ["cpu"]),
        ({"framework": "pytorch"}, ["native-new", "native-old", "minor"]),
        ({"framework": "PyTorch>=2.5"}, ["native-new", "minor"]),
        ({"framework": "pytorch>=2.1,<3"}, ["native-new", "native-old", "minor"]),
        ({"framework": "pytorch ==2.4"}, ["native-old"]),
        ({"framework": "tensorflow~=2.16.0"}, ["cpu"]),
        ({"grades": ["minor"]}, ["minor"]),
        ({"grades": ["native"]}, ["native-new", "native-old"]),
        ({"grades": ["cpu", "minor"]}, ["minor", "cpu"]),
        ({"limit": 1}, ["native-new"]),
        ({"filter": {"expressions": [{"type": "exact", "field": "name", "value": "minor"}]}}, ["minor"]),
        ({"filter": {}}, ["native-new", "native-old", "minor", "cpu"]),
        ({"grades": []}, []),
    ],
    ids=str,
)
def test_a_question_is_narrowed(stocked: Service, narrowing: dict[str, Any], expected: list[str]) -> None:
    if narrowing == {"grades": []}:
        response = stocked.user.post("/v1/docker/match", json={"worker": A6000, **narrowing})
        assert response.status_code in (200, 422)
        return
    assert [name for name, _ in graded(ask(stocked, worker=A6000, **narrowing))] == expected


def test_considered_counts_what_the_question_is_about(stocked: Service) -> None:
    assert ask(stocked, worker=A6000, domain="ic")["considered"] == 1
    assert ask(stocked, worker=A6000, framework="pytorch", limit=1)["considered"] == 5
    assert ask(stocked, worker=A6000, task="no such task")["considered"] == 0


@pytest.mark.parametrize(
    ("asked", "code", "exists"),
    [
        ({"task": "juggle"}, "no_such_task", "train"),
        ({"domain": "zz"}, "no_such_domain", "od"),
        ({"framework": "caffe"}, "no_such_framework", "PyTorch"),
        ({"framework": "pytorch>=99"}, "no_such_framework", "2.10"),
    ],
    ids=str,
)
def test_a_value_that_no_image_has_is_reported_with_those_that_exist(
    stocked: Service, asked: dict[str, str], code: str, exists: str
) -> None:
    answer = ask(stocked, worker=A6000, **asked)
    assert answer["matches"] == []
    (line,) = [line for line in answer["summary"] if line["code"] == code]
    assert exists in line["remedy"]


def test_an_empty_answer_counts_the_reasons_most_frequent_first(stocked: Service) -> None:
    answer = ask(stocked, worker=K80, grades=["native", "minor", "forward"])
    assert answer["matches"] == []
    counts = [line["images"] for line in answer["summary"]]
    assert counts == sorted(counts, reverse=True)
    assert "generation_too_old" in {line["code"] for line in answer["summary"]}


def test_a_driver_upgrade_that_would_help_is_named(stocked: Service) -> None:
    old = A6000 | {"driver_version": "440.33.01"}
    answer = ask(stocked, worker=old, framework="pytorch")
    assert answer["matches"] == []
    (line,) = [line for line in answer["summary"] if line["code"] == "driver_too_old"]
    assert line["images"] >= 3
    assert any(version in line["remedy"] for version in ("450.80.02", "520.61.05"))


def test_a_node_is_asked_for_by_its_key(stocked: Service) -> None:
    node = stocked.make("nodes", **A6000)
    by_key, by_facts = ask(stocked, node=node["pk"]), ask(stocked, worker=A6000)
    assert by_key["matches"] == by_facts["matches"]
    assert by_key["worker"]["driver_version"] == "535.104.05"


def test_a_gpu_that_is_only_named_is_looked_up(stocked: Service) -> None:
    named = {"driver_version": "535.104.05", "gpu_name": "a6000", "architecture": "amd64"}
    assert graded(ask(stocked, worker=named)) == graded(ask(stocked, worker=A6000))
    for worker in ({"gpu_name": "4090"}, {"compute_capability": "8.9"}, {"gpu_name": "Frobnicator 9"}):
        answer = ask(stocked, worker=worker, explain=True)
        assert graded(answer) == [("cpu", "cpu")]
        assert {grade for _, grade in graded(answer, "rejected")} <= {"unknown", "no"}
        assert "needs_gpu" not in {line["code"] for line in answer["summary"]}


WORKER_OR_NODE: tuple[tuple[dict[str, Any], int], ...] = (
    ({}, 422),
    ({"node": 999999, "worker": A6000}, 422),
    ({"node": None, "worker": None}, 422),
)


@pytest.mark.parametrize(("question", "status"), WORKER_OR_NODE, ids=str)
def test_a_node_or_a_worker_is_needed(stocked: Service, question: dict[str, Any], status: int) -> None:
    refused(stocked.user.post("/v1/docker/match", json=question), status)


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"node": 999999, "worker": None}, "node"),
    ({"node": "one", "worker": None}, "node"),
    ({"worker": A6000 | {"driver_version": "newest"}}, "worker.driver_version"),
    ({"worker": A6000 | {"compute_capability": 8.6}}, "worker.compute_capability"),
    ({"worker": A6000 | {"compute_capability": "eight"}}, "worker.compute_capability"),
    ({"worker": A6000 | {"colour": "red"}}, "worker.colour"),
    ({"worker": A6000 | {"gpu_mem": -1}}, "worker.gpu_mem"),
    ({"worker": A6000 | {"runtime_mode": "magic"}}, "worker.runtime_mode"),
    ({"worker": "A6000"}, "worker"),
    ({"framework": "pytorch>=>2"}, "framework"),
    ({"framework": ">=2"}, "framework"),
    ({"framework": 2}, "framework"),
    ({"task": 5}, "task"),
    ({"task": ["train"]}, "task"),
    ({"domain": 5}, "domain"),
    ({"grades": ["excellent"]}, "grades.0"),
    ({"grades": "native"}, "grades"),
    ({"limit": 0}, "limit"),
    ({"limit": -1}, "limit"),
    ({"limit": "ten"}, "limit"),
    ({"explain": "yes"}, "explain"),
    ({"filter": {"expressions": [{"type": "exact", "field": "colour", "value": 1}]}}, "filter.expressions.0.field"),
    ({"filter": []}, "filter"),
    ({"colour": "red"}, "colour"),
)


@pytest.mark.parametrize(("changes", "field"), WRONG, ids=str)
def test_a_wrong_question_is_refused_where_it_is_wrong(stocked: Service, changes: dict[str, Any], field: str) -> None:
    question = {key: value for key, value in ({"worker": A6000} | changes).items() if value is not None}
    response = stocked.user.post("/v1/docker/match", json=question)
    if changes.get("node") == 999999:
        assert response.status_code in (404, 422)
        refused(response, response.status_code)
        return
    body = refused(response, 422)
    assert any(part["field"].startswith(field) for part in body["errors"]), body


def test_one_image_is_judged_over_all_nodes(service: Service) -> None:
    image = service.make("docker", cuda_version="12.4.1")
    new = service.make("nodes", driver_version="550.54.15")
    old = service.make("nodes", driver_version="470.57.02")
    answer = service.user.get(f"/v1/docker/{image['pk']}/nodes").json()
    assert set(answer) == {"image", "nodes"}
    assert answer["image"] == image
    grades = {entry["node"]["pk"]: entry["grade"] for entry in answer["nodes"]}
    assert grades == {new["pk"]: "native", old["pk"]: "no"}
    for entry in answer["nodes"]:
        assert set(entry) == {"node", "grade", "reasons"}
        assert all(set(reason) == REASON for reason in entry["reasons"])


def test_one_node_is_judged_over_all_images_as_a_match_would(service: Service) -> None:
    for cuda in ("11.8.0", "12.2.0", "12.4.1", "13.0.0"):
        service.make("docker", cuda_version=cuda)
    node = service.make("nodes", **A6000)
    answer = service.user.get(f"/v1/nodes/{node['pk']}/images").json()
    assert set(answer) == {"node", "images"}
    assert answer["node"] == node
    question = {"node": node["pk"], "explain": True}
    matched = service.user.post("/v1/docker/match", json=question).json()
    expected = {entry["image"]["pk"]: entry["grade"] for entry in matched["matches"] + matched["rejected"]}
    assert {entry["image"]["pk"]: entry["grade"] for entry in answer["images"]} == expected
    assert len(answer["images"]) == 4


@pytest.mark.parametrize("path", ["/v1/docker/999999/nodes", "/v1/nodes/999999/images"])
def test_verdicts_of_what_does_not_exist_are_404(shared: Service, path: str) -> None:
    refused(shared.user.get(path), 404)


def test_the_gpus_of_a_machine_are_its_nodes(service: Service) -> None:
    nodes = [service.make("nodes", ip="192.0.2.40", index=index, **A6000) for index in range(2)]
    alone = service.make("nodes", ip="192.0.2.41", **A6000)
    service.make("nodes", ip="192.0.2.41", index=1, **dict.fromkeys(A6000))
    body = service.make("docker", cuda_version="12.2.0")
    service.staff.patch(f"/v1/docker/{body['pk']}/facts", json={"min_gpus": 2}).raise_for_status()
    for node, grade in ((nodes[0], "native"), (nodes[1], "native"), (alone, "no")):
        assert service.user.get(f"/v1/nodes/{node['pk']}/images").json()["images"][0]["grade"] == grade
    verdicts = service.user.get(f"/v1/docker/{body['pk']}/nodes").json()["nodes"]
    assert {entry["node"]["ip"]: entry["grade"] for entry in verdicts} == {"192.0.2.40": "native", "192.0.2.41": "no"}


def test_an_image_added_a_moment_ago_is_matched_at_once(service: Service) -> None:
    assert ask(service, worker=A6000)["considered"] == 0
    made = service.make("docker", cuda_version="12.2.0")
    assert [entry["image"] for entry in ask(service, worker=A6000)["matches"]] == [made]
    service.staff.patch(f"/v1/docker/{made['pk']}", json={"cuda_version": "13.0.0"})
    assert ask(service, worker=A6000)["matches"] == []
    service.staff.delete(f"/v1/docker/{made['pk']}")
    assert ask(service, worker=A6000)["considered"] == 0


def test_what_staff_change_in_the_cuda_table_is_what_the_rules_use(service: Service) -> None:
    made = service.make("docker", cuda_version="12.2.0")
    question = {"worker": A6000, "grades": ["native"]}
    assert len(ask(service, **question)["matches"]) == 1
    service.staff.patch(f"/v1/cuda/{made['cuda_version']}", json={"min_driver_version": "560.28.03"})
    assert ask(service, **question)["matches"] == []


def test_what_staff_change_in_the_hardware_table_is_what_the_rules_use(service: Service) -> None:
    ranged = {"min_compute_capability": 20.0, "max_compute_capability": 21.0}
    service.make("hardware", generation="Feynman", **ranged)
    service.make("docker", min_hardware_generation="Feynman")
    service.make("docker", min_hardware_generation="Hopper")
    answer = ask(service, worker=A6000 | {"compute_capability": "9.0", "driver_version": "580.65.06"}, explain=True)
    codes = [[reason["code"] for reason in entry["reasons"]] for entry in answer["rejected"]]
    assert len(codes) == 1
    assert "generation_too_old" in codes[0]


def test_only_what_a_long_answer_shows_is_in_the_audit_log(service: Service) -> None:
    """So many images are read at once that all of the catalogue is; the passwords of the others stay where they are."""
    credentials = {"registry_username": "robot", "registry_password": "a registry's password"}
    images = [image(tasks=["train"], **credentials) for _ in range(505)] + [image(tasks=["predict"], **credentials)]
    service.staff.post("/v1/catalogue/apply", json={"images": images}).raise_for_status()
    asked = {"worker": A6000, "task": "train"}
    pks = [row["image"]["pk"] for row in service.staff.post("/v1/docker/match", json=asked).json()["matches"]]
    (entry,) = [row for row in service.staff.get("/v1/audit").json() if row["action"] == "match"]
    assert entry["passwords"] == len(pks) == 505
    assert entry["images"] == [[min(pks), max(pks)]]
