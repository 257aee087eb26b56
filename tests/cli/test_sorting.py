"""`--sort-by` on lists: versions as versions, null last, right over pages, and a wrong field is named with the nearest."""

from typing import Any, get_type_hints

import pytest

from bayplan.cli.context._view import ContextEntry
from bayplan.cli.options import UsageError
from bayplan.cli.sorting import FIELDS, in_order, order
from bayplan.client import Client
from bayplan.client.collection import Collection
from bayplan.domain.versions import DriverVersion
from bayplan.schemas.audit import AuditEntry
from bayplan.schemas.credentials import RegistryCredentialsAnswer
from bayplan.schemas.history import HistoryEntry
from bayplan.schemas.prefetch import WorkerInventory
from bayplan.schemas.tokens import ApiTokenAnswer
from bayplan.schemas.users import UserAnswer
from bayplan.schemas.workers import JoinTokenAnswer, WorkerAnswer
from tests.cli.conftest import Shell
from tests.process import Server


def test_versions_sort_as_versions_and_null_comes_last_either_way() -> None:
    rows = [{"version": version} for version in ("2.10.0-cuda12", None, "2.9.1-cuda12", "2.9.1-cuda9")]
    assert [row["version"] for row in in_order(rows, ("version",))] == [
        "2.9.1-cuda9",
        "2.9.1-cuda12",
        "2.10.0-cuda12",
        None,
    ]
    assert [row["version"] for row in in_order(rows, ("-version",))] == [
        "2.10.0-cuda12",
        "2.9.1-cuda12",
        "2.9.1-cuda9",
        None,
    ]


def test_several_fields_and_values_of_many_kinds() -> None:
    rows: list[dict[str, Any]] = [
        {"nodes": [1, 2], "ip": "b", "creator": {"username": "kim"}},
        {"nodes": [3], "ip": "gpu-10", "creator": None},
        {"nodes": [4], "ip": "GPU-9", "creator": {"username": "amy"}},
    ]
    assert [row["ip"] for row in in_order(rows, ("nodes", "ip"))] == ["GPU-9", "gpu-10", "b"]
    assert [row["ip"] for row in in_order(rows, ("-nodes", "-ip"))] == ["b", "gpu-10", "GPU-9"]
    assert [row["ip"] for row in in_order(rows, ("creator.username",))] == ["GPU-9", "b", "gpu-10"]


@pytest.mark.parametrize("text", ["driver", "DRIVER", ".driver_version", "{.driver}", "driver-version"])
def test_a_field_is_named_as_tables_and_answers_have_it(text: str) -> None:
    assert order("nodes list", text)[0] == "driver_version"
    assert order("nodes list", f"-{text}") == ("-driver_version", "-ip", "-index")


def test_a_field_that_there_is_not_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="--sort-by: there is no field 'drivr'; did you mean driver"):
        order("nodes list", "drivr")
    with pytest.raises(UsageError, match="'xyzzy'; the fields are name, server, user"):
        order("context list", "xyzzy")


def test_lists_are_sorted_over_more_than_one_page(shell: Shell) -> None:
    """By the server, and what it compares as text here: then the whole list is read."""
    drivers = [
        shell.run("nodes", "list", "--sort-by", "-driver", "--limit", "3", "--offset", offset, "-q").out.split()
        for offset in ("0", "3")
    ]
    assert drivers[0] + drivers[1] == shell.run("nodes", "list", "--sort-by=-driver", "-q").out.split()[:6]
    images = shell.run("images", "list", "--sort-by", "version", "--limit", "9", "--json").out
    whole = shell.run("images", "list", "--sort-by", "version", "--json").out
    assert whole.startswith(images.removesuffix("\n]\n"))
    assert "Fields of --sort-by:\n" in shell.run("images", "list", "--help").out


def test_the_server_takes_every_field_of_the_lists_that_it_sorts(server: Server) -> None:
    with Client(server.url, token=server.token()) as client:
        client.nodes.list(order_by=order("nodes list", "-labels.example.org/zone"), limit=1)
        sorted_there: dict[str, Collection[Any, Any]] = {
            "images list": client.images,
            "nodes list": client.nodes,
            "prefetch list": client.prefetch,
            "list cuda": client.cuda,
            "list hardware": client.hardware,
            "list frameworks": client.frameworks,
            "list domains": client.domains,
            "list licences": client.licences,
        }
        for listing, collection in sorted_there.items():
            for paths in FIELDS[listing].values():
                collection.list(order_by=paths, limit=1)
        drivers = [node["driver_version"] for node in client.nodes.list(order_by=FIELDS["nodes list"]["driver"])]
    known = [DriverVersion.parse(driver) for driver in drivers if driver is not None]
    assert known == sorted(known)
    assert drivers[len(known) :] == [None] * (len(drivers) - len(known))


@pytest.mark.parametrize(
    ("listing", "answer"),
    [
        ("nodes workers", WorkerAnswer),
        ("nodes join-tokens", JoinTokenAnswer),
        ("prefetch status", WorkerInventory),
        ("credentials list", RegistryCredentialsAnswer),
        ("token list", ApiTokenAnswer),
        ("user list", UserAnswer),
        ("context list", ContextEntry),
        ("history", HistoryEntry),
        ("audit", AuditEntry),
    ],
)
def test_the_other_lists_have_every_field_in_their_rows(listing: str, answer: Any) -> None:
    assert {path for paths in FIELDS[listing].values() for path in paths} <= get_type_hints(answer).keys()
