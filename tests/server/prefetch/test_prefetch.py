"""Desired images of workers, and what people see of them; over the API."""

from collections.abc import Callable

from tests import catalogue
from tests.answers import refused
from tests.conftest import Service
from tests.joining import Joined, joined
from tests.server.http.test_statements import counted
from tests.server.prefetch.conftest import DIGEST, LOGIN, Object, exact


def desired_images(worker: Joined) -> list[Object]:
    answer = worker.client.get("/v1/prefetch/wanted")
    assert answer.status_code == 200, answer.text
    images: list[Object] = answer.json()["images"]
    return images


def names(worker: Joined) -> list[str]:
    return [entry["image"]["name"] for entry in desired_images(worker)]


def test_without_rules_no_images_are_desired(service: Service, worker: Joined) -> None:
    service.make("docker")
    assert worker.client.get("/v1/prefetch/wanted").json() == {"images": [], "keep": []}


def test_the_desired_images_are_those_that_rules_name_and_nodes_run(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    first = service.make("docker", name="b", url=f"registry.example.com/b@{DIGEST}", **LOGIN)
    service.make("docker", name="a")
    service.make("docker", name="c", domain="ic")
    service.make("docker", name="too new", min_hardware_generation="Hopper")
    service.staff.delete(f"/v1/docker/{service.make('docker', name='deleted')['pk']}")
    named = rule(exact("domain", "od"), order_by="pk")["name"]
    images = desired_images(worker)
    assert [entry["image"]["name"] for entry in images] == ["b", "a"]
    assert images[0] == {
        "image": first,
        "digest": DIGEST,
        "size_bytes": None,
        "nodes": worker.nodes,
        "rules": [named],
        "grade": images[0]["grade"],
    }
    assert images[0]["image"]["registry_password"] == "s3cret"
    assert {entry["grade"] for entry in images} <= {"native", "minor", "forward", "cpu"}
    assert images[1]["digest"] is None


def test_rules_go_by_age_and_each_image_comes_once(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    for name in ("a", "b", "c"):
        service.make("docker", name=name)
    first = rule(exact("name", "b"))["name"]
    second = rule(exact("domain", "od"))["name"]
    assert [(entry["image"]["name"], entry["rules"]) for entry in desired_images(worker)] == [
        ("b", [first, second]),
        ("a", [second]),
        ("c", [second]),
    ]


def test_a_rule_is_for_the_nodes_that_its_filter_lets_through(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    service.make("docker", name="a")
    service.make("docker", name="b")
    rule(exact("name", "a"), nodes=(exact("index", 1),))
    rule(exact("name", "b"), nodes=(exact("ip", worker.body["ip"]),))
    with joined(service) as other:
        assert [(entry["image"]["name"], entry["nodes"]) for entry in desired_images(worker)] == [
            ("a", worker.nodes[1:]),
            ("b", worker.nodes),
        ]
        assert [(entry["image"]["name"], entry["nodes"]) for entry in desired_images(other)] == [("a", other.nodes[1:])]


def test_a_rule_for_a_node_that_cannot_be_keeps_nobody_from_an_answer(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    service.make("docker", name="a")
    rule(nodes=(exact("index", 2**40),))
    assert names(worker) == []


def test_nodes_of_one_worker_may_differ(service: Service, rule: Callable[..., Object]) -> None:
    service.make("docker", name="a", min_hardware_generation="Ampere")
    rule()
    with joined(service) as worker:
        older = {"gpu_name": "Tesla T4", "gpu_brand": "Tesla", "compute_capability": "7.5"}
        assert worker.client.patch(f"/v1/nodes/{worker.nodes[0]}", json=older).status_code == 200
        assert [entry["nodes"] for entry in desired_images(worker)] == [worker.nodes[1:]]


def test_the_desired_images_are_sent_again_only_after_a_change(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    image = service.make("docker", name="a")
    made = rule()
    answer = worker.client.get("/v1/prefetch/wanted")
    tag = answer.headers["etag"]

    def again() -> int:
        nonlocal tag
        answer = worker.client.get("/v1/prefetch/wanted", headers={"If-None-Match": tag})
        tag = answer.headers["etag"]
        return answer.status_code

    assert [again(), again()] == [304, 304]
    worker.client.get("/v1/nodes/ping", headers=worker.as_node())
    service.make("docker", domain="ic", min_hardware_generation="Hopper")  # none of its business
    assert again() == 304
    service.staff.patch(f"/v1/docker/{image['pk']}", json=LOGIN)
    assert [again(), again()] == [200, 304]
    service.staff.patch(f"/v1/prefetch/{made['pk']}", json={"images": {"expressions": [exact("domain", "ic")]}})
    assert [again(), again()] == [200, 304]
    assert desired_images(worker) == []
    service.staff.delete(f"/v1/prefetch/{made['pk']}")
    assert again() == 304


def test_a_change_of_a_node_changes_the_desired_images(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    service.make("docker", name="a", cuda_version="12.4.1")
    rule()
    assert names(worker) == ["a"]
    without_gpu = catalogue.machine(0, ip=worker.body["ip"])
    assert worker.client.post("/v1/nodes/join", json=without_gpu).status_code == 200
    assert names(worker) == []


def test_staff_read_the_desired_images_by_node(service: Service, worker: Joined, rule: Callable[..., Object]) -> None:
    service.make("docker", name="a")
    rule()
    for node in worker.nodes:
        body = service.staff.get("/v1/prefetch/wanted", headers={"Node-Id": str(node)}).json()
        assert body == {"images": desired_images(worker), "keep": []}
    lone = service.make("nodes")["pk"]
    body = service.staff.get("/v1/prefetch/wanted", headers={"Node-Id": str(lone)}).json()
    assert [entry["nodes"] for entry in body["images"]] == [[lone]]
    refused(service.staff.get("/v1/prefetch/wanted"), 400, "unknown_node")
    refused(service.user.get("/v1/prefetch/wanted"), 403, "forbidden")
    refused(service.user.get("/v1/prefetch/wanted", headers={"Node-Id": str(lone)}), 403, "forbidden")
    refused(service.anonymous.get("/v1/prefetch/wanted"), 401)


def test_many_images_and_rules_cost_few_statements(service: Service, rule: Callable[..., Object]) -> None:
    for number in range(12):
        service.make("docker", name=f"i{number:02}")
    for _ in range(5):
        rule()
    with joined(service) as first, joined(service) as second:
        assert len(desired_images(first)) == 12
        with counted() as statements:
            assert len(desired_images(second)) == 12
        assert len(statements) <= 8, "\n".join(statements)
        tag = second.client.get("/v1/prefetch/wanted").headers["etag"]
        with counted() as statements:
            answer = second.client.get("/v1/prefetch/wanted", headers={"If-None-Match": tag})
        assert answer.status_code == 304
        assert len(statements) <= 1, "\n".join(statements)


def test_so_many_rules_that_they_take_two_queries(service: Service, worker: Joined) -> None:
    service.make("docker", name="a")
    parts = [exact("index", number) for number in range(2, 400)]
    for number in range(4):
        nodes = {"expressions": [{"type": "or", "sub_expressions": [*parts, exact("index", number // 2)]}]}
        service.make("prefetch", name=f"r{number}", nodes=nodes, images={"expressions": [exact("name", "a")]})
    (entry,) = desired_images(worker)
    assert entry["rules"] == ["r0", "r1", "r2", "r3"]
    assert entry["nodes"] == worker.nodes


def test_credentials_that_leave_are_in_the_audit_log_and_only_those(
    service: Service, worker: Joined, rule: Callable[..., Object]
) -> None:
    image = service.make("docker", name="a", **LOGIN)
    service.make("docker", name="b")
    rule()

    def entries() -> list[Object]:
        answer = service.staff.get("/v1/audit", params={"name": worker.answer["worker"]})
        assert answer.status_code == 200, answer.text
        rows = answer.json()
        return [row for row in rows if row["action"] == "prefetch"]

    answer = worker.client.get("/v1/prefetch/wanted")
    (entry,) = entries()
    assert (entry["kind"], entry["passwords"]) == ("worker", 1)
    assert str(image["pk"]) in str(entry["images"])
    for _ in range(2):
        assert (
            worker.client.get("/v1/prefetch/wanted", headers={"If-None-Match": answer.headers["etag"]}).status_code
            == 304
        )
    assert len(entries()) == 1
