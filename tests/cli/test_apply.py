"""`bayplan apply` and `export`: the plan is shown, then applied, all of it or nothing."""

import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bayplan.cli.document.write import as_yaml
from bayplan.client import Client
from tests.cli.conftest import EXAMPLES, Shell
from tests.process import Server, running_server

FILE = """\
frameworks:
- {name: Mine, version: "1.0"}
images:
- &image
  name: mine
  version: "1.0"
  url: registry.example.org/mine:1.0
  registry: registry.example.org
  registry_username: robot
  registry_password: s3cret-word
  cuda_version: "12.4.1"
  min_hardware_generation: Turing
  cpu: false
  framework: Mine 1.0
  domain: od
  tasks: [train]
  licence: MIT
  facts: {min_driver: "550.54.15"}
- {<<: *image, version: "2.0"}
nodes:
- {ip: 10.0.0.7, index: 0, driver_version: "550.54.15", compute_capability: "8.6"}
"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this module alone, with an empty catalogue."""
    with running_server(tmp_path_factory.mktemp("empty") / "home") as running:
        yield running


@pytest.fixture
def here(empty: Server, tmp_path: Path) -> Shell:
    """The shell of staff at a server without images and nodes."""
    with Client(empty.url, token=empty.token()) as bayplan:
        bayplan.catalogue.apply({"images": [], "nodes": []}, prune=True)
        for image in bayplan.images.list(include_inactive=True):
            bayplan.images.delete_for_good(image["pk"])
        bayplan.catalogue.apply({"frameworks": []}, prune=True)
    return Shell(tmp_path, {"server": empty.url, "token": empty.token()})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A catalogue file."""
    path = tmp_path / "catalogue.yaml"
    path.write_text(FILE)
    return path


def test_a_dry_run_shows_and_does_nothing(here: Shell, file: Path) -> None:
    shown = here.run("apply", str(file), "--dry-run", code=3).out
    plan = "frameworks\n  + Mine 1.0\nimages\n  + mine 1.0\n  + mine 2.0\nnodes\n  + 10.0.0.7#0\n\n4 to add.\n"
    assert shown == f"{plan}This was a dry run: nothing was applied.\n"
    assert here.run("diff", str(file), code=3).out == plan
    assert here.run("images", "list").out == "No images.\n"


def test_applied_once_it_changes_nothing_the_second_time(here: Shell, file: Path) -> None:
    assert here.run("apply", str(file), "--yes").out.endswith("Done: 4 added.\n")
    assert here.run("apply", str(file)).out == "Nothing to change: all 4 entries are as the file says.\n"
    assert (
        here.run("apply", str(file), "--dry-run", "--prune").out
        == "Nothing to change: all 4 entries are as the file says.\n"
    )


def test_changes_are_shown_by_field_without_passwords(here: Shell, file: Path) -> None:
    here.run("apply", str(file), "--yes")
    file.write_text(
        FILE.replace("s3cret-word", "an0ther-word")
        .replace("tasks: [train]", "tasks: [train, predict]")
        .replace("Turing", "Ampere")
    )
    printed = here.run("apply", str(file), "--yes").out
    assert "  ~ mine 1.0\n" in printed
    assert "min_hardware_generation  Turing -> Ampere\n" in printed
    assert "train -> train, predict\n" in printed
    assert "(set) -> (changed)\n" in printed
    assert "-word" not in printed
    assert printed.endswith("2 to change; 2 unchanged.\nDone: 2 changed; 2 unchanged.\n")


def test_prune_removes_entries_that_the_file_does_not_name(here: Shell, file: Path) -> None:
    here.run("apply", str(file), "--yes")
    file.write_text("images: []\n")
    assert here.run("apply", str(file), "--yes").out == "Nothing to change.\n"
    printed = here.run("apply", str(file), "--prune", "--yes").out
    assert "  - mine 1.0\n  - mine 2.0\n" in printed
    assert printed.endswith("Done: 2 removed.\n")
    assert "10.0.0.7#0" in here.run("nodes", "list").out
    assert "mine 1.0" in here.run("images", "list", "--deleted").out


def test_apply_asks_before_it_changes_anything(here: Shell, file: Path) -> None:
    refused = here.run("apply", str(file), code=2)
    assert "  + mine 1.0\n" in refused.out
    assert "Error: Apply 4 changes? There is no terminal to ask: add --yes. Nothing was done.\n" in refused.err
    declined = here.at_terminal("apply", str(file), typed=("n",))
    assert declined.code == 1
    assert "Apply 4 changes? [y/N]" in declined.out
    assert "Nothing was done." in declined.out
    assert here.run("images", "list").out == "No images.\n"
    agreed = here.at_terminal("apply", str(file), typed=("y",))
    assert agreed.code == 0
    assert "\x1b[32m  + mine 1.0" in agreed.out
    assert "Done: 4 added" in agreed.out


def test_from_the_input_as_json(here: Shell) -> None:
    text = json.dumps({"frameworks": [{"name": "Mine", "version": "1.0"}]})
    plan = json.loads(here.run("apply", "-", "--yes", "--json", typed=text).out)
    assert plan["applied"] is True
    assert [(change["action"], change["key"]) for change in plan["changes"]] == [("add", "Mine 1.0")]


def test_an_entry_that_the_server_refuses_has_its_line_and_nothing_is_applied(here: Shell, file: Path) -> None:
    file.write_text(FILE.replace('"12.4.1"', '"12.44"').replace("domain: od", "domain: xx"))
    lines = here.run("apply", str(file), "--yes", code=1).err.splitlines()
    assert any(line.startswith(f"{file}:11: images.0.cuda_version: ") for line in lines), lines
    assert any(line.startswith(f"{file}:15: images.0.domain: ") for line in lines), lines
    assert here.run("images", "list").out == "No images.\n"
    assert "Mine" not in here.run("list", "frameworks").out
    file.write_text(FILE.replace("ip:", "adress:"))
    lines = here.run("apply", str(file), "--yes", code=1).err.splitlines()
    assert any(line.startswith(f"{file}:21: nodes.0") and "adress" in line for line in lines), lines


def test_a_conflict_has_its_line(here: Shell, file: Path) -> None:
    file.write_text(FILE.replace('{<<: *image, version: "2.0"}', "*image"))
    (line,) = here.run("apply", str(file), "--yes", code=1).err.splitlines()
    assert line == f"{file}:19: images.1: 'mine 1.0' is in the document twice, first at {file}:4. Remove one of them."


def test_a_change_between_the_plan_and_its_application_stops_it(here: Shell, empty: Server, file: Path) -> None:
    with Client(empty.url, token=empty.token()) as bayplan:
        plan = bayplan.catalogue.apply({"frameworks": [{"name": "Mine", "version": "1.0"}]}, dry_run=True)
        bayplan.frameworks.create({"name": "Faster", "version": "1.0"})
        from bayplan.errors import PreconditionFailed

        with pytest.raises(PreconditionFailed):
            bayplan.catalogue.apply({"frameworks": [{"name": "Mine", "version": "1.0"}]}, if_match=plan["version"])
    assert here.run("apply", str(file), "--yes").out.endswith("Done: 4 added.\n")


def test_an_export_applies_without_a_change(here: Shell, tmp_path: Path) -> None:
    for example in ("catalogue.yaml", "fleet.yaml"):
        here.run("apply", str(EXAMPLES / example), "--yes")
    written = tmp_path / "export.yaml"
    summary = here.run("export", "--output", str(written)).out
    assert summary.endswith(f" to {written}.\n")
    assert "16 nodes" in summary
    assert here.run("apply", str(written), "--prune").out.startswith("Nothing to change: ")
    assert here.run("export").out == written.read_text()
    as_json = tmp_path / "export.json"
    here.run("export", "-o", str(as_json))
    assert as_json.read_text() == here.run("export", "--json").out
    assert here.run("apply", str(as_json), "--prune").out.startswith("Nothing to change: ")


def test_secrets_are_exported_only_with_the_option_and_for_their_owner_alone(
    here: Shell, file: Path, tmp_path: Path
) -> None:
    here.run("apply", str(file), "--yes")
    assert "s3cret-word" not in here.run("export").out
    written = tmp_path / "secret.yaml"
    written.touch(mode=0o644)
    here.run("export", "--secrets", "--output", str(written))
    assert "s3cret-word" in written.read_text()
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert here.run("apply", str(written)).out.startswith("Nothing to change: ")


def test_an_export_that_cannot_be_written(here: Shell) -> None:
    error = here.run("export", "--output", "/nowhere/catalogue.yaml", code=1).err
    assert error == "/nowhere/catalogue.yaml cannot be written: No such file or directory.\n"


def test_thousands_of_images_are_applied_in_seconds(here: Shell, tmp_path: Path) -> None:
    image = {
        "name": "many",
        "url": "registry.example.org/many:1.0",
        "registry": "registry.example.org",
        "cuda_version": "12.4.1",
        "min_hardware_generation": "Turing",
        "cpu": False,
        "framework": "Many 1.0",
        "domain": "od",
        "tasks": ["train"],
        "licence": "MIT",
    }
    images = [image | {"version": f"1.{number}"} for number in range(3000)]
    path = tmp_path / "many.yaml"
    path.write_text(as_yaml({"frameworks": [{"name": "Many", "version": "1.0"}], "images": images}))
    began = time.monotonic()
    assert here.run("apply", str(path), "--yes").out.endswith("Done: 3,001 added.\n")
    assert time.monotonic() - began < 30
    began = time.monotonic()
    assert here.run("apply", str(path)).out == "Nothing to change: all 3,001 entries are as the file says.\n"
    assert time.monotonic() - began < 15


def test_the_file_that_the_page_for_a_fleet_begins_with_is_one(here: Shell) -> None:
    page = (EXAMPLES.parent / "docs" / "fleet.md").read_text()
    text = page.partition("```yaml\n")[2].partition("```")[0]
    assert "+ pytorch 2.8.0-cuda12.9" in here.run("diff", "-", typed=text, code=3).out


RULE = """\
prefetch:
- name: ours
  images: {expressions: [{type: exact, field: domain, value: od}], order_by: [{field: name}]}
  nodes: {expressions: [{type: exact, field: index, value: 0}]}
"""


def test_a_folder_and_the_input_are_one_document(here: Shell, file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    (folder / "sub" / ".git").mkdir(parents=True)
    file.rename(folder / "sub" / "images.yml")
    (folder / "sub" / "again").symlink_to(folder)
    (folder / "sub" / ".git" / "no.yaml").write_text("[")
    (folder / "rule.json").write_text(json.dumps({"domains": [{"name": "pe"}]}))
    (folder / "notes.txt").write_text("[")
    plan = json.loads(here.run("diff", str(folder), "-", str(folder), "-o", "json", typed=RULE, code=3).out)
    kinds = ["domains", "frameworks", "images", "images", "nodes", "prefetch"]
    assert [change["resource"] for change in plan["changes"]] == kinds
    assert here.run("apply", str(folder), "-", "-y", typed=RULE).out.endswith("Done: 6 added.\n")
    changed = RULE.replace("value: od", "value: pe").replace("{field: name}", "{field: name, ascending: false}")
    shown = here.run("diff", str(folder), "-", typed=changed, code=3).out
    assert "images  domain is od, in the order of name -> domain is pe, in the order of name (last first)\n" in shown
    assert here.run("diff", str(folder), "-", "-q", typed=RULE).out == ""
    assert here.run("diff", str(folder), "-", "-q", typed=changed, code=3).out == "prefetch/ours\n"
    twice = here.run("diff", str(folder), "-", typed=FILE + RULE.replace("ours", "other"), code=1).err.splitlines()
    images = folder / "sub" / "images.yml"
    assert (
        f"<stdin>:4: images.0: 'mine 1.0' is in the document twice, first at {images}:4. Remove one of them." in twice
    )
    assert (
        f"<stdin>:21: nodes.0: '10.0.0.7#0' is in the document twice, first at {images}:21. Remove one of them."
        in twice
    )
    # Of the deleted images "od" is still the domain; nothing is of "pe".
    removed = here.run("apply", "-", "--prune", "-y", typed="images: []\nprefetch: []\ndomains: []\n").out
    assert "  - ours\n" in removed
    assert "  - pe\n" in removed


def test_users_of_a_file_get_their_password_from_staff(here: Shell, empty: Server) -> None:
    done = here.run("apply", "-", "-y", typed="users:\n- {username: kim, email: kim@example.org}\n").out
    assert done.endswith("kim has no password yet: `bayplan user password kim` gives one.\n")
    here.run("user", "password", "kim", "--password-stdin", typed="a first long password\n")
    assert empty.token("kim", "a first long password")
    exported = here.run("export").out
    assert "- username: kim\n" in exported
    assert "password:" not in exported
    refused = here.run("diff", "-", typed="users:\n- {username: bo, password: s3cret-word}\n", code=1).err
    assert refused.startswith("<stdin>:2: users.0: The field 'users.0' must have no password")
    assert "s3cret" not in refused


def test_every_file_that_is_none_is_named(here: Shell, file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "binary.yaml").write_bytes(b"images: []\n\xff\xfe")
    (folder / "empty.yaml").write_text("")
    (folder / "gone.yaml").symlink_to("nowhere")
    (folder / "key.yaml").write_text("nodes:\n- {ip: a, indx: 0, drivr_version: 550.54.15}\n")
    (folder / "two.yaml").write_text("images: []\n---\nnodes: []\n")
    lines = here.run("diff", str(file), str(folder), code=1).err.splitlines()
    assert [line.replace(f"{folder}/", "")[:40] for line in lines] == [
        "binary.yaml:2: This is not UTF-8; save t",
        "empty.yaml:1: file: It must hold one or ",
        "gone.yaml cannot be read: No such file o",
        "key.yaml:2: nodes.0.indx: There is no fi",
        "key.yaml:2: nodes.0.drivr_version: There",
        "two.yaml:2:1: A second document begins h",
    ]
    assert lines[3].endswith("did you mean index?")
    (tmp_path / "none").mkdir()
    refused = here.run("apply", str(tmp_path / "none"), code=1).err
    assert refused == f"The folder {tmp_path / 'none'} has no file *.yaml, *.yml or *.json.\n"
    assert "/dev/zero: This file has more than" in here.run("diff", "/dev/zero", code=1).err
