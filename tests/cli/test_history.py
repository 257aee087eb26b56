"""`bayplan history`: changes are shown by name and filtered, wrong options refused; and no password is in it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bayplan.cli.audit._history_names import read_names
from bayplan.cli.node_facts import SIZES
from bayplan.client import Client
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.exports.history_words import MEMORIES, NAME_FIELDS, REFERENCES, Names, changes, subject
from bayplan.schemas.history import HistoryEntry
from tests.cli.conftest import Shell
from tests.cli.test_images import NEW, rows
from tests.process import Server

PASSWORD = "the password of the robot"  # of no registry


@pytest.fixture
def image(server: Server, shell: Shell) -> Iterator[str]:
    """The key of an image that was added, changed and given a password."""
    options = [*NEW, "--framework", "PyTorch 2.4.1"]
    shell.run("images", "add", "of-history", "1.0", *options)
    with Client(server.url, token=server.token()) as bayplan:
        (pk,) = (image["pk"] for image in bayplan.images.list() if image["name"] == "of-history")
    shell.run("images", "edit", str(pk), "--version", "1.1")
    credentials = ["--registry-username", "robot", "--registry-password-stdin"]
    shell.run("images", "edit", str(pk), *credentials, typed=f"{PASSWORD}\n")
    yield str(pk)
    shell.run("images", "rm", str(pk), "--hard", "--yes")


def test_each_change_is_a_line_newest_first(shell: Shell, image: str) -> None:
    printed = shell.run("history", "--image", image).out
    head, password, version, added, count = rows(printed)
    assert head == ["TIME", "VERSION", "USER", "ACTION", "WHAT", "CHANGES"]
    assert password[2:5] == version[2:5] == ["admin", "change", "of-history:1.1"]
    assert version[5] == "version: 1.0 -> 1.1"
    assert "registry_username: robot" in password[5]
    assert "registry_password: (set)" in password[5]
    assert added[3:5] == ["create", "of-history:1.0"]
    assert "name: of-history" in added[5]
    assert "cuda_version: 12.4.1; min_hardware_generation: Turing; cpu: no; framework: PyTorch 2.4.1" in added[5]
    assert "domain: od; tasks: train, predict; licence: MIT License; creator: admin" in added[5]
    assert count == ["3 entries"]
    assert PASSWORD not in printed


def test_options_filter_the_history(shell: Shell, image: str) -> None:
    by_name = json.loads(shell.run("history", "--image", "of-history:1.1", "--json").out)
    assert by_name == json.loads(shell.run("history", "--resource", "docker", "--pk", image, "--json").out)
    assert [entry["action"] for entry in by_name] == ["change", "change", "create"]
    assert len(json.loads(shell.run("history", "--limit", "2", "--json").out)) == 2
    assert shell.run("history", "--image", image, "--user", "nobody").out == "There are no changes.\n"
    assert len(rows(shell.run("history", "--image", image, "--user", "admin", "--since", "1h").out)) == 5
    assert {entry["resource"] for entry in json.loads(shell.run("history", "--resource", "nodes", "--json").out)} == {
        "nodes"
    }


def test_a_log_that_the_limit_cut_says_so(shell: Shell, image: str) -> None:
    assert shell.run("history", "--image", image, "--limit", "1").out.endswith(
        "\n1 entry; a higher --limit shows older ones\n"
    )
    everything = shell.run("history", "--image", image).out.splitlines()[-1]
    number = everything.removesuffix(" entries")
    assert shell.run("history", "--image", image, "--limit", number).out.splitlines()[-1] == everything
    assert len(json.loads(shell.run("history", "--image", image, "--limit", "1", "--json").out)) == 1
    shown = shell.run("audit", "--limit", "2000").out
    assert "--limit" not in shown


def test_options_that_do_not_fit_together_are_refused(shell: Shell) -> None:
    assert "Write only one of --image" in shell.run("history", "--image", "1", "--node", "1", code=2).err
    assert "--since must be longer than --until" in shell.run("history", "--since", "1h", "--until", "60m", code=2).err
    assert "add --resource" in shell.run("history", "--pk", "1", code=2).err
    assert "no image" in shell.run("history", "--image", "nothing-of-the-kind", code=1).err
    assert "resource" in shell.run("history", "--resource", "ships", code=1).err


def test_until_leaves_out_what_is_newer(shell: Shell, image: str) -> None:
    assert shell.run("history", "--image", image, "--until", "1h").out == "There are no changes.\n"
    time.sleep(1.1)
    until = json.loads(shell.run("history", "--image", image, "--since", "1h", "--until", "1s", "--json").out)
    assert [entry["action"] for entry in until] == ["change", "change", "create"]


def test_an_object_that_is_gone_keeps_the_name_in_its_entry(shell: Shell) -> None:
    shell.run("nodes", "add", "of-history.example.net", "--index", "1", "--cpu-mem", "256GiB")
    pk = str(json.loads(shell.run("nodes", "show", "of-history.example.net", "--json").out)["pk"])
    shell.run("nodes", "edit", pk, "--cpu-mem", "128GiB", "--cc", "8.6", "--driver", "550.54.15")
    change = rows(shell.run("history", "--node", pk, "--limit", "1").out)[1]
    assert change[4] == "of-history.example.net#1"
    assert "cpu_mem: 256 GiB -> 128 GiB" in change[5]
    assert "hardware_generation: Ampere" in change[5]
    shell.run("nodes", "rm", pk, "-y")
    _, removed, changed, added, _ = rows(shell.run("history", "--node", pk).out)
    assert removed[3:5] == ["delete", "of-history.example.net#1"]
    assert changed[3:5] == ["change", f"nodes {pk}"]
    assert added[3:5] == ["create", "of-history.example.net#1"]
    assert "cpu_mem: 128 GiB -> -" in removed[5]
    raw = json.loads(shell.run("history", "--node", pk, "--json").out)[1]
    assert raw["changes"]["cpu_mem"] == {"before": 256 * 1024**3, "after": 128 * 1024**3}


def entry(resource: str, pk: int | None, action: str = "change", user: str = "admin", **fields: Any) -> HistoryEntry:
    """An entry of the history; each field with its value before and after."""
    return {
        "version": 2,
        "time": "2026-01-31T12:00:00.000000Z",
        "user": user,
        "resource": resource,
        "pk": pk,
        "action": action,
        "changes": {name: {"before": before, "after": after} for name, (before, after) in fields.items()},
    }


def test_names_are_read_once_for_each_resource(server: Server, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Client(server.url, token=server.token()) as bayplan:
        (framework,) = bayplan.frameworks.list(limit=1)
        (person,) = bayplan.users.list(limit=1)
        asked: list[str] = []
        for name in ("images", "nodes", "cuda", "hardware", "frameworks", "domains", "licences", "users", "prefetch"):
            collection, read = getattr(bayplan, name), "without_credentials" if name == "images" else "list"
            uncounted = getattr(collection, read)

            def counted(*arguments: Any, real: Any = uncounted, name: str = name, **options: Any) -> Any:
                asked.append(name)
                return real(*arguments, **options)

            monkeypatch.setattr(collection, read, counted)  # counts, and asks the server
        entries = [
            entry("docker", int(image), framework=(framework["pk"], 999_999), creator=(None, person["pk"])),
            entry("docker", 999_999, "rotate", registry_password=("(set)", "(changed)")),
            entry("users", person["pk"], password=("(set)", "(changed)")),
            entry("frameworks", framework["pk"]),
            entry("nodes", 999_999, "delete", ip=("10.0.0.7", None), index=(0, None)),
        ]
        names = read_names(bayplan, entries)
    release = f"{framework['name']} {framework['version']}"
    assert sorted(asked) == ["frameworks", "images", "users"]
    assert [subject(each, names) for each in entries] == [
        "of-history:1.1",
        "docker 999999",
        f"user {person['username']}",
        f"framework {release}",
        "10.0.0.7#0",
    ]
    assert changes(entries[0], names) == f"framework: {release} -> frameworks 999999; creator: {person['username']}"


def test_many_keys_are_read_with_one_list(server: Server, image: str) -> None:
    with Client(server.url, token=server.token()) as bayplan:
        names = read_names(bayplan, [entry("docker", pk) for pk in (int(image), *range(10_000, 12_000))])
    assert names["docker"][int(image)] == "of-history:1.1"


def test_every_reference_and_resource_has_a_name() -> None:
    references = {
        field.name: field.target
        for resource_type in RESOURCE_TYPES.values()
        for field in resource_type.fields
        if field.target is not None
    }
    assert references == REFERENCES
    assert NAME_FIELDS.keys() == RESOURCE_TYPES.keys() | {"workers", "tokens"}
    assert MEMORIES == SIZES


def test_workers_are_named_by_what_they_do() -> None:
    assert subject(entry("workers", 3, "report", user="w-1"), {}) == "worker w-1"
    assert subject(entry("workers", 3, "revoke", name=("w-1", None)), {}) == "worker w-1"
    assert subject(entry("secrets", None, "encrypt"), {}) == "secrets"
    assert subject(entry("tokens", 3, "revoke", name=("ci", None)), {}) == "token ci"


NAMES: Names = {"hardware": {7: "Ampere"}}
LONG = [f"word-{number}" for number in range(20)]


@pytest.mark.parametrize(
    ("field", "before", "after", "text"),
    [
        ("gpu_mem", None, 51_527_024_640, "gpu_mem: 48 GiB"),
        ("cpu_mem", 63_281_459_200, None, "cpu_mem: 59 GiB -> -"),
        ("cpu_mem", 63_281_459_200, 63_281_459_201, "cpu_mem: 63281459200 -> 63281459201"),
        ("hardware_generation", 7, 8, "hardware_generation: Ampere -> hardware 8"),
        ("deletion_time", None, "2026-01-31T12:00:01.000000Z", "deletion_time: 2026-01-31 12:00 UTC"),
        ("first_name", None, "", "-"),
        ("first_name", "Kim", "", "first_name: Kim -> -"),
        ("index", None, 0, "index: 0"),
        ("fabric_ready", True, False, "fabric_ready: yes -> no"),
        ("password", "(set)", "(changed)", "password: (set) -> (changed)"),
        (
            "facts.compat_package",
            None,
            {"cuda": "12.4", "driver": "550"},
            "facts.compat_package: cuda 12.4, driver 550",
        ),
        ("nodes", None, {"expressions": [], "order_by": []}, "nodes: all"),
        ("permissions", LONG, [*LONG, "last"], "permissions: …word-19 -> …word-19, last"),
        ("permissions", None, LONG, f"permissions: {', '.join(LONG)[:60]}…"),
    ],
)
def test_values_are_for_people(field: str, before: object, after: object, text: str) -> None:
    changed = entry("docker", 1) | {"changes": {field: {"before": before, "after": after}}}
    assert changes(changed, NAMES) == text
