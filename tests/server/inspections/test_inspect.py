"""`POST /v1/docker/inspect`: what a registry says of an image, who may ask, and every way in which it fails."""

import logging

import orjson
import pytest

from bayplan.errors import TooManyAttempts
from bayplan.registry import errors as registries
from bayplan.server.hourly_budget import HourlyBudget
from bayplan.server.http.errors import STATUS
from tests import catalogue
from tests.answers import refused, timestamp
from tests.conftest import Service
from tests.inprocess import Loop
from tests.joining import joined
from tests.registry.misbehaving import Asked
from tests.registry.running import DOCKER_MANIFEST, LAYER, OCI_INDEX, OCI_MANIFEST, Registry, configuration
from tests.server.inspections.conftest import TORCH, facts, for_both, inspected, made, pushed, spoiled

PATH = "/v1/docker/inspect"


def stated(value: object, source: str, certainty: str = "stated") -> dict[str, object]:
    """A fact as answers have it."""
    return {"value": value, "source": source, "certainty": certainty}


def test_a_registry_is_asked_and_its_answer_is_in_the_specified_shape(service: Service, registry: Registry) -> None:
    descriptor = registry.image("ml/pytorch", "2.4-cuda12.4", configuration(TORCH), DOCKER_MANIFEST)
    url = f"{registry.host}/ml/pytorch:2.4-cuda12.4"
    inspection = service.staff.post(
        PATH, json={"url": url, "registry_username": None, "registry_password": None}
    ).json()
    checked = inspection.pop("checked")
    assert timestamp(checked) == checked
    (platform,) = inspection["platforms"]
    size = platform.pop("size_bytes")
    assert size > len(LAYER)
    assert inspection == {
        "reference": url,
        "digest": descriptor["digest"],
        "media_type": DOCKER_MANIFEST,
        "platforms": [
            {
                "os": "linux",
                "architecture": "amd64",
                "variant": None,
                "digest": descriptor["digest"],
                "created": "2026-10-01T00:00:00Z",
                "facts": {
                    "cuda_architectures": stated(["8.0", "9.0+PTX"], "env TORCH_CUDA_ARCH_LIST"),
                    "cuda_version": stated("12.4.1", "env CUDA_VERSION"),
                    "cudnn_version": stated("9.1.0.70", "env NV_CUDNN_VERSION"),
                    "framework": stated("PyTorch", "env PYTORCH_VERSION"),
                    "framework_version": stated("2.4.1", "env PYTORCH_VERSION"),
                    "requirements": stated({"NVIDIA_REQUIRE_CUDA": TORCH["NVIDIA_REQUIRE_CUDA"]}, "env"),
                },
            }
        ],
        "contradictions": [],
    }


def test_an_sbom_is_part_of_the_answer_and_of_what_is_stored(service: Service, registry: Registry) -> None:
    """Its facts too; a broken one is named, and spoils nothing."""
    image = made(service, pushed(registry, "ml/listed"))
    digest = service.staff.post(PATH, json={"url": image["url"]}).json()["digest"]
    sbom = {"spdxVersion": "SPDX-2.3", "packages": [{"name": "torch", "versionInfo": "2.4.1+cu118"}]}
    for place, body in (("sbom", orjson.dumps(sbom)), ("att", b"{")):
        kind = "application/spdx+json"
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": kind, **registry.blob("ml/listed", b"{}")},
            "layers": [{"mediaType": kind, **registry.blob("ml/listed", body)}],
        }
        registry.manifest("ml/listed", f"{digest.replace(':', '-')}.{place}", document)
    (platform,) = inspected(service, image)["platforms"]
    assert [item["packages"] for item in platform["attached"]] == [1, None]
    assert platform["attached"][1]["problem"].endswith("not valid JSON.")
    assert platform["facts"]["framework_cuda"] == stated("11.8", "SBOM (SPDX) torch")
    assert facts(service, image)["framework_cuda"] == ("11.8", "registry")


def test_an_index_gives_its_platforms_and_not_its_attestations(service: Service, registry: Registry) -> None:
    inspection = service.staff.post(PATH, json={"url": for_both(registry, "ml/both", arm64={})}).json()
    assert inspection["media_type"] == OCI_INDEX
    assert [platform["architecture"] for platform in inspection["platforms"]] == ["amd64", "arm64"]
    assert inspection["platforms"][1]["facts"] == {}


def test_a_tag_that_is_not_named_is_latest(service: Service, registry: Registry) -> None:
    url = pushed(registry, "ml/tagless", tag="latest").removesuffix(":latest")
    assert service.staff.post(PATH, json={"url": url}).json()["reference"] == f"{url}:latest"


def test_credentials_are_used_and_shown_to_nobody(
    service: Service, guarded: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = pushed(guarded, "ml/guarded")
    assert guarded.login is not None
    credentials = {"registry_username": guarded.login.username, "registry_password": guarded.login.password}
    answer_with_credentials = service.staff.post(PATH, json={"url": url, **credentials})
    assert answer_with_credentials.status_code == 200, answer_with_credentials.text
    wrong = "not-the-password-of-anybody"
    answers = [
        answer_with_credentials,
        service.staff.post(PATH, json={"url": url}),
        service.staff.post(PATH, json={"url": url, **credentials, "registry_password": wrong}),
        service.staff.post(PATH, json={"url": f"{url}-gone", **credentials}),
        service.staff.post(PATH, json={"url": "A", **credentials}),
    ]
    refused(answers[1], 422, code="registry_denied")
    refused(answers[2], 422, code="registry_denied")
    refused(answers[3], 404, code="image_not_found")
    refused(answers[4], 422, code="bad_reference", field="url")
    output = caplog.text + "".join(answer.text for answer in answers)
    assert guarded.login.password not in output
    assert wrong not in output


@pytest.mark.parametrize("half", ["registry_username", "registry_password"])
def test_half_of_the_credentials_is_refused(service: Service, half: str) -> None:
    other = ({"registry_username", "registry_password"} - {half}).pop()
    refused(service.staff.post(PATH, json={"url": "a/b", half: "x"}), 422, code="incomplete_login", field=other)


def test_everybody_may_ask_and_only_staff_and_workers_with_credentials(service: Service, registry: Registry) -> None:
    body = {"url": pushed(registry, "ml/who")}
    refused(service.anonymous.post(PATH, json=body), 401)
    assert service.user.post(PATH, json=body).status_code == 200
    for half in ({"registry_username": "x", "registry_password": "y"}, {"registry_password": "y"}):
        refused(service.user.post(PATH, json=body | half), 403, code="forbidden")
    refused(service.user.post(PATH, json={"url": "10.0.0.1:22/a/b"}), 422, code="registry_not_allowed")
    assert service.staff.post(PATH, json=body).status_code == 200
    with joined(service) as worker:
        assert worker.client.post(PATH, json=body).status_code == 200
        refused(worker.client.post(f"/v1/docker/{service.make('docker')['pk']}/inspection"), 403, code="forbidden")


def test_a_user_who_is_not_staff_has_a_budget(service: Service) -> None:
    body = {"url": "10.0.0.1:22/a/b"}
    budget = service.settings.inspections_per_hour
    account = catalogue.user()
    service.staff.post("/v1/users/create", json=account).raise_for_status()
    log_in = {name: account[name] for name in ("username", "password")}
    user = service.client(service.anonymous.post("/v1/auth/obtain", json=log_in).json()["access"])
    for _ in range(budget):
        refused(user.post(PATH, json=body), 422, code="registry_not_allowed")
    answer = user.post(PATH, json=body)
    assert "BAYPLAN_INSPECTIONS_PER_HOUR" in refused(answer, 429, code="over_budget")["detail"]
    assert 0 < int(answer.headers["Retry-After"]) <= 3600 / budget
    refused(service.staff.post(PATH, json=body), 422, code="registry_not_allowed")


def test_a_budget_comes_back_evenly_and_is_each_users_own() -> None:
    seconds = [0.0]
    budget = HourlyBudget(2, lambda: seconds[0], "Wait for {seconds} s.")
    budget.spend(1)
    budget.spend(1)
    with pytest.raises(TooManyAttempts) as caught:
        budget.spend(1)
    assert (caught.value.retry_after_seconds, caught.value.detail) == (1800, "Wait for 1800 s.")
    budget.spend(2)
    seconds[0] = 1800.0
    budget.spend(1)
    with pytest.raises(TooManyAttempts):
        budget.spend(1)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/a:1", "a:1:1", "a@sha256:0", "a@md5:0123", "a\n", "", "user:pass@host/a"]
)
def test_what_is_no_reference_is_refused(service: Service, url: str) -> None:
    refused(service.staff.post(PATH, json={"url": url}), 422, field="url")


@pytest.mark.parametrize(
    "host", ["10.1.2.3", "127.0.0.2:5000", "localhost.localdomain:1", "169.254.169.254", "[::1]:5000", "[fe80::1]"]
)
def test_private_addresses_are_refused_unless_they_are_allowed(service: Service, host: str) -> None:
    answer = service.staff.post(PATH, json={"url": f"{host}/ml/x:1"})
    body = refused(answer, answer.status_code)
    # A name that this machine does not know leads nowhere; an address is checked before anybody connects.
    assert (answer.status_code, body["code"]) in (
        [(422, "registry_not_allowed")]
        if host[0] in "[1"
        else [(422, "registry_not_allowed"), (502, "registry_unreachable")]
    )


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(service: Service, secured: Registry) -> None:
    answer = service.staff.post(PATH, json={"url": pushed(secured, "ml/secured")})
    refused(answer, 502, code="registry_unreachable")


def test_an_image_that_is_not_there_is_404(service: Service, registry: Registry) -> None:
    pushed(registry, "ml/there")
    for url in ("ml/there:2", "ml/nowhere:1", "ml/there@sha256:" + "0" * 64):
        refused(service.staff.post(PATH, json={"url": f"{registry.host}/{url}"}), 404, code="image_not_found")


async def _teapot(asked: Asked) -> None:
    await asked.answer(418)


async def _nonsense(asked: Asked) -> None:
    await asked.answer(200, b'{"schemaVersion": 2, "layers"', Content_Type=OCI_MANIFEST)


async def _endless(asked: Asked) -> None:
    asked.begin(200, {"Content-Type": OCI_MANIFEST, "Content-Length": str(10**9)})
    await asked.writer.drain()


async def _liar(asked: Asked) -> None:
    await asked.answer(200, b"{}", Content_Type=OCI_MANIFEST, Docker_Content_Digest="sha256:" + "0" * 64)


@pytest.mark.parametrize(
    ("handler", "code"),
    [
        (_teapot, "registry_error"),
        (_nonsense, "manifest_invalid"),
        (_endless, "manifest_too_large"),
        (_liar, "digest_mismatch"),
    ],
)
def test_a_registry_that_misbehaves_is_502(service: Service, loop: Loop, handler: object, code: str) -> None:
    with spoiled(loop, handler) as server:  # type: ignore[arg-type]  # each is a Handler
        refused(service.staff.post(PATH, json={"url": f"{server.host}/ml/x:1"}), 502, code=code)


def test_an_image_that_says_too_much_is_refused(service: Service, registry: Registry) -> None:
    env = {f"NVIDIA_REQUIRE_{number}": "x" * 100_000 for number in range(20)}
    answer = service.staff.post(PATH, json={"url": pushed(registry, "ml/talkative", env)})
    refused(answer, 502, code="manifest_too_large")


def test_text_that_is_no_unicode_is_no_image(service: Service, registry: Registry) -> None:
    answer = service.staff.post(PATH, json={"url": pushed(registry, "ml/surrogate", {"CUDA_VERSION": "\ud800"})})
    refused(answer, 502, code="manifest_invalid")


def _status(kind: type[Exception]) -> int:
    return next(STATUS[base] for base in kind.__mro__ if base in STATUS)


def test_every_error_of_a_registry_has_its_status() -> None:
    kinds = {
        kind.code: _status(kind)
        for kind in vars(registries).values()
        if isinstance(kind, type) and issubclass(kind, registries.RegistryError)
    }
    assert kinds == {
        "registry_error": 502,
        "registry_not_allowed": 422,
        "registry_unreachable": 502,
        "registry_denied": 422,
        "image_not_found": 404,
        "manifest_invalid": 502,
        "manifest_too_large": 502,
        "digest_mismatch": 502,
        "registry_timeout": 504,
    }


def test_nothing_is_stored(service: Service, registry: Registry) -> None:
    url = pushed(registry, "ml/untouched")
    image = service.make("docker", url=url, registry=f"http://{registry.host}")
    before = service.staff.get(f"/v1/docker/{image['pk']}/facts").json()
    service.staff.post(PATH, json={"url": url})
    assert service.staff.get(f"/v1/docker/{image['pk']}/facts").json() == before
    refused(service.staff.get(f"/v1/docker/{image['pk']}/inspection"), 404, code="not_inspected")


def test_an_unknown_field_is_refused(service: Service) -> None:
    body = {"url": "a/b", "tasks": catalogue.image()["tasks"]}
    refused(service.staff.post(PATH, json=body), 422, code="unknown_field", field="tasks")
