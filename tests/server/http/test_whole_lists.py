"""Lists and views that no filter narrows: conditional and paged as other lists are, and no stricter word than they know."""

from typing import Any

import pytest

from tests.answers import refused
from tests.conftest import Service
from tests.joining import join_token, joined

Body = dict[str, Any]
LISTS = ("/v1/docker/checks/list", "/v1/nodes/workers/list", "/v1/nodes/join-tokens/list")
VIEWS = (
    "/v1/prefetch/status",
    "/v1/docker/{image}/holdings",
    "/v1/nodes/{node}/holdings",
    "/v1/docker/{image}/checks",
    "/v1/docker/{image}/nodes",
    "/v1/nodes/{node}/images",
)


def in_trouble(service: Service, **changes: Any) -> int:
    """An image that was checked and is not ok: its registry may not be asked."""
    image: int = service.make("docker", url="127.0.0.1:1/team/image:1", registry="127.0.0.1:1", **changes)["pk"]
    answer = service.staff.post(f"/v1/docker/{image}/checks")
    assert answer.json()["state"] == "unreachable", answer.text
    return image


@pytest.mark.parametrize("path", [*LISTS, *VIEWS])
def test_304_saves_sending_it_again_until_it_is_another_one(service: Service, path: str) -> None:
    with joined(service) as worker:
        path = path.format(image=in_trouble(service), node=worker.nodes[0])
        method = "POST" if path in LISTS else "GET"
        before = service.staff.request(method, path)
        assert before.json()
        condition = {"If-None-Match": before.headers["etag"]}
        again = service.staff.request(method, path, headers=condition)
        assert (again.status_code, again.content) == (304, b"")
        with joined(service) as other:
            image = in_trouble(service)
            inventory = [{"image": pk, "state": "held"} for pk in range(1, image + 1)]
            for member in (worker, other):
                member.client.put("/v1/prefetch/holdings", json={"images": inventory}).raise_for_status()
            join_token(service)
            if path.endswith("/checks"):
                service.staff.post(path).raise_for_status()
            after = service.staff.request(method, path, headers=condition)
            assert (after.status_code, after.headers["etag"] != before.headers["etag"]) == (200, True)


@pytest.mark.parametrize("path", [*LISTS, "/v1/docker/{image}/checks", "/v1/docker/{image}/inspection"])
def test_a_body_that_says_something_is_refused(service: Service, path: str) -> None:
    path = path.format(image=service.make("docker")["pk"])
    refused(service.staff.post(path, json={"expressions": []}), 422, "unknown_field", "expressions")
    refused(service.staff.post(path, json=[]), 422)
    refused(service.staff.post(path, content=b"{"), 400)


def test_images_that_are_not_ok_come_in_parts(service: Service) -> None:
    images = [in_trouble(service) for _ in range(3)]
    service.make("docker")
    path = "/v1/docker/checks/list"
    whole = service.user.post(path, json={})
    assert [row["image"] for row in whole.json()] == images
    assert "x-total-count" not in whole.headers
    part = service.user.post(f"{path}?limit=1&offset=1")
    assert [row["image"] for row in part.json()] == images[1:2]
    assert part.headers["x-total-count"] == "3"
    assert f'<{path}?limit=1&offset=2>; rel="next"' in part.headers["link"]
    assert service.user.post(f"{path}?offset=9").headers["x-total-count"] == "3"


def test_a_check_and_an_inspection_are_never_answered_with_304(service: Service) -> None:
    path = f"/v1/docker/{in_trouble(service)}/checks"
    answer = service.staff.post(path, headers={"If-None-Match": "*"})
    assert (answer.status_code, answer.json()["state"]) == (200, "unreachable")
