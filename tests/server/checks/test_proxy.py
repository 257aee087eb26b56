"""A server that reaches registries by a proxy alone, as its settings say; and settings that lead nowhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Service, Template, serving
from tests.inprocess import Loop
from tests.process import running_server
from tests.registry.proxy import Proxy, proxying
from tests.registry.running import Registry
from tests.server.checks.conftest import Body, checked, state_of
from tests.server.inspections.conftest import CUDA, inspected, made, pushed, secured

__all__ = ["secured"]


@pytest.fixture
def proxy(loop: Loop) -> Iterator[Proxy]:
    """A proxy that asks for credentials."""
    running = proxying(credentials="bayplan:secret-of-the-proxy")
    proxy = loop.run(running.__aenter__())
    try:
        yield proxy
    finally:
        loop.run(running.__aexit__(None, None, None))


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_images_are_inspected_and_checked_through_the_proxy(
    kind: str,
    request: pytest.FixtureRequest,
    template: Template,
    loop: Loop,
    tmp_path: Path,
    secured: Registry,
    proxy: Proxy,
) -> None:
    pushed(secured, "far/away", CUDA)
    url = proxy.url.replace("//", "//bayplan:secret-of-the-proxy@")
    with serving(kind, request, template, loop, tmp_path, registry_proxy=url, registry_ca=secured.ca) as service:
        image = made(service, f"registry.test:{secured.port}/far/away:1")
        assert inspected(service, image)["platforms"][0]["facts"]["cuda_version"]["value"] == "12.4.1"
        assert checked(service, image)["state"] == "ok"
        assert set(proxy.asked) == {f"CONNECT registry.test:{secured.port} HTTP/1.1"}
        metadata = _checked_metadata(service)
        assert (metadata["state"], metadata["code"]) == ("unreachable", "registry_not_allowed")
        assert len(set(proxy.asked)) == 1
        assert "secret-of-the-proxy" not in repr(service.settings) + str(state_of(service, image))


def _checked_metadata(service: Service) -> Body:
    return checked(service, made(service, "169.254.169.254/latest/meta-data:1", name="metadata"))


@pytest.mark.parametrize(
    "value",
    [
        *("proxy.example.org:3128", "https://proxy.example.org:3128", "socks5://proxy:1", "http://proxy.example.org"),
        *("http://casey:secret@proxy:99999", "http://casey:secret@proxy:1/path", "http://proxy:1 http://other:1"),
    ],
)
def test_a_proxy_that_is_none_ends_the_start(tmp_path: Path, value: str) -> None:
    with (
        pytest.raises(RuntimeError, match=r"BAYPLAN_REGISTRY_PROXY must be http://host:port") as caught,
        running_server(tmp_path / "home", registry_proxy=value),
    ):
        pass
    assert "secret" not in str(caught.value)


def test_an_empty_proxy_is_none(tmp_path: Path) -> None:
    with running_server(tmp_path / "home", registry_proxy="") as server:
        assert server.process.poll() is None
