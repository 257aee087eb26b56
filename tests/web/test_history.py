"""The pages of the history and of the audit log: what the commands say, the fields that choose, and bounds."""

from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests import catalogue
from tests.cli.conftest import Shell
from tests.cli.test_images import rows
from tests.process import Server
from tests.web.cells import main_text, mistake, table
from tests.web.conftest import PageClient

SECRET = "the robot's secret of history"  # of no registry


@pytest.fixture(scope="module")
def image(office: Server) -> int:
    """The key of an image that was added with credentials, renamed, given to staff and deleted; and a node that is gone."""
    with office.client() as api:
        body = catalogue.image(name="of-history", version="1", registry_username="robot", registry_password=SECRET)
        pk = int(api.post("/v1/docker/create", json=body).raise_for_status().json()["pk"])
        api.patch(f"/v1/docker/{pk}", json={"version": "2", "tasks": ["train"]}).raise_for_status()
        node = api.post("/v1/nodes/create", json=catalogue.node(ip="gone.example.net")).raise_for_status().json()["pk"]
        api.patch(f"/v1/nodes/{node}", json={"labels": {"zone": "a"}}).raise_for_status()
        api.delete(f"/v1/nodes/{node}").raise_for_status()
        user = api.post("/v1/users/create", json={"username": "<b>bold</b>", "password": SECRET}).raise_for_status()
        api.patch(
            f"/v1/users/{user.json()['pk']}", json={"first_name": '"><script>alert(1)</script>'}
        ).raise_for_status()
        api.delete(f"/v1/docker/{pk}").raise_for_status()
    return pk


def in_a_line(*cells: str) -> str:
    """Cells of a command's table as the page has them: with another arrow."""
    return " ".join(cells).replace(" -> ", " → ")


def test_it_says_what_the_command_says(office: Server, office_staff: PageClient, image: int, tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"server": office.url, "token": office.token()})
    for options, query in (
        ((), {}),
        (("--image", str(image)), {"resource": "docker", "object": "of-history:2"}),
        (("--resource", "nodes"), {"resource": "nodes"}),
        (("--user", "admin", "--since", "1h"), {"user": "admin", "since": "1h"}),
    ):
        said = [in_a_line(*cells) for cells in rows(shell.run("history", *options).out)[1:-1]]
        page = office_staff.get(f"/history?{urlencode(query)}")
        shown = [
            " ".join(cells).replace(" its changes", "").replace(" version", "", 1)
            for cells in table(page.text, "Changes")
        ]
        assert shown == said != []


def test_objects_that_are_there_are_links(office_staff: PageClient, image: int) -> None:
    page = office_staff.get("/history").text
    assert f'<a href="/images/{image}"><bdi>of-history:2</bdi></a>' in page
    assert "<bdi>gone.example.net#0</bdi>" in page
    assert "<bdi>gone.example.net#0</bdi></a>" not in page
    assert "<script>alert" not in page
    assert "<bdi>user &lt;b&gt;bold&lt;/b&gt;</bdi>" in page


def test_the_page_of_an_image_has_its_changes_in_the_same_words(office_staff: PageClient, image: int) -> None:
    page = office_staff.get(f"/images/{image}").text
    (added,) = (cells[2] for cells in table(page, "Changes in the catalogue") if cells[2].startswith("create"))
    assert "framework: PyTorch 2.4" in added
    assert "registry_password: (set)" in added
    assert f'href="/history?resource=docker&amp;object={image}"' in page


def test_secrets_are_set_and_cleared_and_never_shown(office_staff: PageClient, image: int) -> None:
    for address in ("/history", f"/history?resource=docker&object={image}", "/history?resource=users"):
        page = office_staff.get(address).text
        assert SECRET not in page
        assert "(set)" in page


@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ("object=1", "resource", "Choose what the object is."),
        ("resource=ships", "resource", "Choose one of the list."),
        ("resource=docker&object=no-such-image:1", "object", "Nothing there is called so now."),
        ("resource=nodes&object=a%23b", "object", "Nothing there is called so now."),
        ("resource=secrets&object=a", "object", "Nothing there is called so now."),
        ("since=yesterday", "since", "is no time"),
        ("since=2026-02-30", "since", "is no time"),
        ("since=99999999d", "since", "more than ten years"),
        ("since=1h&until=2h", "until", "must not be before"),
    ],
)
def test_mistakes_are_beside_their_fields(office_staff: PageClient, query: str, field: str, sentence: str) -> None:
    answer = office_staff.get(f"/history?{query}")
    assert answer.status_code == 422
    assert sentence in mistake(answer.text, field)


def test_the_key_of_an_object_that_is_gone_is_still_a_key(office: Server, office_staff: PageClient, image: int) -> None:
    with office.client() as api:
        entry = next(entry for entry in api.get("/v1/history?resource=nodes").json() if entry["action"] == "delete")
    page = office_staff.get(f"/history?resource=nodes&object={entry['pk']}").text
    assert [cells[2] for cells in table(page, "Changes")] == ["delete", "change", "create"]
    assert office_staff.get(f"/history?resource=nodes&object={'9' * 40}").status_code == 200


def test_a_day_is_all_of_it(office_staff: PageClient, image: int) -> None:
    newest = table(office_staff.get("/history").text, "Changes")[0][0]
    day = newest[:10]
    assert table(office_staff.get(f"/history?since={day}&until={day}").text, "Changes")
    assert "There are no changes like that" in office_staff.get("/history?until=2020-01-01").text


def test_older_entries_follow_without_a_gap_and_pages_are_bounded(office: Server, office_staff: PageClient) -> None:
    with office.client() as api:
        body = catalogue.node(ip="often.example.net")
        pk = api.post("/v1/nodes/create", json=body).raise_for_status().json()["pk"]
        for number in range(120):
            label = {f"k{number % 8}": "v" * 60}
            gpu = f"<{number}>" + "\"'&<>" * 30
            api.patch(f"/v1/nodes/{pk}", json={"gpu_name": gpu, "labels": label}).raise_for_status()
    first = office_staff.get(f"/history?resource=nodes&object={pk}")
    assert len(first.content) < 300_000
    following = first.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = office_staff.get(following)
    versions = [int(cells[0].rpartition(" ")[2]) for page in (first, second) for cells in table(page.text, "Changes")]
    assert len(versions) == 121
    assert versions == sorted(set(versions), reverse=True)
    assert "The newest" in second.text
    assert 'rel="next"' not in second.text


def test_the_audit_log_says_what_the_command_says(
    office: Server, office_staff: PageClient, image: int, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, {"server": office.url, "token": office.token()})
    with office.client() as api:
        assert api.get(f"/v1/docker/{image}").json()["registry_password"] == SECRET
    for options, query in (
        ((), {}),
        (("--image", str(image), "--kind", "user"), {"image": "of-history:2", "kind": "user"}),
        (("--name", "admin", "--since", "1h"), {"name": "admin", "since": "1h"}),
    ):
        said = rows(shell.run("audit", *options).out)[1:-1]
        page = office_staff.get(f"/audit?{urlencode(query)}").text
        shown = table(page, "Entries of the audit log")
        assert shown == [
            [cell.replace(str(image), "of-history:2") if at == 8 else cell for at, cell in enumerate(row)]
            for row in said
        ]
        assert shown
        assert SECRET not in page
        assert f'<a href="/images/{image}">' in page


@pytest.mark.parametrize(
    ("query", "field"), [("image=no-such", "image"), ("kind=ship", "kind"), ("since=soon", "since")]
)
def test_mistakes_of_the_audit_log(office_staff: PageClient, query: str, field: str) -> None:
    answer = office_staff.get(f"/audit?{query}")
    assert answer.status_code == 422
    assert mistake(answer.text, field)


def test_only_staff_read_them(office_user: PageClient) -> None:
    for address in ("/history", "/audit"):
        answer = office_user.get(address)
        assert answer.status_code == 403
        assert "Only staff may do this" in main_text(answer.text)
        assert f'href="{address}"' not in answer.text
