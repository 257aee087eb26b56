"""The page that answers which image runs on a worker: what `bayplan match` says, and mistakes beside their fields."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from html5lib import parse as parse_html
from playwright.sync_api import Page

from bayplan.domain.compatibility.tables import load
from bayplan.domain.worker_text import typed_worker
from tests.cli.conftest import Shell
from tests.domain.test_nvidia_smi import R390, WINDOWS
from tests.process import Server
from tests.web.conftest import PageClient

R4090 = "RTX 4090, 550.120"
_HTML = "{http://www.w3.org/1999/xhtml}"
_COPIED = re.compile(r'<span class="copied"><code>([^<]*)</code>')
_FORGERY = re.compile(r"<(?:script|img|b)>", re.IGNORECASE)


def asked(**question: str) -> str:
    """The address of a question."""
    return f"/ask?{urlencode(question)}"


def references(page: str) -> list[str]:
    """The references to pull on a page, in their order."""
    return [unescape(text) for text in _COPIED.findall(page)]


def links(page: str, path: str) -> list[int]:
    """The keys of the objects that a page links to."""
    return [int(pk) for pk in re.findall(rf'href="{path}/(\d+)"', page)]


def beside(page: str, field: str) -> str:
    """The text of the mistake beside a field; empty where there is none."""
    mistake = parse_html(page).find(f".//*[@id='{field}-mistake']")
    described = parse_html(page).find(f".//*[@id='{field}']")
    assert described is not None
    assert (mistake is None) == (described.get("aria-invalid") is None)
    return "" if mistake is None else " ".join("".join(mistake.itertext()).split())


@pytest.mark.parametrize("extra", [(), ("--task", "train", "--domain", "od")])
def test_it_says_what_match_says(as_user: PageClient, site: Server, tmp_path: Path, extra: tuple[str, ...]) -> None:
    task = dict(zip((name.removeprefix("--") for name in extra[::2]), extra[1::2], strict=True))
    shell = Shell(tmp_path, {"server": site.url, "token": site.token()})
    options = ("--gpu", "RTX 4090", "--driver", "550.120", *extra)
    named = shell.run("match", *options, "--framework", "pytorch", "--limit", "100", "-o", "name").out.split()
    shown = as_user.get(asked(worker=R4090, framework="pytorch", **task))
    assert references(shown.text) == named != []
    with site.client() as client:
        worker = {"gpu_name": "RTX 4090", "driver_version": "550.120"}
        question = {"worker": worker, **task, "limit_per_framework": 3, "explain": True}
        answer = client.post("/v1/docker/match", json=question).json()
    page = as_user.get(asked(worker=R4090, **task)).text
    matches, _, others = page.partition('id="why-not"')
    families: dict[str, list[int]] = {}
    with site.client() as client:
        names = {item["pk"]: item["name"].casefold() for item in client.post("/v1/frameworks/list", json={}).json()}
    for match in answer["matches"]:
        families.setdefault(names[match["image"]["framework"]], []).append(match["image"]["pk"])
    assert links(matches, "/images") == [pk for pks in families.values() for pk in pks]
    assert sorted(links(others, "/images")) == sorted(item["image"]["pk"] for item in answer["rejected"])
    for item in answer["rejected"]:
        decisive = [reason for reason in item["reasons"] if reason["grade"] == item["grade"]]
        for reason in decisive:
            assert reason["detail"] in unescape(others)
            assert (reason["remedy"] or "") in unescape(others)
    for line in answer["summary"]:
        assert (line["remedy"] or "") in unescape(matches)


def test_a_node_its_kind_and_its_facts_have_the_same_answer(as_user: PageClient) -> None:
    by_node = as_user.get(asked(node="rtx4090.example.org", task="train")).text
    kind = re.search(r'<option value="([0-9a-f]{12})">NVIDIA GeForce RTX 4090', by_node)
    assert kind is not None
    by_kind = as_user.get(asked(kind=kind[1], task="train")).text
    assert references(by_kind) == references(by_node) != []
    by_title = as_user.get(asked(kind="NVIDIA GeForce RTX 4090, driver 550.120", task="train")).text
    assert references(by_title) == references(by_node)


@pytest.mark.parametrize(
    ("question", "field", "words"),
    [
        ({"worker": "RTX 4099, 550"}, "worker", "did you mean RTX 4090"),
        ({"worker": "550.120"}, "worker", "Type the GPU as well"),
        ({"node": "rtx4080"}, "node", "did you mean rtx4090.example.org"),
        ({"kind": "NVIDIA L44, driver 550.90.07"}, "kind", "did you mean NVIDIA L4, driver 550.90.07"),
        ({"worker": R4090, "task": "trian"}, "task", "did you mean train?"),
        ({"worker": R4090, "domain": "odd"}, "domain", "did you mean od?"),
        ({"worker": R4090, "framework": "pytroch"}, "framework", "did you mean PyTorch?"),
        ({"worker": R4090, "framework": "pytorch>=x"}, "framework", "write it like pytorch>=2.1"),
        ({"worker": R4090, "node": "rtx4090"}, "node", "Fill in one of these"),
        ({"worker": "<script>alert(1)</script>"}, "worker", "There is no GPU"),
        ({"node": "\u202egpu<img>"}, "node", "There is no node"),
        ({"kind": "<b>" * 66}, "kind", "There is no kind"),
    ],
)
def test_a_mistake_is_beside_its_field_with_the_nearest_names(
    as_user: PageClient, question: dict[str, str], field: str, words: str
) -> None:
    answer = as_user.get(asked(**question))
    assert answer.status_code == 422
    assert words in beside(answer.text, field)
    assert _FORGERY.search(answer.text) is None
    typed = parse_html(answer.text).find(f".//*[@id='{field}']")
    assert typed is not None
    chosen = typed.find(f"{_HTML}option[@selected]")
    value = chosen.get("value") if chosen is not None else typed.get("value")
    assert field == "kind" or value == question[field].replace("\u202e", "")


def test_all_mistakes_are_shown_at_once(as_user: PageClient) -> None:
    page = as_user.get(asked(worker=R4090, task="trian", framework="pytroch")).text
    assert beside(page, "task")
    assert beside(page, "framework")
    assert not beside(page, "worker")


def test_what_nvidia_smi_prints_becomes_an_address_that_can_be_sent(as_user: PageClient) -> None:
    sent = as_user.post("/ask", nvidia_smi=WINDOWS, task="train")
    assert sent.status_code == 303, sent.text
    query = parse_qs(urlsplit(sent.headers["location"]).query)
    assert query["task"] == ["train"]
    facts = typed_worker(query["worker"][0], load())
    assert facts["driver_version"] == "546.33"
    shown = as_user.get(sent.headers["location"])
    assert shown.status_code == 200
    assert references(shown.text)


def test_of_a_machine_with_several_kinds_of_gpu_one_is_chosen(as_user: PageClient) -> None:
    page = as_user.post("/ask", nvidia_smi=R390)
    assert page.status_code == 200
    choices = [unescape(path) for path in re.findall(r'<li><a href="(/ask\?worker=[^"]*)"', page.text)]
    assert len(choices) == 2
    assert [as_user.get(path).status_code for path in choices] == [200, 200]


@pytest.mark.parametrize("text", ["hello <script>", "bash: nvidia-smi: command not found", ""])
def test_a_text_that_is_none_of_nvidia_smi_is_a_mistake_beside_its_field(as_user: PageClient, text: str) -> None:
    page = as_user.post("/ask", nvidia_smi=text)
    assert page.status_code == 422
    mistake = beside(page.text, "nvidia_smi")
    assert mistake
    assert "--cpu-only" not in mistake
    assert _FORGERY.search(page.text) is None


def test_it_is_asked_by_keyboard_alone(logged_in: Page) -> None:
    logged_in.goto("/ask")
    logged_in.keyboard.type(R4090)  # the first field has the focus
    logged_in.keyboard.press("Enter")
    logged_in.wait_for_url(f"**/ask?worker={quote(R4090).replace('%20', '+')}*")
    assert logged_in.locator("h2#answer").inner_text().endswith("run")
    notes = logged_in.locator("details summary", has_text="note").first
    notes.focus()
    logged_in.keyboard.press("Enter")
    assert logged_in.locator(".notes .reasons").first.is_visible()
