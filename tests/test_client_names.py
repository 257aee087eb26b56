"""The Python client by names, and with the session, the context and the variables of the command line."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bayplan.client import Client, Tokens, contexts, exact, stored_sessions
from bayplan.errors import Invalid, NotFound, Unauthenticated, Unreachable
from tests import catalogue
from tests.process import ADMIN_PASSWORD, Server, running_server

DEAD = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a few images, nodes and a prefetch rule."""
    with running_server(tmp_path_factory.mktemp("names") / "home") as running:
        with Client(running.url, token=running.token()) as bayplan:
            for version in ("2.4", "2.4.1", "2.5"):
                bayplan.frameworks.create({"name": "PyTorch", "version": version})
            bayplan.images.create(
                catalogue.image(name="detector", version="1", url="docker.io/team/detector:1", registry="docker.io")
            )
            bayplan.images.create(
                catalogue.image(name="detector", version="2", url="team/detector:2", registry="docker.io")
            )
            bayplan.images.create(catalogue.image(name="écran <b>", version="1"))
            bayplan.nodes.create(catalogue.node(ip="gpu07.example.org", index=0))
            bayplan.nodes.create(catalogue.node(ip="10.0.0.7", index=1))
            rule = {"name": "detectors", "images": {"expressions": []}, "nodes": {"expressions": []}}
            bayplan.prefetch.create(rule)
        yield running


@pytest.fixture
def bayplan(server: Server) -> Iterator[Client]:
    """A client of staff."""
    with Client(server.url, token=server.token()) as client:
        yield client


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of a person who has used nothing yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("SERVER", "CONTEXT", "TOKEN", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"BAYPLAN_{name}", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    ["detector:2", "detector 2", "team/detector:2", "docker.io/team/detector:2", "index.docker.io/team/detector:2"],
)
def test_an_image_is_named_in_every_way(bayplan: Client, name: str) -> None:
    pk = bayplan.images.list(exact("version", "2"))[0]["pk"]
    for named in (name, f" {name} ", pk, str(pk)):
        assert bayplan.images.get(named)["pk"] == pk
    assert bayplan.images.facts(name) == bayplan.images.facts(pk)
    assert bayplan.images.floor(name) == bayplan.images.floor(pk)
    assert bayplan.prefetch.image_inventory(name) == bayplan.prefetch.image_inventory(pk)
    assert bayplan.images.fit(name, nodes=["gpu07", "10.0.0.7#1"])["image"] == bayplan.images.fit(pk)["image"]


def test_the_other_resources_are_named(bayplan: Client) -> None:
    assert bayplan.nodes.get("gpu07")["ip"] == "gpu07.example.org"
    assert bayplan.nodes.get("10.0.0.7#1", expand=True)["index"] == 1
    bayplan.nodes.ping("gpu07")
    assert bayplan.prefetch.node_inventory("gpu07")["images"] != []
    assert bayplan.domains.get("OD")["name"] == "od"
    assert bayplan.cuda.get("12.4")["full_version"] == "12.4.1"
    assert bayplan.hardware.get("ampere")["generation"] == "Ampere"
    assert bayplan.licences.get("mit license")["name"] == "MIT License"
    assert bayplan.users.get("admin")["username"] == "admin"
    assert bayplan.prefetch.get("detectors", expand=True)["name"] == "detectors"
    assert bayplan.frameworks.get("pytorch 2.4")["version"] == "2.4"
    assert bayplan.frameworks.get("torch>=2.5")["version"] == "2.5"
    assert [each["version"] for each in bayplan.frameworks.all_named("PyTorch 2.4")] == ["2.4", "2.4.1"]
    assert bayplan.match(node="gpu07", expressions=[exact("name", "detector")])["matches"] != []
    assert [entry["action"] for entry in bayplan.history(image="detector:1")] == ["create"]
    assert bayplan.credentials.audit(image="detector:1") == []


@pytest.mark.parametrize(
    ("resource", "name", "nearest"),
    [
        ("images", "detctor:2", "did you mean detector:2"),
        ("images", "team/detector:9", "`bayplan check team/detector:9` asks its registry"),
        ("nodes", "gpu08", "did you mean gpu07.example.org?"),
        ("domains", "odd", "did you mean od"),
        ("cuda", "12.44", "did you mean"),
        ("hardware", "Amper", "did you mean Ampere"),
        ("licences", "Apache", "did you mean Apache"),
        ("users", "admim", "did you mean admin?"),
        ("prefetch", "detector", "did you mean detectors?"),
        ("frameworks", "pytorhc", "did you mean PyTorch?"),
        ("frameworks", "pytorch 3", "there are PyTorch 2.5, PyTorch 2.4.1, PyTorch 2.4."),
        ("domains", "xxxxxxxxxx", "`bayplan list domains` shows the existing names."),
    ],
)
def test_a_name_that_there_is_not_leads_to_the_nearest(bayplan: Client, resource: str, name: str, nearest: str) -> None:
    with pytest.raises(NotFound) as refused:
        getattr(bayplan, resource).get(name)
    assert nearest in refused.value.detail


def test_a_name_that_several_have_is_refused(bayplan: Client) -> None:
    with pytest.raises(Invalid, match=r"'detector' may be any of 2 images; say which version"):
        bayplan.images.delete("detector")
    with pytest.raises(Invalid, match=r"'pytorch' may be any of 3 frameworks; say which version: PyTorch 2.5, "):
        bayplan.frameworks.get("pytorch")
    assert len(bayplan.images.all_named("detector")) == 2


@pytest.mark.parametrize(
    ("question", "nearest"),
    [({"task": "trian"}, "train"), ({"domain": "odd"}, "od"), ({"framework": "pytorhc"}, "PyTorch")],
)
def test_a_match_refuses_names_that_no_image_has(bayplan: Client, question: dict[str, str], nearest: str) -> None:
    with pytest.raises(NotFound, match=f"did you mean {nearest}"):
        bayplan.match(worker={}, **question)  # type: ignore[arg-type]  # each is a keyword that takes a text
    answer = bayplan.match(worker={}, allow_unknown_names=True, **question)  # type: ignore[arg-type]  # the same
    assert answer["considered"] == 0


def test_a_deleted_image_is_named_to_bring_it_back(bayplan: Client) -> None:
    bayplan.images.create(catalogue.image(name="gone", version="1"))
    bayplan.images.delete("gone:1")
    with pytest.raises(NotFound):
        bayplan.images.get("gone:1")
    assert bayplan.images.reinstate("gone:1")["deletion_time"] is None
    bayplan.images.delete_for_good("gone:1")


def test_a_token_is_revoked_by_its_name(bayplan: Client) -> None:
    bayplan.api_tokens.create("nightly", ["read"])
    with pytest.raises(NotFound, match="There is no token 'nighty'; yours are nightly"):
        bayplan.api_tokens.revoke("nighty")
    bayplan.api_tokens.revoke("nightly")
    assert bayplan.api_tokens.list() == []


def test_without_arguments_it_uses_the_session_of_the_current_context(server: Server) -> None:
    with Client(server.url) as client:
        tokens = client.log_in("admin", ADMIN_PASSWORD)
    stored_sessions.keep(server.url, stored_sessions.StoredSession("admin", "ended", tokens.refresh))
    contexts.use_server(server.url)
    with Client() as client:
        assert client.server == server.url
        assert client.users.me()["user"]["username"] == "admin"
    renewed = stored_sessions.find(server.url)
    assert renewed is not None
    assert renewed.access not in (None, "ended")
    with Client() as client:
        client.log_in("admin", ADMIN_PASSWORD)
    assert stored_sessions.find(server.url) == renewed, "a log-in by the program is its own"


def test_the_order_is_that_of_the_command_line(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts.add("prod", server.url)
    contexts.add("dead", DEAD)
    contexts.use("dead")
    assert Client().server == DEAD
    monkeypatch.setenv("BAYPLAN_CONTEXT", "prod")
    assert Client().server == server.url
    monkeypatch.setenv("BAYPLAN_SERVER", DEAD)
    assert Client().server == DEAD
    assert Client(server.url).server == server.url
    monkeypatch.setenv("BAYPLAN_USERNAME", "admin")
    monkeypatch.setenv("BAYPLAN_PASSWORD", ADMIN_PASSWORD)
    with Client(server.url) as client:
        assert client.users.me()["user"]["username"] == "admin"
    monkeypatch.setenv("BAYPLAN_TOKEN", "bpt_none")
    with Client(server.url) as client, pytest.raises(Unauthenticated, match="refuses the token in BAYPLAN_TOKEN"):
        client.users.me()
    with Client(server.url, token=server.token()) as client:
        assert client.users.me()["user"]["username"] == "admin"
    with Client() as client, pytest.raises(Unreachable):
        client.users.me()
    monkeypatch.setenv("BAYPLAN_CONTEXT", "pord")
    monkeypatch.delenv("BAYPLAN_SERVER")
    with pytest.raises(NotFound, match=r"There is no context 'pord'; did you mean prod\?"):
        Client()


def test_without_a_session_the_error_says_how_to_log_in(server: Server) -> None:
    with Client(server.url) as client, pytest.raises(Unauthenticated) as refused:
        client.images.list()
    command = f"bayplan login --server {server.url}"
    assert refused.value.detail == f"You are not logged in to {server.url}: run `{command}` first."
    stored_sessions.keep(server.url, stored_sessions.StoredSession("kim", "ended", "ended"))
    with Client(server.url) as client, pytest.raises(Unauthenticated) as refused:
        client.images.list()
    assert refused.value.detail == f"The session of kim at {server.url} has ended: run `{command}` again."
    with Client(server.url, tokens=Tokens()) as client, pytest.raises(Unauthenticated) as refused:
        client.images.list()
    assert "bayplan login" not in refused.value.detail


def test_the_examples_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[1] / "docs" / "client.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(examples) > 8
    names: dict[str, object] = {}
    with running_server(tmp_path / "home") as fresh:
        with Client(fresh.url, tokens=Tokens()) as client:
            tokens = client.log_in("admin", ADMIN_PASSWORD)
        stored_sessions.keep(fresh.url, stored_sessions.StoredSession("admin", tokens.access, tokens.refresh))
        contexts.use_server(fresh.url)
        for example in examples:
            here = example.replace("http://127.0.0.1:8000", fresh.url).replace("the admin password", ADMIN_PASSWORD)
            exec(compile(here, "docs/client.md", "exec"), names)


@pytest.mark.parametrize("missing", [{"username": "kim"}, {"password": "x"}, {"worker": "w-1"}, {"secret": "x"}])
def test_half_of_an_account_is_refused(missing: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="Give both"):
        Client("http://127.0.0.1:9", **missing)  # type: ignore[arg-type]  # each is a keyword that takes a text
