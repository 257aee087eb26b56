"""The page of an image: its verdicts are those of the API, contradictions come first, and hostile names are text."""

import re

from tests.process import Server
from tests.web.conftest import PageClient

HOSTILE = '"><script>alert(1)</script> ' + "x" * 160
_KIND = re.compile(
    r'<span class="badge grade-(\w+)"[^>]*><span aria-hidden="true">.</span> \w+</span> [\d,]+ kinds?, ([\d,]+) nodes?'
)


def pk_of(site: Server, name: str, version: str) -> int:
    """The key of an image of the examples."""
    expressions = [
        {"type": "exact", "field": field, "value": value} for field, value in (("name", name), ("version", version))
    ]
    with site.client() as api:
        return int(api.post("/v1/docker/list", json={"expressions": expressions}).json()[0]["pk"])


def _where_it_runs(page: str) -> str:
    return page.partition('<h2 id="runs">')[2].partition('<h2 id="facts">')[0]


def test_it_runs_where_the_api_says(site: Server, as_user: PageClient) -> None:
    pk = pk_of(site, "ngc-pytorch", "24.04-py3")
    with site.client() as api:
        kinds = api.post(f"/v1/docker/{pk}/fit", json={}).json()["kinds"]
    expected: dict[str, int] = {}
    for kind in kinds:
        expected[kind["grade"]] = expected.get(kind["grade"], 0) + len(kind["nodes"])
    shown = as_user.get(f"/images/{pk}").text
    assert {grade: int(nodes) for grade, nodes in _KIND.findall(shown)} == expected
    assert len(expected) > 1
    again = as_user.get(f"/images/{pk}").text  # from the grades that are kept
    assert _where_it_runs(again) == _where_it_runs(shown)
    worst = kinds[-1]
    only = as_user.get(f"/images/{pk}?grade={worst['grade']}").text
    text = _where_it_runs(only)
    reasons = [reason for kind in kinds if kind["grade"] == worst["grade"] for reason in kind["reasons"]]
    assert text.count('<p class="reason">') == len(reasons)
    for reason in reasons:
        assert f"<code>{reason['code']}</code>" in text


def test_what_it_needs_and_how_to_pull_it(site: Server, as_user: PageClient) -> None:
    pk = pk_of(site, "pytorch", "2.4.1-cuda12.4-cudnn9-runtime")
    shown = as_user.get(f"/images/{pk}").text
    assert 'data-copy="pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime"' in shown
    with site.client() as api:
        platforms = api.get(f"/v1/docker/{pk}/floor").json()["platforms"]
    drivers = {driver for platform in platforms for driver in platform["drivers"].values() if driver}
    assert drivers
    assert all(driver in shown for driver in drivers)
    assert "kind: Pod" in shown
    assert '<h2 id="history">' not in shown  # as in the API, for staff alone


def test_facts_whose_sources_differ_come_first(site: Server, as_user: PageClient) -> None:
    pk = pk_of(site, "pytorch", "2.4.1-cuda12.4-cudnn9-runtime")
    before = as_user.get(f"/images/{pk}").text
    assert "sources differ" not in before
    with site.client() as api:
        path = f"/v1/docker/{pk}/facts"
        api.patch(path, json={"kernel_architectures": ["5.2"]}).raise_for_status()
        fact = api.get(path).json()["kernel_architectures"]
        shown = as_user.get(f"/images/{pk}").text
        api.patch(path, json={"kernel_architectures": None}).raise_for_status()
    assert fact["disagree"] is True
    table = shown.partition('<h2 id="facts">')[2].partition("</table>")[0]
    assert "sources differ" in table
    rows = re.findall(r'<tr>\n<th scope="row".*?</tr>', table, re.DOTALL)
    # Every source of the fact in a row of its own, the one that is used first, before the facts on which all agree.
    for row, source in zip(rows, fact["sources"], strict=False):
        assert ">kernel_architectures" in row
        assert f"<td>{source['origin']}</td>" in row
        assert str(source["value"][0]) in row
    assert [source["origin"] for source in fact["sources"]] == ["staff", "table"]
    assert "differs" in rows[0]
    assert not any("differs" in row for row in rows[len(fact["sources"]) :])
    assert len(rows) > len(fact["sources"])


def test_nothing_there_is_a_page(as_user: PageClient) -> None:
    missing = as_user.get("/images/999999")
    assert missing.status_code == 404
    assert "No docker image with pk 999999." in missing.text
    assert as_user.get("/images/1?grade=best").status_code == 422


def test_hostile_names_are_text(site: Server, as_staff: PageClient) -> None:
    with site.client() as api:
        image = api.get("/v1/docker/1").json()
        fields = {
            name: image[name]
            for name in ("framework", "domain", "tasks", "registry", "cpu", "cuda_version", "min_hardware_generation")
        }
        body = {**fields, "name": HOSTILE, "version": "1", "url": "hostile:1", "licence": image["licence"]}
        made = api.post("/v1/docker/create", json=body)
        assert made.status_code in (200, 201), made.text
        pk = made.json()["pk"]
        try:
            for address in (f"/images/{pk}", "/images?q=alert"):
                shown = as_staff.get(address)
                assert shown.status_code == 200
                assert "<script>alert" not in shown.text
                assert "&lt;script&gt;alert" in shown.text
        finally:
            api.delete(f"/v1/docker/{pk}/hard")
