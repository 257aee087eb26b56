"""Adding, changing and removing rules by forms: the same rules and words as by the command, and every mistake beside its field."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.cli.conftest import Shell
from tests.process import Server
from tests.web.conftest import PageClient
from tests.web.forms import mistake, text_of
from tests.web.test_by_keyboard import tab_to

Fields = dict[str, str | list[str]]


@pytest.fixture
def shell(site: Server, tmp_path: Path) -> Shell:
    """The command line, logged in to the site."""
    return Shell(tmp_path, {"server": site.url, "token": site.token()})


@contextmanager
def added(client: PageClient, site: Server, **fields: str | list[str]) -> Iterator[int]:
    """A rule that a form adds; gives its key, and removes it in the end."""
    answer = client.post("/prefetch/new", **fields)
    assert answer.status_code == 303, text_of(answer)
    pk = int(answer.headers["location"].removeprefix("/prefetch/"))
    try:
        yield pk
    finally:
        with site.client() as api:
            api.delete(f"/v1/prefetch/{pk}")


def areas(page: str) -> dict[str, str]:
    """What the fields of several lines have, and the boxes that are checked, by name."""
    found = re.findall(r'<textarea id="(\w+)".*?>\n(.*?)</textarea>', page, re.DOTALL)
    texts = {name: unescape(text) for name, text in found if text}
    for name, value in re.findall(r'<input type="checkbox" name="(\w+)" value="([^"]*)" checked', page):
        texts[name] = "\n".join(filter(None, (texts.get(name), unescape(value))))
    return texts


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        (
            {"task": ["train", "predict"], "framework": "PyTorch 2.4", "generation": ["Ampere"], "label": "zone=a"},
            "--task train --task predict --framework PyTorch~2.4 --generation ampere --label zone=a",
        ),
        (
            {
                "domain": ["od"],
                "framework": "pytorch>=2.1,<2.5",
                "node": "a100\nt4#0",
                "label": "zone in (a,b)\n!spare",
            },
            "--domain od --framework pytorch>=2.1,<2.5 --node a100 --node t4#0 --label zone~in~(a,b) --label !spare",
        ),
        ({"image": "ngc-pytorch\npytorch:2.4.1-cuda12.4-cudnn9-runtime\n28", "label": "a, !b, c!=d"}, None),
        ({"framework": "torch\nTensorFlow", "node": "1"}, "--framework torch --framework TensorFlow --node 1"),
    ],
)
def test_fields_make_the_rule_that_the_command_makes(
    site: Server, as_staff: PageClient, shell: Shell, fields: Fields, options: str | None
) -> None:
    if options is None:
        options = "--image ngc-pytorch --image pytorch:2.4.1-cuda12.4-cudnn9-runtime --image 28 --label a --label !b --label c!=d"
    words = [word.replace("~", " ") for word in options.split()]
    by_command = json.loads(shell.run("prefetch", "add", "by command", *words, "--json").out)
    try:
        with added(as_staff, site, name="by form", **fields) as pk:
            by_form = json.loads(shell.run("prefetch", "show", str(pk), "--json").out)
            assert (by_form["images"], by_form["nodes"]) == (by_command["images"], by_command["nodes"])
            page = text_of(as_staff.get(f"/prefetch/{pk}"))
            shown = shell.run("prefetch", "show", str(pk)).out
            for line in re.findall(r"(?m)^(?:nodes|images) +(\S.*)$", shown):
                assert line.strip() in page
            # The form shows the same fields again, and what it sends changes nothing.
            edit = as_staff.get(f"/prefetch/{pk}/edit").text
            texts = areas(edit)
            assert "images" not in texts
            assert "nodes" not in texts
            tag = re.search(r'name="tag" value="([^"]+)"', edit)
            assert tag is not None
            same: Fields = {
                name: text.split("\n") if name in ("task", "domain", "generation") else text
                for name, text in texts.items()
            }
            assert as_staff.post(f"/prefetch/{pk}/edit", name="by form", tag=tag[1], **same).status_code == 303
            again = json.loads(shell.run("prefetch", "show", str(pk), "--json").out)
            assert (again["images"], again["nodes"]) == (by_form["images"], by_form["nodes"])
    finally:
        shell.run("prefetch", "rm", "by command", "-y")


def test_every_mistake_is_beside_its_field_with_the_nearest_name(as_staff: PageClient) -> None:
    wrong = as_staff.post(
        "/prefetch/new",
        name="",
        task="trian",
        domain="xy",
        framework="pytorhc\npytorch>>2",
        image="pytorch:2.4.1-cuda12.4-cudnn9-runtim",
        generation="Amper",
        node="a10",
        label="=a",
    )
    assert wrong.status_code == 422
    assert mistake(wrong, "name") == "Fill in this field."
    assert "did you mean train?" in mistake(wrong, "task")
    assert mistake(wrong, "domain").startswith("There is no domain 'xy'; there are ic, is, od")
    assert "did you mean PyTorch" in mistake(wrong, "framework")
    assert "'>>2' is not a version specifier" in mistake(wrong, "framework")
    assert "did you mean pytorch:2.4.1-cuda12.4-cudnn9-runtime" in mistake(wrong, "image")
    assert "did you mean Ampere" in mistake(wrong, "generation")
    assert "a100.example.org" in mistake(wrong, "node")
    assert mistake(wrong, "label")
    assert areas(wrong.text)["framework"] == "pytorhc\npytorch>>2"


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({}, "images", "Name images by the fields above"),
        ({"images": "{}", "task": "train"}, "images", "leave it empty, or the fields above it"),
        ({"images": "{]"}, "images", "This is not JSON."),
        ({"images": '{"expressions": [{"type": "exact", "field": "nam", "value": 1}]}'}, "images", "name"),
        ({"images": '{"expressions": [{"type": "exakt"}]}'}, "images", "exact"),
        (
            {"images": "{}", "nodes": '{"expressions": [{"type": "is_null", "field": "last_seen"}]}'},
            "nodes",
            "last_seen",
        ),
        ({"images": "{}", "nodes": "7"}, "nodes", ""),
        ({"images": "{}", "name": "PyTorch for training"}, "name", "PyTorch for training"),
    ],
)
def test_a_wrong_filter_or_name_is_refused_as_by_the_api(
    as_staff: PageClient, fields: dict[str, str], field: str, words: str
) -> None:
    wrong = as_staff.post("/prefetch/new", **{"name": "a new rule", **fields})
    assert wrong.status_code == 422
    assert mistake(wrong, field)
    assert words in mistake(wrong, field)


def test_names_are_looked_up_as_long_as_that_is_quick(as_staff: PageClient) -> None:
    many = as_staff.post("/prefetch/new", name="many", task=["train"], node="1\n" * 1_001)
    assert mistake(many, "node") == "A field can name at most 1,000: use a filter as JSON."
    wrong = as_staff.post("/prefetch/new", name="wrong", task=["train"], node="\n".join(f"wrong{n}" for n in range(50)))
    assert mistake(wrong, "node").count("wrong") == 20


def test_a_rule_is_changed_unless_somebody_else_did_and_removed(site: Server, as_staff: PageClient) -> None:
    with added(as_staff, site, name="mine", images="{}") as pk, site.client() as api:
        path = f"/prefetch/{pk}/edit"
        assert '"expressions": []' in areas(as_staff.get(path).text)["images"]

        def tag(address: str = path) -> str:
            found = re.search(r'name="tag" value="([^"]+)"', as_staff.get(address).text)
            assert found is not None
            return found[1]

        old, old_question = tag(), tag(f"/prefetch/{pk}/delete")
        api.patch(f"/v1/prefetch/{pk}", json={"name": "theirs"}).raise_for_status()
        lost = as_staff.post(path, name="mine again", images="{}", tag=old)
        assert lost.status_code == 412
        assert "was changed after you opened this page" in text_of(lost)
        newest = re.search(r'name="tag" value="([^"]+)"', lost.text)
        assert newest is not None
        assert api.get(f"/v1/prefetch/{pk}").json()["name"] == "theirs"
        saved = as_staff.post(path, name="mine again", task=["train"], tag=newest[1])
        assert saved.status_code == 303
        assert api.get(f"/v1/prefetch/{pk}").json()["name"] == "mine again"
        assert "Changed the rule 'mine again'." in text_of(as_staff.get(f"/prefetch/{pk}"))
        entry = api.get("/v1/history", params={"limit": 1}).json()[0]
        assert (entry["resource"], entry["pk"], entry["user"]) == ("prefetch", pk, "admin")
        question = text_of(as_staff.get(f"/prefetch/{pk}/delete"))
        assert "Remove the rule 'mine again'?" in question
        assert re.search(r"It is for \d+ images on \d+ nodes\. No machine has an image for this rule alone", question)
        assert as_staff.post(f"/prefetch/{pk}/delete", tag=old_question).status_code == 412
        assert as_staff.post(f"/prefetch/{pk}/delete", tag=tag(f"/prefetch/{pk}/delete")).status_code == 303
        assert api.get(f"/v1/prefetch/{pk}").status_code == 404
        assert as_staff.post(f"/prefetch/{pk}/delete", tag=old).status_code == 404


def test_only_staff_change_rules_and_only_by_their_own_forms(as_user: PageClient, as_staff: PageClient) -> None:
    assert as_user.get("/prefetch/1").status_code == 200
    assert "/prefetch/1/edit" not in as_user.get("/prefetch/1").text
    assert "/prefetch/new" not in as_user.get("/prefetch").text
    for address in ("/prefetch/new", "/prefetch/1/edit", "/prefetch/1/delete"):
        assert as_user.get(address).status_code == 403
        assert as_user.post(address, name="x", images="{}").status_code == 403
        forged = as_staff.http.post(address, data={"name": "x", "images": "{}"}, headers={"Accept": "text/html"})
        assert forged.status_code == 403
    assert as_staff.get("/prefetch/1").status_code == 200


def test_by_keyboard_a_rule_is_added_changed_and_removed(logged_in: Page, shell: Shell) -> None:
    page = logged_in
    page.goto("/prefetch")
    tab_to(page, page.get_by_role("link", name="Add a rule"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("by keyboard")
    tab_to(page, page.get_by_role("checkbox", name="train"))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_label("Frameworks"))
    page.keyboard.type("pytorhc")
    tab_to(page, page.get_by_role("button", name="Add the rule"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    tab_to(page, page.get_by_role("alert").get_by_role("link", name="Frameworks"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("did you mean PyTorch?")).to_be_visible()
    tab_to(page, page.get_by_label("Frameworks"))
    page.keyboard.press("Control+a")
    page.keyboard.type("pytorch")
    tab_to(page, page.get_by_role("button", name="Add the rule"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Added the rule 'by keyboard'.")
    rule = json.loads(shell.run("prefetch", "show", "by keyboard", "--json").out)
    assert [part["value"] for part in rule["images"]["expressions"]] == ["train", "PyTorch"]
    tab_to(page, page.get_by_role("link", name="Edit"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.type(" alone")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Changed the rule 'by keyboard alone'.")
    tab_to(page, page.get_by_role("link", name="Remove"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Remove the rule 'by keyboard alone'?")
    tab_to(page, page.get_by_role("button", name="Remove it"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Removed the rule 'by keyboard alone'.")
    assert "by keyboard" not in shell.run("prefetch", "list").out
