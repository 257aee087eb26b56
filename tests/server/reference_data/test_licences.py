"""Licences: adding and removing single subdescriptors."""

import pytest

from tests.answers import refused
from tests.conftest import Service

TYPES = ("domains", "permissions", "limitations", "conditions")


@pytest.mark.parametrize("words", TYPES)
def test_subdescriptors_are_added_and_removed(service: Service, words: str) -> None:
    made = service.make("licences", **{words: ["first", "second"]})
    path = f"/v1/licences/{made['pk']}/subdescriptors"
    for method, names, expected in (
        ("add", ["third", "second"], ["first", "second", "third"]),
        ("add", [], ["first", "second", "third"]),
        ("remove", ["first", "never-there"], ["second", "third"]),
        ("remove", ["second", "third"], []),
        ("add", ["last"], ["last"]),
    ):
        answer = service.staff.patch(path, json={"method": method, "type": words, "names": names})
        if names:
            assert answer.status_code == 200, answer.text
            assert answer.json() == made | {words: expected}
            assert service.staff.get(f"/v1/licences/{made['pk']}").json() == answer.json()
        else:
            assert answer.status_code in (200, 422)


WRONG = (
    ({"method": "toggle"}, "method"),
    ({"type": "colours"}, "type"),
    ({"type": "name"}, "type"),
    ({"names": "one"}, "names"),
    ({"names": [1]}, "names"),
    ({"names": None}, "names"),
    ({"names": [""]}, "names"),
    ({"colour": "red"}, "colour"),
    ({"method": None}, "method"),
)


@pytest.mark.parametrize(("changes", "field"), WRONG, ids=str)
def test_a_wrong_change_is_refused_and_changes_nothing(shared: Service, changes: dict[str, object], field: str) -> None:
    made = shared.make("licences")
    body = {"method": "add", "type": "permissions", "names": ["x"]} | changes
    problem = refused(shared.staff.patch(f"/v1/licences/{made['pk']}/subdescriptors", json=body), 422)
    assert field in {part["field"].split(".")[0] for part in problem["errors"]}
    assert shared.staff.get(f"/v1/licences/{made['pk']}").json() == made


@pytest.mark.parametrize("field", ["method", "type", "names"])
def test_every_part_of_a_change_is_needed(shared: Service, field: str) -> None:
    body = {"method": "add", "type": "permissions", "names": ["x"]}
    del body[field]
    pk = shared.make("licences")["pk"]
    refused(shared.staff.patch(f"/v1/licences/{pk}/subdescriptors", json=body), 422, field=field)


def test_no_such_licence_is_404(shared: Service) -> None:
    body = {"method": "add", "type": "permissions", "names": ["x"]}
    refused(shared.staff.patch("/v1/licences/99999/subdescriptors", json=body), 404)


def test_a_stale_change_is_refused(service: Service) -> None:
    made = service.make("licences")
    path = f"/v1/licences/{made['pk']}"
    stale = service.staff.get(path).headers["etag"]
    service.staff.patch(path, json={"url": "https://changed.example.com"})
    body = {"method": "add", "type": "permissions", "names": ["x"]}
    refused(service.staff.patch(f"{path}/subdescriptors", json=body, headers={"If-Match": stale}), 412)


def test_mit_permits_what_it_permits_in_lower_case_hyphenated_words(shared: Service) -> None:
    body = {"expressions": [{"type": "exact", "field": "name", "value": "MIT License"}]}
    (mit,) = shared.user.post("/v1/licences/list", json=body).json()
    assert "commercial-use" in mit["permissions"]
    assert "include-copyright" in mit["conditions"]
    assert "liability" in mit["limitations"]


@pytest.mark.parametrize("words", TYPES)
def test_every_shipped_word_is_lower_case_and_hyphenated(shared: Service, words: str) -> None:
    body = {"expressions": [{"type": "compare", "field": "pk", "operator": "<=", "value": 20}]}
    licences = shared.user.post("/v1/licences/list", json=body).json()
    assert all(word == word.lower() and " " not in word for licence in licences for word in licence[words])
