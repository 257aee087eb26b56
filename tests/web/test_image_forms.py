"""The forms that add and change an image: all mistakes at once beside their fields, and nobody's change is lost."""

from typing import Any

import httpx2
import pytest

from tests.conftest import Service
from tests.registry.running import Registry, configuration
from tests.web.conftest import PageClient
from tests.web.forms import checked, filled, mistake, sent, text_of

SECRET = "a registry's pass word"
TYPED = {
    "name": "typed",
    "version": "1.0",
    "framework": "pytorch 2.4",
    "domain": "od",
    "tasks": "train, predict train",
    "licence": "mit",
    "url": "registry.example.org/team/typed:1.0",
    "registry_username": "robot",
    "registry_password": SECRET,
    "cuda_version": "12.4",
    "min_hardware_generation": "Ampere",
}


def stored(shared: Service, answer: httpx2.Response) -> dict[str, Any]:
    """The image to whose page a form led, as the API has it, with names."""
    assert answer.status_code == 303, text_of(answer)
    pk = answer.headers["location"].removeprefix("/images/")
    expand = "cuda_version,min_hardware_generation,framework,licence,creator"
    image: dict[str, Any] = shared.staff.get(f"/v1/docker/{pk}", params={"expand": expand}).json()
    return image


def test_an_image_is_added_by_its_fields(shared: Service, staff: PageClient) -> None:
    answer = staff.post("/images/new", **TYPED)
    image = stored(shared, answer)
    assert (image["name"], image["version"], image["registry"]) == ("typed", "1.0", "registry.example.org")
    assert (image["registry_username"], image["registry_password"]) == ("robot", SECRET)
    assert image["framework"]["name"] == "PyTorch"
    assert (image["domain"], image["tasks"], image["cpu"]) == ("od", ["train", "predict"], False)
    assert image["cuda_version"]["version"] == "12.4"
    assert image["creator"]["username"] == "admin"
    page = staff.get(answer.headers["location"])
    assert f"Added typed 1.0 as image {image['pk']}." in page.text
    entry = shared.staff.get("/v1/history", params={"resource": "docker", "pk": image["pk"]}).json()[0]
    assert (entry["user"], entry["action"]) == ("admin", "create")
    assert SECRET not in str(entry)
    # What left the server is in the audit log: the API's answer, and no page.
    audit = shared.staff.get("/v1/audit", params={"image": image["pk"]}).json()
    assert [each["action"] for each in audit] == ["load"]


def test_all_mistakes_are_told_at_once(staff: PageClient) -> None:
    typed = {
        **TYPED,
        "name": "",
        "framework": "PyTorsh 2.4",
        "domain": "odd",
        "tasks": "tr@in",
        "licence": "MIT Licens",
    }
    typed |= {"cuda_version": "12.44", "min_hardware_generation": "Amper", "registry": "other.example.org"}
    answer = checked(staff.post("/images/new", **{**typed, "registry_password": ""}))
    assert answer.status_code == 422
    assert mistake(answer, "name") == "Fill in this field."
    assert "did you mean" in mistake(answer, "framework")
    assert "PyTorch 2.4" in mistake(answer, "framework")
    assert "did you mean od" in mistake(answer, "domain")
    assert "Tasks must be 1 to 100 letters" in mistake(answer, "tasks")
    assert "did you mean MIT License" in mistake(answer, "licence")
    assert "12.4.1?" in mistake(answer, "cuda_version")
    assert "did you mean Ampere" in mistake(answer, "min_hardware_generation")
    assert "must be the same" in mistake(answer, "registry")
    assert mistake(answer, "registry_password") == "Fill in both the user name and the password, or neither."
    assert "/v1/" not in text_of(answer).partition("<main")[2].partition("</main>")[0]
    kept = filled(answer)
    assert {name: kept[name] for name in typed if name in kept} == {
        name: text for name, text in typed.items() if name in kept
    }
    assert set(typed) - set(kept) == {"name", "registry_password"} - set(kept)


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"url": "https://registry.example.org/x:1"}, "url", "has no scheme"),
        ({"url": "team/Case:1", "registry": ""}, "url", "capital letters"),
        ({"url": ""}, "url", "Fill in this field."),
        ({"registry": "https://user:pw@registry.example.org"}, "registry", "credentials belong in"),
        ({"name": "x" * 201}, "name", "200"),
        ({"version": "a\u200bb"}, "version", "printable"),
        ({"licence": ""}, "licence", "Fill in this field."),
        ({"framework": "3 4 5"}, "framework", "No framework named"),
        ({"tasks": ","}, "tasks", "Fill in this field."),
        ({"cuda_version": "none"}, "cuda_version", "unless the image runs without a GPU"),
        ({"min_hardware_generation": ""}, "min_hardware_generation", "unless the image runs without a GPU"),
        ({"accelerator": "ROCm!"}, "accelerator", "word in lower case"),
        ({"name": "typed-twice"}, "name", "exists already"),
    ],
)
def test_a_mistake_is_told_beside_its_field(
    shared: Service, staff: PageClient, changes: dict[str, str], field: str, sentence: str
) -> None:
    if changes == {"name": "typed-twice"}:
        shared.make("docker", name="typed-twice", version="2")
    answer = staff.post("/images/new", **{**TYPED, "name": "wrong", "version": "2", **changes})
    assert answer.status_code == 422
    assert sentence in mistake(answer, field)
    assert SECRET not in answer.text
    assert filled(answer).get(field, "") == changes[field]


def test_a_password_survives_a_mistake_and_is_not_on_the_page(shared: Service, staff: PageClient) -> None:
    wrong = staff.post("/images/new", **{**TYPED, "name": "sealed", "licence": "nothing like it"})
    assert wrong.status_code == 422
    assert SECRET not in wrong.text
    kept = filled(wrong)
    assert not kept.get("registry_password")
    image = stored(shared, staff.post("/images/new", **{**kept, "licence": "MIT"}))
    assert image["registry_password"] == SECRET
    # What was changed on the way, or is of another session, stands for no password.
    forged = {**kept, "name": "forged", "licence": "MIT"}
    assert mistake(staff.post("/images/new", **{**forged, "sealed_password": "v1:x:y"}), "registry_password")
    other = {"username": "sam", "password": "sam's long password"}
    shared.staff.post("/v1/users/create", json={**other, "is_staff": True}).raise_for_status()
    with shared.client() as http:
        http.post("/login", data=other)
        assert mistake(PageClient(http).post("/images/new", **forged), "registry_password")


def test_an_image_for_another_accelerator_needs_no_cuda(shared: Service, staff: PageClient) -> None:
    typed = {**TYPED, "name": "rocm", "cuda_version": "", "min_hardware_generation": "", "accelerator": "rocm"}
    image = stored(shared, staff.post("/images/new", **typed))
    assert image["cuda_version"] is None
    facts = shared.staff.get(f"/v1/docker/{image['pk']}/facts").json()
    assert facts["accelerator"] == {"value": "rocm", "origin": "staff"}
    stored(shared, sent(staff, f"/images/{image['pk']}/edit", accelerator="ascend"))
    assert shared.staff.get(f"/v1/docker/{image['pk']}/facts").json()["accelerator"]["value"] == "ascend"
    refused = sent(staff, f"/images/{image['pk']}/edit", accelerator="")
    assert "unless" in mistake(refused, "cuda_version")


def test_a_framework_is_added_with_its_image_or_not_at_all(shared: Service, staff: PageClient) -> None:
    typed = {**TYPED, "name": "newer", "framework": "Sonnet 2.0.2", "create_framework": "true"}
    refused = staff.post("/images/new", **{**typed, "domain": "nowhere"})
    assert refused.status_code == 422
    assert mistake(refused, "framework") == ""
    named = {"expressions": [{"type": "exact", "field": "name", "value": "Sonnet"}]}
    assert shared.staff.post("/v1/frameworks/list", json=named).json() == []
    image = stored(shared, staff.post("/images/new", **typed))
    assert (image["framework"]["name"], image["framework"]["version"]) == ("Sonnet", "2.0.2")
    # Where it is there by another spelling, there is no second one.
    image = stored(shared, staff.post("/images/new", **{**typed, "version": "2", "framework": "sonnet 2.0.2"}))
    assert len(shared.staff.post("/v1/frameworks/list", json=named).json()) == 1


def test_an_image_is_added_by_its_reference(shared: Service, staff: PageClient, open_registry: Registry) -> None:
    labels = {"org.opencontainers.image.licenses": "BSD-3-Clause"}
    env = {"CUDA_VERSION": "12.4.1", "PYTORCH_VERSION": "2.9.0"}
    open_registry.image("team/by-reference", "7", configuration(env, labels))
    url = f"{open_registry.host}/team/by-reference:7"
    assert f'value="{url}"' in staff.get(f"/images/new?reference={url}").text
    shown = staff.post("/images/new/reference", reference=url)
    assert shown.status_code == 200
    for words in ("<bdi>env CUDA_VERSION</bdi>", "<bdi>label org.opencontainers.image.licenses</bdi>"):
        assert words in shown.text
    fields = filled(shown)
    assert {name: fields[name] for name in ("name", "version", "url", "cuda_version", "licence", "framework")} == {
        "name": "by-reference",
        "version": "7",
        "url": url,
        "cuda_version": "12.4.1",
        "licence": "BSD-3-Clause",
        "framework": "PyTorch 2.9.0",
    }
    assert fields["create_framework"] == "true"
    assert "There is no PyTorch 2.9.0 in the catalogue yet." in shown.text
    incomplete = checked(staff.post("/images/new", **fields))
    assert mistake(incomplete, "domain") == mistake(incomplete, "tasks") == "Fill in this field."
    assert "<bdi>env CUDA_VERSION</bdi>" in incomplete.text
    rest = {"domain": "od", "tasks": "train", "min_hardware_generation": "Volta"}
    image = stored(shared, staff.post("/images/new", **{**filled(incomplete), **rest}))
    assert image["framework"]["version"] == "2.9.0"
    assert shared.staff.get(f"/v1/docker/{image['pk']}/inspection").json()["reference"] == url
    assert "exists already" in mistake(staff.post("/images/new/reference", reference=url), "version")


def test_a_registry_that_asks_for_credentials_gets_them(
    shared: Service, staff: PageClient, guarded_registry: Registry
) -> None:
    assert guarded_registry.login is not None
    guarded_registry.image(
        "team/guarded", "1", configuration({"CUDA_VERSION": "12.4.1"}, {"org.opencontainers.image.licenses": "Zed"})
    )
    url = f"{guarded_registry.host}/team/guarded:1"
    refused = staff.post("/images/new/reference", reference=url)
    assert refused.status_code == 422
    assert mistake(refused, "reference")
    wrong = checked(
        staff.post("/images/new/reference", reference=url, reference_username="casey", reference_password="wr0ng")
    )
    assert "wr0ng" not in wrong.text
    assert filled(wrong)["reference_username"] == "casey"
    half = staff.post("/images/new/reference", reference=url, reference_username="casey")
    assert mistake(half, "reference_password")
    username, password = guarded_registry.login.username, guarded_registry.login.password
    shown = staff.post("/images/new/reference", reference=url, reference_username=username, reference_password=password)
    assert shown.status_code == 200
    assert password not in shown.text
    assert "No licence named 'Zed'" in mistake(shown, "licence")
    rest = {"domain": "od", "tasks": "train", "licence": "MIT", "min_hardware_generation": "Volta"}
    answer = staff.post("/images/new", **{**filled(shown), **rest, "framework": "PyTorch 2.4"})
    image = stored(shared, answer)
    assert (image["registry_username"], image["registry_password"]) == (username, password)
    assert shared.staff.get(f"/v1/docker/{image['pk']}/inspection").status_code == 200


@pytest.mark.parametrize("reference", ["", "http://x/y", "UPPER", "127.0.0.1:9/x:1", "10.1.2.3/x:1"])
def test_what_cannot_be_inspected_is_told_beside_the_reference(staff: PageClient, reference: str) -> None:
    answer = staff.post("/images/new/reference", reference=reference)
    assert answer.status_code == 422
    assert mistake(answer, "reference")
    assert "'url'" not in answer.text
    assert filled(answer)["reference"] == reference


def test_a_change_keeps_what_was_not_typed(shared: Service, staff: PageClient) -> None:
    image = shared.make(
        "docker", registry_username="robot", registry_password=SECRET, url="team/x:1", registry="registry.example.org"
    )
    address = f"/images/{image['pk']}/edit"
    shown = staff.get(address)
    assert SECRET not in shown.text
    assert filled(shown)["registry_username"] == "robot"
    changed = stored(shared, staff.post(address, **{**filled(shown), "licence": "Apache-2.0", "cpu": "true"}))
    assert (changed["licence"]["name"].startswith("Apache"), changed["cpu"]) == (True, True)
    assert changed["registry_password"] == SECRET
    entry = shared.staff.get("/v1/history", params={"resource": "docker", "pk": image["pk"]}).json()[0]
    assert set(entry["changes"]) == {"licence", "cpu"}
    assert stored(shared, sent(staff, address, registry_password="another"))["registry_password"] == "another"
    without = stored(shared, sent(staff, address, registry_username=""))
    assert (without["registry_username"], without["registry_password"]) == (None, None)
    assert mistake(sent(staff, address, registry_username="robot"), "registry_password")
    entries = len(shared.staff.get("/v1/history", params={"resource": "docker", "pk": image["pk"]}).json())
    same = sent(staff, address)
    assert same.status_code == 303
    assert len(shared.staff.get("/v1/history", params={"resource": "docker", "pk": image["pk"]}).json()) == entries
    assert "is as it was" in text_of(staff.get(same.headers["location"]))
    wrong = sent(staff, address, framework="PyTorch 24", name="")
    assert mistake(wrong, "framework")
    assert mistake(wrong, "name") == "Fill in this field."


def test_a_lost_race_is_told_and_loses_nothing(shared: Service, staff: PageClient) -> None:
    image = shared.make("docker", domain="od")
    address, place = f"/images/{image['pk']}/edit", f"/v1/docker/{image['pk']}"
    opened = filled(staff.get(address))
    shared.staff.patch(place, json={"licence": "Apache-2.0", "domain": "ic"}).raise_for_status()
    lost = checked(staff.post(address, **{**opened, "domain": "sc", "tasks": "train"}))
    assert lost.status_code == 412
    assert "admin changed this image just now, after you opened this page: Domain, Licence." in text_of(lost)
    assert mistake(lost, "domain") == "This is 'ic' now: save again to put what you typed in its place."
    assert mistake(lost, "licence") == ""
    merged = filled(lost)
    assert (merged["domain"], merged["tasks"]) == ("sc", "train")
    assert merged["licence"].startswith("Apache")
    changed = stored(shared, staff.post(address, **merged))
    assert (changed["domain"], changed["tasks"]) == ("sc", ["train"])
    assert changed["licence"]["name"].startswith("Apache")
    # What is no field of the form, such as a fact, is in nobody's way.
    opened = filled(staff.get(address))
    shared.staff.patch(f"{place}/facts", json={"min_gpus": 2}).raise_for_status()
    assert stored(shared, staff.post(address, **{**opened, "tasks": "predict"}))["tasks"] == ["predict"]


@pytest.mark.parametrize(
    "name", ['"><script>alert(1)</script>', "\u05d0\u05d1 </bdi></title>", "{{ 7*7 }} " + "x" * 150]
)
def test_hostile_names_are_text(shared: Service, staff: PageClient, name: str) -> None:
    image = shared.make("docker", name=name, version="'\"<&>")
    for page in ("edit", "lifecycle", "delete"):
        shown = staff.get(f"/images/{image['pk']}/{page}")
        assert shown.status_code == 200
        assert name in text_of(shown)
        assert "<script>alert" not in shown.text
        assert "</bdi></title>" not in shown.text
    assert stored(shared, sent(staff, f"/images/{image['pk']}/edit", tasks="train"))["name"] == name
    wrong = staff.post("/images/new", **dict.fromkeys(TYPED, '"><script>alert(1)</script>'))
    assert wrong.status_code == 422
    assert "<script>alert" not in wrong.text


def test_no_mistake_speaks_of_keys(staff: PageClient) -> None:
    wrong = staff.post("/images/new", **{**TYPED, "framework": "9" * 300, "domain": "x" * 300})
    for name, label in (("framework", "Framework"), ("domain", "Domain")):
        assert mistake(wrong, name) == f"{label} must have at most 200 characters."
