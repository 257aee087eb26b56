"""Challenges are read as registries write them, and credentials go only where they may."""

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.registry.address import AddressPolicy, Endpoint
from bayplan.registry.auth import RegistryCredentials, TokenRequest, follow, parse
from bayplan.registry.errors import RegistryDenied, RegistryNotAllowed

SECURE = Endpoint("https", "registry.example.org", 443)
PLAIN = Endpoint("http", "127.0.0.1", 5000)
LOGIN = RegistryCredentials("casey", "pass")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="Registry Realm"', [("basic", {"realm": "Registry Realm"})]),
        ("basic realm=plain", [("basic", {"realm": "plain"})]),
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        ('Bearer  realm = "x" , error="invalid_token"', [("bearer", {"realm": "x", "error": "invalid_token"})]),
        ('Basic realm="a", Bearer realm="b"', [("basic", {"realm": "a"}), ("bearer", {"realm": "b"})]),
        ('Negotiate, Basic realm="a, \\"b\\""', [("negotiate", {}), ("basic", {"realm": 'a, "b"'})]),
        ("Negotiate", [("negotiate", {})]),
        ("", []),
        ('="', []),
        ('Bearer realm="never closed', [("bearer", {})]),
    ],
)
def test_challenges_are_read(header: str, expected: list[tuple[str, Mapping[str, str]]]) -> None:
    """Schemes and parameters, several of them, quoted or not; a scheme whose parameters are broken has none."""
    assert [(challenge.scheme, dict(challenge.parameters)) for challenge in parse([header])][
        : len(expected) or None
    ] == expected


@given(st.text(max_size=300) | st.from_regex(r'(Bearer|Basic) ([a-z]+="?[^"]*"?,? ?)*', fullmatch=True))
def test_no_header_breaks_the_reader(header: str) -> None:
    """Whatever comes, it ends, and gives challenges."""
    assert all(challenge.scheme for challenge in parse([header, header]))


def asked(header: str, registry: Endpoint = SECURE, access: AddressPolicy | None = None) -> TokenRequest:
    """The request for a token that follows from a header."""
    step = follow(parse([header]), registry, "ml/x", LOGIN, access or AddressPolicy())
    assert isinstance(step, TokenRequest)
    return step


def test_a_token_is_asked_for_as_announced() -> None:
    """Service and scope go along, and the address's own query stays."""
    step = asked('Bearer realm="https://auth.docker.io/token?a=1",service="s t",scope="repository:ml/x:pull"')
    assert (step.endpoint, step.credentials) == (Endpoint("https", "auth.docker.io", 443), LOGIN)
    query = parse_qs(urlsplit(step.target).query)
    assert query == {"a": ["1"], "service": ["s t"], "scope": ["repository:ml/x:pull"], "account": ["casey"]}


@pytest.mark.parametrize(
    ("announced", "scopes"),
    [
        ("", ["repository:ml/x:pull"]),
        ("repository:ml/x:pull,push", ["repository:ml/x:pull"]),
        ("repository:ml/x:*", ["repository:ml/x:pull"]),
        ("repository:a/b:pull repository:c/d:delete,push", ["repository:a/b:pull", "repository:c/d:pull"]),
        ("aws", ["aws"]),
    ],
)
def test_a_token_is_for_pulling_alone(announced: str, scopes: list[str]) -> None:
    """Whatever the registry would like."""
    step = asked(f'Bearer realm="https://a.example.org/",scope="{announced}"')
    assert parse_qs(urlsplit(step.target).query)["scope"] == scopes


@pytest.mark.parametrize(
    ("registry", "realm", "insecure", "allowed"),
    [
        (SECURE, "https://registry.example.org/token", [], True),
        (SECURE, "https://auth.example.com/token", [], True),  # as docker.io has it
        (SECURE, "http://registry.example.org/token", [], False),
        (SECURE, "http://auth.example.com/token", ["auth.example.com:80"], False),  # TLS is not left
        (SECURE, "http://127.0.0.1/token", [], False),
        (PLAIN, "http://127.0.0.1:5001/token", [], True),
        (PLAIN, "http://[::1]:5001/token", [], True),
        (PLAIN, "http://localhost/token", [], True),
        (PLAIN, "https://auth.example.com/token", [], True),
        (PLAIN, "http://auth.example.com/token", [], False),
        (PLAIN, "http://auth.example.com/token", ["auth.example.com:80"], True),
        (PLAIN, "http://127.0.0.1.example.com/token", [], False),
        (PLAIN, "http://localhost.example.com/token", [], False),
    ],
)
def test_where_credentials_may_go(registry: Endpoint, realm: str, insecure: list[str], allowed: bool) -> None:
    """The table of the rules in the module's docstring."""
    access = AddressPolicy.of(insecure=insecure)
    if allowed:
        assert asked(f'Bearer realm="{realm}"', registry, access).credentials == LOGIN
    else:
        with pytest.raises(RegistryNotAllowed, match="so no credentials were sent"):
            asked(f'Bearer realm="{realm}"', registry, access)


def test_basic_needs_credentials() -> None:
    """The credentials, or an error that asks for them; Bearer goes before Basic."""
    basic = parse(['Basic realm="x"'])
    assert follow(basic, SECURE, "ml/x", LOGIN, AddressPolicy()) is LOGIN
    with pytest.raises(RegistryDenied, match="registry_username"):
        follow(basic, SECURE, "ml/x", None, AddressPolicy())
    assert asked('Basic realm="x", Bearer realm="https://a.example.org/"').endpoint.host == "a.example.org"
    with pytest.raises(RegistryDenied, match="other than Basic and Bearer"):
        follow(parse(["Negotiate"]), SECURE, "ml/x", LOGIN, AddressPolicy())
    with pytest.raises(RegistryDenied, match="does not say how to log in"):
        follow(parse([]), SECURE, "ml/x", LOGIN, AddressPolicy())


def test_without_credentials_a_token_is_asked_for_anonymously() -> None:
    """As public images of docker.io are read."""
    step = follow(parse(['Bearer realm="https://a.example.org/"']), SECURE, "ml/x", None, AddressPolicy())
    assert isinstance(step, TokenRequest)
    assert step.credentials is None
    assert "account" not in step.target


def test_credentials_hide_their_password() -> None:
    """In its own text, and in that of an object around it."""
    secret = RegistryCredentials("casey", "very secret")
    step = follow(parse(['Bearer realm="https://a.example.org/"']), SECURE, "ml/x", secret, AddressPolicy())
    assert "very secret" not in repr(secret) + str(secret) + repr(step)
