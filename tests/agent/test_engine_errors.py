"""What engines and registries are known to complain of, word for word, and the sentence that each becomes."""

import pytest

from bayplan.agent import engine_errors
from bayplan.domain.reference import Reference
from bayplan.registry.auth import RegistryCredentials

REFERENCE = Reference.parse(f"registry.example.org:5000/team/image@sha256:{'4' * 64}")
LOGIN = RegistryCredentials("casey", "registry pass: word")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("write /var/lib/docker/tmp/GetImageBlob1: no space left on device", "disk_full"),
        (
            "failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device",
            "disk_full",
        ),
        ("toomanyrequests: You have reached your pull rate limit.", "too_many_requests"),
        ("unauthorized: incorrect username or password", "login_refused"),
        ('Head "https://r/v2/a/manifests/b": no basic auth credentials', "login_refused"),
        ("pull access denied for team/image, repository does not exist or may require 'docker login'", "login_refused"),
        ("manifest for r/a@sha256:1 not found: manifest unknown: manifest unknown", "image_gone"),
        ("name unknown: repository name not known to registry", "image_gone"),
        ("no matching manifest for linux/amd64 in the manifest list entries", "wrong_platform"),
        (
            "image with reference x was found but does not match the specified platform: wanted linux/arm64",
            "wrong_platform",
        ),
        ("manifest verification failed for digest sha256:44", "digest_mismatch"),
        ("filesystem layer verification failed for digest sha256:44", "digest_mismatch"),
        ('Get "https://r/v2/": http: server gave HTTP response to HTTPS client', "registry_without_tls"),
        ('Get "https://r/v2/": x509: certificate signed by unknown authority', "registry_certificate"),
        ('Get "https://r/v2/": dial tcp: lookup r: no such host', "registry_unknown_host"),
        ('Get "https://r/v2/": dial tcp 192.0.2.1:443: i/o timeout', "registry_unreachable"),
        ("received unexpected HTTP status: 503 Service Unavailable", "registry_unreachable"),
        ("open /var/lib/docker/tmp/GetImageBlob1: permission denied", "engine_failed"),
        # As Docker says it that keeps images in containerd's store.
        ('failed to resolve reference "r/a@sha256:44": r/a@sha256:44: not found', "image_gone"),
        ("no match for platform in manifest sha256:44: not found", "wrong_platform"),
        ("failed commit on ref: failed size validation: 10 != 12: failed precondition", "digest_mismatch"),
        ("pull access denied: server message: insufficient_scope: authorization failed", "login_refused"),
        ('Get "https://registry.example.org:5000/v2/": something new under the sun', "engine_failed"),
    ],
)
def test_every_engine_error_has_a_code_and_says_what_to_do(message: str, code: str) -> None:
    for credentials in (None, LOGIN):
        error = engine_errors.about_pull(message, "Docker", REFERENCE, credentials)
        assert error.code == code
        assert error.detail.endswith(".")
        assert LOGIN.password not in error.detail


def test_refused_credentials_say_whose_they_were() -> None:
    assert (
        "does not let casey pull team/image"
        in engine_errors.about_pull("unauthorized", "Docker", REFERENCE, LOGIN).detail
    )
    assert (
        "The catalogue has no credentials" in engine_errors.about_pull("unauthorized", "Docker", REFERENCE, None).detail
    )


def test_what_is_quoted_is_one_short_line_that_steers_no_terminal() -> None:
    message = f"new\x1b[31m\nand {'long ' * 200}"
    detail = engine_errors.about_pull(message, "Docker", REFERENCE, None).detail
    assert detail.isprintable()
    assert len(detail) < 600


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('could not select device driver "" with capabilities: [[gpu]]', "engine_without_gpu"),
        ("nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.9", "start_condition"),
        ("nvidia-container-cli: initialization error: nvml error: driver not loaded", "engine_gpu_failed"),
        ('exec: "train": executable file not found in $PATH: unknown', "cannot_execute"),
        ("No command specified", "cannot_execute"),
        ("something else", "engine_failed"),
    ],
)
def test_what_does_not_start(message: str, code: str) -> None:
    assert engine_errors.about_start(message, "Docker", REFERENCE).code == code


@pytest.mark.parametrize(("engine", "setting"), [("Docker", "daemon.json"), ("Podman", "registries.conf")])
def test_the_advice_for_plain_http_names_the_engines_own_setting(engine: str, setting: str) -> None:
    message = "http: server gave HTTP response to HTTPS client"
    detail = engine_errors.about_pull(message, engine, REFERENCE, None).detail
    assert setting in detail
    assert REFERENCE.registry in detail


@pytest.mark.parametrize(
    "message",
    [
        'conflict: unable to remove repository reference "x" (must force) - container 1 is using its referenced image 2',
        "conflict: unable to delete 2 (cannot be forced) - image is being used by running container 1",
        "image used by 1: image is in use by a container: consider listing external containers and force-removing image",
    ],
)
def test_a_container_on_an_image_is_told_in_our_words(message: str) -> None:
    error = engine_errors.about_removal(message, "Podman")
    assert error.code == "image_in_use"
    assert error.detail.startswith("A container uses it")
