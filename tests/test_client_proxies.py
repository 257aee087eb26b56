"""The proxy of a client: which variable decides, for which servers, and what is said of one that cannot be used."""

import socket
import threading
from collections.abc import Iterator

import pytest

from bayplan.client import Client
from bayplan.client.proxies import proxy_for
from bayplan.errors import CannotStart, Unreachable

PROXY = "http://proxy.example:3128"
SERVER = "http://catalogue.example.org:8000"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme.upper()}_PROXY", raising=False)


@pytest.mark.parametrize(
    ("variables", "server", "chosen"),
    [
        ({}, SERVER, None),
        ({"HTTP_PROXY": PROXY}, SERVER, "HTTP_PROXY"),
        ({"http_proxy": PROXY, "HTTP_PROXY": "socks4://x"}, SERVER, "http_proxy"),
        ({"http_proxy": "", "HTTP_PROXY": PROXY}, SERVER, None),
        ({"Http_Proxy": PROXY}, SERVER, "Http_Proxy"),
        ({"HTTPS_PROXY": PROXY}, SERVER, None),
        ({"HTTPS_PROXY": "socks4://x"}, SERVER, None),
        ({"HTTPS_PROXY": PROXY}, "https://catalogue.example.org", "HTTPS_PROXY"),
        ({"ALL_PROXY": PROXY}, "https://catalogue.example.org", "ALL_PROXY"),
        ({"ALL_PROXY": "socks4://x", "HTTP_PROXY": PROXY}, SERVER, "HTTP_PROXY"),
        ({"HTTP_PROXY": " proxy.example:3128\r\n"}, SERVER, "HTTP_PROXY"),
        ({"HTTP_PROXY": "http://user:a%20password@[::1]:3128/"}, SERVER, "HTTP_PROXY"),
        ({"HTTP_PROXY": " \n"}, SERVER, None),
    ],
)
def test_which_variable_decides(
    variables: dict[str, str], server: str, chosen: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    proxy = proxy_for(server)
    assert (None if proxy is None else proxy.variable) == chosen
    assert "password" not in repr(proxy)


@pytest.mark.parametrize(
    ("no_proxy", "server"),
    [
        ("*", SERVER),
        ("example.org", SERVER),
        (".example.org", SERVER),
        ("*.Example.ORG.", SERVER),
        ("other.example, catalogue.example.org", SERVER),
        ("other.example catalogue.example.org", SERVER),
        ("catalogue.example.org:8000", SERVER),
        ("http://catalogue.example.org", SERVER),
        ("all://catalogue.example.org/", SERVER),
        ("example.org", "http://example.org."),
        ("example.org:80", "http://example.org"),
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("127.0.0.0/8", "http://127.0.0.1:8000"),
        ("fd07:b51a:cc66:f0::/64", "http://[fd07:b51a:cc66:f0::1]:8000"),
        ("[fd07::]/16", "http://[fd07:b51a:cc66:f0::1]:8000"),
        ("::1", "http://[::1]"),
        ("[::1]", "http://[::1]"),
        ("[0:0::1]:8000", "http://[::1]:8000"),
        ("[::1,10.0.0.0/99,a:b:c,http://[,localhost:x,\u00f6,127.0.0.1", "http://127.0.0.1:8000"),
    ],
)
def test_a_server_that_no_proxy_names_is_reached_directly(
    no_proxy: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks4://no:such@kind:0")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert proxy_for(server) is None


@pytest.mark.parametrize(
    "no_proxy",
    [
        "",
        "example",
        "ample.org",
        "org:8000.",
        "catalogue.example.org:8001",
        "https://catalogue.example.org",
        "10.0.0.0/8",
        "localhost,fd07:b51a:cc66:f0::/64",
        "http://[",
        ".",
    ],
)
def test_entries_of_no_proxy_that_do_not_name_the_server(no_proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    monkeypatch.setenv("no_proxy", no_proxy)
    assert proxy_for(SERVER) is not None


@pytest.mark.parametrize(
    "value",
    [
        "socks4://127.0.0.1:9",
        "ftp://127.0.0.1:9",
        "http://",
        "http://:3128",
        "//127.0.0.1:9",
        "http://user:s3cret@127.0.0.1:port",
        "http://user:s3cret@127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://[::1",
        "http://user:s3cret@pro xy:3128",
        "http://pro\txy:3128",
        "http://" + "a" * 64 + ".example:3128",
        "http://-\u00e4..\u00f6:80",
        "\udcff",
    ],
)
def test_a_variable_that_cannot_be_used_is_named_without_its_value(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(CannotStart, match=r"^ALL_PROXY (holds|names)") as refused:
        Client(SERVER, token="x")
    assert "s3cret" not in refused.value.detail
    monkeypatch.setenv("NO_PROXY", "catalogue.example.org")
    Client(SERVER, token="x").close()


@pytest.mark.parametrize("scheme", ["socks5", "SOCKS5", "socks5h"])
def test_a_socks_proxy_without_its_package(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", f"{scheme}://127.0.0.1:9")
    with pytest.raises(CannotStart, match=r"^all_proxy names a SOCKS proxy, for which the package socksio is missing"):
        Client(SERVER, token="x")


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[bytes]]]:
    """A small proxy: its address, and the first line of each request. It refuses CONNECT, and answers itself for others."""
    lines: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                lines.append(connection.recv(65536).split(b"\r\n")[0])
                answer = b"200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"
                if lines[-1].startswith(b"CONNECT"):
                    answer = b"407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
                connection.sendall(b"HTTP/1.1 " + answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", lines
        listening.shutdown(socket.SHUT_RDWR)


def test_requests_go_through_the_proxy(proxy: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    address, lines = proxy
    monkeypatch.setenv("HTTP_PROXY", address)
    with Client("http://catalogue.invalid", token="x") as client:
        assert client.domains.list() == []
    assert lines == [b"POST http://catalogue.invalid/v1/domains/list HTTP/1.1"]


def test_a_proxy_that_refuses_is_named(proxy: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy[0])
    with (
        Client("https://catalogue.invalid", token="x") as client,
        pytest.raises(
            Unreachable, match=r"^The proxy in https_proxy does not lead to https://.* \(status 407\); correct"
        ),
    ):
        client.domains.list()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://proxy.invalid:80", "https://127.0.0.1:9"])
def test_a_proxy_that_does_not_answer_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", address)
    with (
        Client(SERVER, token="x") as client,
        pytest.raises(Unreachable, match=r"^The proxy in ALL_PROXY does not answer \([A-Z][a-z ]+\); correct it"),
    ):
        client.domains.list()
