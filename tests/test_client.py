"""The Python client against a real server."""

from collections.abc import Iterator

import pytest

from bayplan.client import Client, Tokens, both, contains, exact
from bayplan.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed, Unauthenticated
from tests import catalogue
from tests.process import ADMIN_PASSWORD, Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with reference tables and nothing else; each test adds what it needs."""
    with running_server(tmp_path_factory.mktemp("client") / "home") as running:
        with Client(running.url, token=running.token()) as bayplan:
            bayplan.frameworks.create({"name": "PyTorch", "version": "2.4"})
        yield running


@pytest.fixture
def bayplan(server: Server) -> Iterator[Client]:
    """A client of staff."""
    with Client(server.url, token=server.token()) as client:
        yield client


def test_logging_in(server: Server) -> None:
    new_tokens: list[Tokens] = []
    with Client(server.url + "/", on_tokens=new_tokens.append) as client:
        tokens = client.log_in("admin", ADMIN_PASSWORD)
        assert client.domains.list()
    assert new_tokens == [tokens]
    with Client(server.url, token=tokens.access) as client:
        assert client.domains.list()


def test_a_wrong_password(server: Server) -> None:
    with Client(server.url, username="admin", password="wrong") as client, pytest.raises(Unauthenticated):
        client.images.list()


def test_no_credentials(server: Server) -> None:
    with Client(server.url) as client, pytest.raises(Unauthenticated):
        client.images.list()


def test_a_token_that_has_ended_is_renewed_once_and_handed_on(server: Server) -> None:
    with Client(server.url) as client:
        refresh = client.log_in("admin", ADMIN_PASSWORD).refresh
    new_tokens: list[Tokens] = []
    with Client(server.url, tokens=Tokens("ended", refresh), on_tokens=new_tokens.append) as client:
        client.domains.list()
        client.domains.list()
    assert len(new_tokens) == 1
    assert new_tokens[0].refresh == refresh
    with Client(server.url, tokens=Tokens("ended", "ended too")) as client, pytest.raises(Unauthenticated):
        client.domains.list()
    with Client(server.url, tokens=Tokens(None, "ended"), username="admin", password=ADMIN_PASSWORD) as client:
        assert client.domains.list()


def test_an_image_from_creation_to_removal(bayplan: Client) -> None:
    body = catalogue.image(name="life", version="1")
    image = bayplan.images.create(body)
    pk = image["pk"]
    assert bayplan.images.get(pk) == image
    expanded = bayplan.images.get(pk, expand=True)
    assert expanded["framework"]["name"] == "PyTorch"
    assert expanded["cuda_version"] is not None
    assert expanded["cuda_version"]["full_version"] == "12.4.1"
    assert bayplan.images.update(pk, {"tasks": ["export"]})["tasks"] == ["export"]
    assert bayplan.images.replace(pk, body | {"version": "2"})["version"] == "2"
    with pytest.raises(Conflict):
        bayplan.images.create(body | {"version": "2"})
    bayplan.images.delete(pk)
    assert bayplan.images.list(exact("name", "life")) == []
    assert bayplan.images.list(exact("name", "life"), include_inactive=True)[0]["deletion_time"] is not None
    with pytest.raises(Conflict):
        bayplan.images.update(pk, {"version": "3"})
    assert bayplan.images.reinstate(pk)["deletion_time"] is None
    assert bayplan.images.delete_for_good(pk)["pk"] == pk
    with pytest.raises(NotFound):
        bayplan.images.get(pk)


def test_lists_are_filtered_ordered_and_paged(bayplan: Client) -> None:
    for number in range(5):
        bayplan.images.create(catalogue.image(name="paged", version=str(number), tasks=["train"]))
    mine = both(exact("name", "paged"), exact("tasks", "TRAIN", case_insensitive=True))
    versions = [image["version"] for image in bayplan.images.list(mine, order_by=["-version"], limit=2, offset=1)]
    assert versions == ["3", "2"]
    names = {image["framework"]["name"] for image in bayplan.images.list(mine, expand=True)}
    assert names == {"PyTorch"}


def test_a_list_is_read_page_by_page(bayplan: Client) -> None:
    pks = [bayplan.images.create(catalogue.image(name="each", version=str(number)))["pk"] for number in range(7)]
    images = bayplan.images.each(exact("name", "each"), order_by=("-version",), page=2)
    first = next(images)["pk"]
    for pk in (pks[6], pks[3]):  # one that was read, and one that was not
        bayplan.images.delete_for_good(pk)
    assert [first, *(image["pk"] for image in images)] == [pks[6], *(pks[number] for number in (5, 4, 2, 1, 0))]
    assert list(bayplan.domains.each(exact("name", "nothing"))) == []


def test_a_refusal_names_the_field(bayplan: Client) -> None:
    with pytest.raises(Invalid) as refused:
        bayplan.images.create(catalogue.image(framework="Nothing 1.0"))
    assert [problem.field for problem in refused.value.problems] == ["framework"]


def test_a_write_with_an_old_etag_is_refused(bayplan: Client) -> None:
    image = bayplan.images.create(catalogue.image())
    with pytest.raises(PreconditionFailed):
        bayplan.images.update(image["pk"], {"version": "9"}, if_match='"no such version"')


def test_facts(bayplan: Client) -> None:
    pk = bayplan.images.create(catalogue.image())["pk"]
    assert bayplan.images.facts(pk)["min_driver"] == {"value": None, "origin": None}
    entered = bayplan.images.set_facts(pk, {"min_driver": "570.0", "architectures": ["amd64"]})
    assert entered["min_driver"] == {"value": "570.0", "origin": "staff"}
    assert bayplan.images.set_facts(pk, {"min_driver": None})["min_driver"]["value"] is None


def test_nodes_and_verdicts(bayplan: Client) -> None:
    node = bayplan.nodes.create(catalogue.node())
    image = bayplan.images.create(catalogue.image())
    assert bayplan.nodes.get(node["pk"], expand=True)["hardware_generation"] is not None
    by_image = bayplan.images.verdicts(image["pk"])["nodes"]
    by_node = bayplan.nodes.verdicts(node["pk"])["images"]
    assert [verdict["grade"] for verdict in by_image if verdict["node"]["pk"] == node["pk"]] == ["minor"]
    assert [verdict["grade"] for verdict in by_node if verdict["image"]["pk"] == image["pk"]] == ["minor"]
    bayplan.nodes.ping(node["pk"])
    assert bayplan.nodes.get(node["pk"])["last_seen"] is not None
    bayplan.nodes.delete(node["pk"])


def test_matching(bayplan: Client) -> None:
    image = bayplan.images.create(catalogue.image(tasks=["matching"]))
    answer = bayplan.match(
        worker={"driver_version": "550.54.15", "compute_capability": "8.6", "architecture": "amd64"},
        task="Matching",
        framework="pytorch>=2,<3",
    )
    assert [(match["image"]["pk"], match["grade"]) for match in answer["matches"]] == [(image["pk"], "native")]
    assert "rejected" not in answer
    old = bayplan.match(worker={"driver_version": "390.48", "compute_capability": "8.6"}, task="matching", explain=True)
    assert old["matches"] == []
    assert [verdict["grade"] for verdict in old["rejected"]] == ["no"]
    assert old["summary"][0]["code"] == "driver_too_old"


def test_the_other_resources(bayplan: Client) -> None:
    assert bayplan.hardware.of("8.6")["generation"] == "Ampere"
    with pytest.raises(NotFound):
        bayplan.hardware.of("99.0")
    assert bayplan.cuda.list(exact("full_version", "12.4.1"))[0]["version"] == "12.4"
    assert {"ic", "od"} <= {domain["name"] for domain in bayplan.domains.list()}
    licence = bayplan.licences.list(contains("name", "MIT"))[0]
    changed = bayplan.licences.change_words(licence["pk"], "add", "conditions", ["say-please"])
    assert "say-please" in changed["conditions"]
    user = bayplan.users.create(catalogue.user(username="reader", password="a long password indeed"))
    with Client(bayplan.server, username="reader", password="a long password indeed") as reader:
        assert reader.images.list() is not None
        with pytest.raises(Forbidden):
            reader.images.create(catalogue.image())
    bayplan.users.delete(user["pk"])


def test_the_catalogue_as_a_document(bayplan: Client) -> None:
    document = {"frameworks": [{"name": "Applied", "version": "1.0"}]}
    plan = bayplan.catalogue.apply(document, dry_run=True)
    assert [(change["action"], change["key"]) for change in plan["changes"]] == [("add", "Applied 1.0")]
    assert not plan["applied"]
    bayplan.frameworks.create({"name": "Meanwhile", "version": "1.0"})
    with pytest.raises(PreconditionFailed):
        bayplan.catalogue.apply(document, if_match=plan["version"])
    plan = bayplan.catalogue.apply(document, dry_run=True)
    assert bayplan.catalogue.apply(document, if_match=plan["version"])["applied"]
    exported = bayplan.catalogue.export()
    assert "Applied" in {framework["name"] for framework in exported["frameworks"]}
    assert bayplan.catalogue.apply(dict(exported))["changes"] == []


def test_history_is_read_page_by_page(bayplan: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayplan.client.client.HISTORY_PAGE", 2)
    domain = bayplan.domains.create(catalogue.domain(name="before"))
    for name in ("between", "after"):
        bayplan.domains.update(domain["pk"], {"name": name})
    entries = list(bayplan.history(resource="domains", pk=domain["pk"]))
    assert [entry["action"] for entry in entries] == ["change", "change", "create"]
    assert entries[0]["changes"] == {"name": {"before": "between", "after": "after"}}
    assert list(bayplan.history(resource="domains", pk=domain["pk"], limit=1)) == entries[:1]
    assert not list(bayplan.history(user="nobody"))
