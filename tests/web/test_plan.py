"""The plan: what `what-if` says, by its page; upgrades; mistakes; and by keyboard alone."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.cli.conftest import Shell
from tests.process import Server, running_server
from tests.web.browser import RunningBrowser, visit
from tests.web.conftest import STAFF, PageClient, page_client
from tests.web.test_every_page import MOST_BYTES, Elements

WHAT_IF = "/v1/docker/what-if"
HOSTILE = "<script>alert(1)</script>&\u202e" + "x" * 150
A100 = {"expressions": [{"type": "contains", "field": "gpu_name", "sub_string": "a100", "case_insensitive": True}]}
H100 = {"gpu_name": "H100 SXM", "architecture": "amd64", "driver_version": "580.95"}


def only(field: str, value: object) -> dict[str, Any]:
    return {"expressions": [{"type": "exact", "field": field, "value": value}]}


QUESTIONS: dict[str, tuple[dict[str, str], list[dict[str, Any]]]] = {
    "a driver for all": ({"to": "580.95.05"}, [{"set": {"driver_version": "580.95.05"}}]),
    "an old driver for all": ({"to": "450.51.06"}, [{"set": {"driver_version": "450.51.06"}}]),
    "a driver for some GPUs": (
        {"gpu": "a100", "to": "580.95.05"},
        [{"nodes": A100, "set": {"driver_version": "580.95.05"}}],
    ),
    "of a driver": (
        {"driver": "<550", "to": "470.57.02"},
        [
            {
                "nodes": {
                    "expressions": [{"type": "compare", "field": "driver_version", "operator": "<", "value": "550"}]
                },
                "set": {"driver_version": "470.57.02"},
            }
        ],
    ),
    "of nodes by name": (
        {"nodes": "t4.example.org#0, 3", "to": "580"},
        [
            {
                "nodes": {
                    "expressions": [
                        {
                            "type": "or",
                            "sub_expressions": [
                                {"type": "exact", "field": "ip", "value": "t4.example.org"},
                                {"type": "exact", "field": "pk", "value": 3},
                            ],
                        }
                    ]
                },
                "set": {"driver_version": "580"},
            }
        ],
    ),
    "of none": (
        {"gpu": HOSTILE, "to": "580.95.05"},
        [{"nodes": only("gpu_name", HOSTILE), "set": {"driver_version": "580.95.05"}}],
    ),
    "all at once": (
        {
            "gpu": "a100",
            "to": "580.95.05",
            "add": "8x H100 SXM,580.95\r\nL4",
            "remove": "t4.example.org#0",
            "retire": "pytorch:2.9.1-cuda13.0-cudnn9-runtime\r\n1",
            "image": "CUDA 12.8, train",
        },
        [
            {"nodes": A100, "set": {"driver_version": "580.95.05"}},
            {"add": {"worker": H100, "count": 8}},
            {"add": {"worker": {"gpu_name": "L4", "architecture": "amd64"}}},
            {"remove_nodes": only("ip", "t4.example.org")},
            {
                "retire": {
                    "expressions": [{"type": "exact", "field": "version", "value": "2.9.1-cuda13.0-cudnn9-runtime"}]
                }
            },
            {"retire": only("pk", 1)},
            {"add_image": {"cuda_version": "12.8", "tasks": ["train"]}},
        ],
    ),
    "a hostile GPU": (
        {"add": f"3x {HOSTILE}"},
        [{"add": {"worker": {"gpu_name": HOSTILE.replace("\u202e", ""), "architecture": "amd64"}, "count": 3}}],
    ),
}


def numbers(page: str) -> dict[str, tuple[int, int]]:
    """The totals of the page, before and after."""
    totals = re.findall(r"<li>(.*?)</li>", page.partition('class="totals"')[2].partition("</ul>")[0], re.DOTALL)
    read = {}
    for total in totals:
        words = re.sub(r"<small>.*?</small>|<[^>]*>", " ", total).replace(",", "").split()
        counts = [int(word) for word in words if word.isdigit()]
        read[next(word for word in words if word.isalpha() and word.isascii())] = (counts[0], counts[-1])
    return read


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_says_what_what_if_says(site: Server, as_user: PageClient, question: str) -> None:
    fields, changes = QUESTIONS[question]
    with site.client() as api:
        answer = api.post(WHAT_IF, json={"changes": changes}).raise_for_status().json()
    shown = as_user.get(f"/plan?{urlencode(fields)}")
    assert shown.status_code == 200
    assert "<script>alert" not in shown.text
    before, after = answer["before"], answer["after"]
    expected = {name: (before[name], after[name]) for name in ("images", "nodes")} | {
        grade: (count, after["grades"][grade])
        for grade, count in before["grades"].items()
        if count or after["grades"][grade]
    }
    assert numbers(shown.text) == expected
    page = unescape(shown.text)
    for title, entries in (
        ("Images that gain their first node", answer["images"]["gained"]),
        ("Images that lose their last node", answer["images"]["lost"]),
        ("Nodes that gain a task", answer["nodes"]["gained"]),
        ("Nodes that lose a task", answer["nodes"]["lost"]),
    ):
        _, heading, rest = page.partition(title)
        assert bool(heading) == bool(entries)
        part = re.split(r"<h[23]", rest)[0]
        alike: dict[str, list[int]] = {}  # nodes of several kinds are one entry where all else is the same
        for number, entry in enumerate(entries):
            same = json.dumps([entry["task"], entry["image"], entry["reasons"]]) if "task" in entry else str(number)
            alike.setdefault(same, []).extend(entry["nodes"] if "task" in entry else entry["images"])
            for reason in entry["reasons"] if len(alike) <= 10 else ():
                assert reason["grade"] == "caveat" or (reason["detail"] in part and (reason["remedy"] or "") in part)
        kind = "images" if title.startswith("Images") else "nodes"
        assert part.count("<li>") - part.count("<li><code>") == min(10, len(alike))
        for pks in list(alike.values())[:10]:
            assert all(f'href="/{kind}/{pk}"' in part for pk in pks[:4])
            assert len(pks) <= 4 or f"and {len(pks) - 4:,} more" in part
    assert question != "of none" or "The fields choose no node" in page


def test_it_says_what_the_command_says(site: Server, as_user: PageClient, tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"server": site.url, "token": site.token()})
    image, node = "pytorch:2.9.1-cuda13.0-cudnn9-runtime", "t4.example.org#0"
    options = (
        "--driver",
        "580",
        "--nodes",
        "gpu=a100",
        "--add",
        "2x L4,550.90",
        "--retire",
        image,
        "--remove-node",
        node,
    )
    answer = json.loads(shell.run("what-if", *options, "-o", "json").out)
    fields = {"to": "580", "gpu": "a100", "add": "2x L4,550.90", "retire": image, "remove": node}
    shown = numbers(as_user.get(f"/plan?{urlencode(fields)}").text)
    sides = [answer[side] | answer[side]["grades"] for side in ("before", "after")]
    assert shown == {name: (sides[0][name], sides[1][name]) for name in shown}


def test_the_matrix_marks_what_changes_and_has_it_first(site: Server, as_user: PageClient) -> None:
    page = as_user.get("/plan?gpu=a100&to=580.95.05&add=2x+L4,580&remove=t4.example.org%230&retire=1").text
    heads = re.findall(r'<th scope="col"(?: class="stranded")?>(.*?)</th>', page)
    marks = [re.findall(r'class="mark \w+">(.*?)</b>', head) for head in heads[1:]]
    assert sorted(map(str, marks[:3])) == ["['+ added']", "['− removed']", "['● changed']"]
    assert marks[3:] == [[]] * len(marks[3:])
    assert "535.104.05 → driver 580.95.05" in unescape(page)
    assert re.search(r'<td class="gains"><a class="grade-\w+" href="/plan/\w+/\w+\?to=580.95.05">✗ no → ', page)
    assert page.count("− retired") == 1
    assert len(Elements(page).named("table")) == 1
    with site.client() as api:
        cells = api.post("/v1/docker/matrix").json()["verdicts"]
    plain = {f'"/matrix/{cell["group"]}/{cell["kind"]}">': cell["grade"] for cell in cells}
    shown = re.findall(r'<td><a class="grade-\w+" href=("/matrix/\w+/\w+">)\S+ (\w+)</a>', page)
    assert len(shown) > 500
    assert all(plain[path] == grade for path, grade in shown)


def test_nodes_that_lose_a_task_are_marked(site: Server, as_user: PageClient) -> None:
    with site.client() as api:
        images = api.post("/v1/docker/list").json()
        pks = {task: [image["pk"] for image in images if task in image["tasks"]] for task in images[0]["tasks"]}
        rarest = min(pks.values(), key=len)
        lost = api.post(WHAT_IF, json={"changes": [{"retire": only("pk", pk)} for pk in rarest]}).json()["nodes"][
            "lost"
        ]
    page = as_user.get(f"/plan?retire={','.join(map(str, rarest))}").text
    losing = {node for entry in lost for node in entry["nodes"]}
    assert losing
    assert 0 < page.count("▼ loses a task") <= len(losing)


def test_what_runs_on_new_nodes_is_said_in_a_sentence(site: Server, as_user: PageClient) -> None:
    with site.client() as api:
        body = {"worker": {"gpu_name": "GH200", "architecture": "arm64", "driver_version": "570"}}
        runs = api.post("/v1/docker/match", json=body | {"limit": 1_000}).raise_for_status().json()
    page = as_user.get("/plan?add=2x+GH200,570").text
    sentence = f"On the 2 new nodes (GH200, driver 570), {len(runs['matches'])} of {runs['considered']} images run."
    assert sentence in re.sub(r"<[^>]+>", "", page)


def test_a_cell_has_both_verdicts_with_their_reasons(site: Server, as_user: PageClient) -> None:
    page = as_user.get("/plan?gpu=a100&to=580.95.05").text
    found = re.search(r'<td class="gains"><a class="grade-(\w+)" href="(/plan/\w+/(\w+)\?to=[\d.]+)', page)
    assert found is not None
    grade, path, kind = found.groups()
    text = as_user.get(path).text
    assert "driver_too_old" in text
    assert f'grade-{grade}"' in text.partition("With driver 580.95.05</h2>")[2].partition("<h2>")[0]
    assert f'href="/plan?kind={kind}&amp;to=580.95.05' in text
    bare = path.partition("?")[0]
    assert f'href="{bare}"' in as_user.get(bare.replace("/plan/", "/matrix/")).text
    assert "<h2>Now</h2>" in as_user.get(bare).text
    wrong = as_user.get(f"{bare}?to=%3Cscript%3E")
    assert wrong.status_code == 422
    assert "is not a driver version" in unescape(wrong.text)
    assert as_user.get("/plan/no/such?to=580.95.05").status_code == 404


def test_upgrades_are_those_of_the_api_and_can_be_tried(site: Server, as_user: PageClient) -> None:
    with site.client() as api:
        answer = api.get("/v1/nodes/upgrades").json()
    groups = {group["group"]: len(group["images"]) for group in answer["groups"]}
    page = as_user.get("/plan").text
    for kind in answer["kinds"]:
        single = as_user.get(f"/plan?kind={kind['kind']}").text
        of_node = as_user.get(f"/nodes/{kind['nodes'][0]}").text
        for upgrade in kind["upgrades"]:
            path = f'/plan?kind={kind["kind"]}&amp;to={upgrade["driver_version"]}#answer"'
            for text in (page, single, of_node):
                before, _, after = text.partition(path)
                row = before.rpartition("<tr")[2] + after.partition("</tr>")[0]
                cells = [re.sub(r"<br>.*", "", cell) for cell in re.findall(r"<td>(.*?)</td>", row)]
                unlocks = sum(groups[group] for group in upgrade["unlocks"])
                native = sum(groups[group] for group in upgrade["makes_native"])
                assert cells[3:5] == [str(unlocks or "-"), str(native or "-")]
                assert cells[2] == (upgrade["end_of_life"] or "-")
                assert ("best" in row) == upgrade["best"]
                assert all(broken["code"] in row for broken in upgrade["breaks"])
        assert single.count(">Try it<") == len(kind["upgrades"])
        assert "is the best for" not in single
    assert page.count(">Try it<") == sum(len(kind["upgrades"]) for kind in answer["kinds"])
    assert page.count("best</span>") == len(answer["kinds"])
    assert 'href="/plan?kind=' in as_user.get("/nodes").text
    best = Counter(row["driver_version"] for kind in answer["kinds"] for row in kind["upgrades"] if row["best"])
    driver, number = best.most_common(1)[0]
    sentence = f"<strong>{driver}</strong> is the best for {number} of the {len(answer['kinds'])} kinds below."
    assert f'{sentence} <a href="/plan?to={driver}#answer">Try it on all nodes</a>' in page
    of_a_driver = as_user.get("/plan?driver=535").text
    assert f'<a href="/plan?driver=535&amp;to={driver}#answer">Try it on all that are chosen</a>' in of_a_driver


def test_by_keyboard_alone_from_the_form_to_the_answer_and_its_reasons(logged_in: Page) -> None:
    page = logged_in
    page.goto("/plan")
    page.get_by_label("Skip to the content").or_(page.locator(".skip")).focus()
    page.keyboard.press("Enter")
    for name, text in (("gpu", "a100"), ("to", "580.95.05")):
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name") == name:
                break
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What would change")).to_be_visible()
    assert page.evaluate("location.hash") == "#answer"
    expect(page.get_by_label("Driver to give them")).to_have_value("580.95.05")
    cell = page.locator("td.gains a").first
    for _ in range(60):
        page.keyboard.press("Tab")
        if cell.evaluate("cell => cell === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="With driver 580.95.05")).to_be_visible()


def test_an_upgrade_is_tried_without_script(site: Server, chromium: RunningBrowser, as_staff: PageClient) -> None:
    with (
        chromium.opened() as browser,
        visit(browser, site.url, as_staff.session, java_script_enabled=False) as visited,
    ):
        page = visited.page()
        page.goto("/plan?gpu=A100")
        page.get_by_role("link", name="Try it").first.click()
        expect(page.get_by_label("Driver to give them")).to_have_value(re.compile("^580"))
        page.get_by_label("Nodes to add").fill("8x H100 SXM,580.95")
        page.get_by_role("button", name="Show what would change").click()
        expect(page.locator(".totals")).to_contain_text(re.compile(r"nodes\s+16 → 24"))
        assert visited.complaints == []


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageClient]:
    """Pages of a server with an empty catalogue."""
    with (
        running_server(tmp_path_factory.mktemp("nothing") / "home") as server,
        page_client(server, *STAFF) as client,
    ):
        yield client


def test_an_empty_catalogue(nothing: PageClient) -> None:
    assert "There is nothing to plan with yet" in nothing.get("/plan").text
    page = nothing.get("/plan?add=8x+H100+SXM,580.95")
    assert page.status_code == 200
    assert numbers(page.text) == {"images": (0, 0), "nodes": (0, 8)}
    assert "there is no image" in page.text
    assert nothing.get("/plan?to=580.95.05").status_code == 200
    assert nothing.get("/plan?image=CUDA+12.8&add=L4,580").status_code == 200
    assert nothing.get("/plan?remove=1&retire=1").status_code == 422


def test_a_large_plan_has_pages_and_is_bounded(large: PageClient) -> None:
    answer = large.get("/plan?to=580.95.05&add=8x+H100+SXM,580.95")
    assert answer.status_code == 200
    assert len(answer.content) < MOST_BYTES
    assert "<script>alert" not in answer.text
    assert "Groups 1 to 30 of 48, those that change first" in answer.text
    assert "Kinds 1 to 40 of 51, those that change first" in answer.text
    following = re.findall(r'rel="next" href="(.*?)"', answer.text)
    for address, words in zip(following, ("Groups 31 to 48 of 48", "Kinds 41 to 51 of 51"), strict=True):
        assert words in large.get(unescape(address)).text
    for address in ("/plan", "/plan?to=390.48"):
        other = large.get(address)
        assert len(other.content) < MOST_BYTES
        assert "<script>alert" not in other.text
