"""The form of a plan: every mistake beside its field, with the nearest names; and what is noted."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest

from tests.web.conftest import PageClient
from tests.web.test_every_page import MOST_BYTES, Elements
from tests.web.test_plan import HOSTILE, numbers


def test_each_mistake_is_beside_its_field(as_user: PageClient) -> None:
    wrong = {
        "kind": "NVIDIA L4, driver 550.90",
        "nodes": "tt4.example.org",
        "driver": "new",
        "label": "a b=c",
        "to": "newest",
        "add": "8x\nL4,newest\n99999x L4",
        "remove": "a10.example.org",
        "retire": "pytorch:2.9.1-cuda13.0-cudnn9-runtim\npytorch",
        "image": "PyTorhc 2.4, CUDA 12.8",
    }
    answer = as_user.get(f"/plan?{urlencode(wrong)}")
    assert answer.status_code == 422
    elements = Elements(answer.text)
    assert {each["name"] for each in elements.named("input", "select", "textarea") if "aria-invalid" in each} == set(
        wrong
    )
    sentences = dict(re.findall(r'id="(\w+)-mistake"[^>]*>(.*?)</span>', unescape(answer.text)))
    assert "did you mean NVIDIA L4, driver 550.90.07" in sentences["kind"]
    assert "did you mean" in sentences["nodes"]
    assert sentences["to"].startswith("'newest' is not a driver version")
    assert "'8x': write how many" in sentences["add"]
    assert "newest, which is no driver" in sentences["add"]
    assert "10000" in sentences["add"].replace(",", "")
    assert "did you mean pytorch:2.9.1-cuda13.0-cudnn9-runtime" in sentences["retire"]
    assert "'pytorch' may be any of" in sentences["retire"]
    assert "did you mean" in sentences["image"]
    assert "PyTorch" in sentences["image"]


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"add": "6000x L4\n6000x L4"}, "add", "10,000 nodes at most"),
        ({"retire": ",".join(map(str, range(1, 200)))}, "retire", "Write at most 100"),
        ({"retire": "x" * 5_000}, "retire", "is longer than any name"),
        ({"label": "zone" + ",!spare" * 200}, "label", "Write at most 500 letters"),
        ({"image": "train"}, "image", "Write its CUDA release, or cpu"),
        ({"image": "cpu, PyTorch 2.8.0, MXNet 1"}, "image", "'MXNet 1' is no task"),
        ({"image": "CUDA 99.9"}, "image", "99.9"),
        ({"retire": HOSTILE}, "retire", "There is no image"),
        ({"remove": "0\n-1\n99999999999999999999"}, "remove", "There is no node"),
    ],
)
def test_one_mistake(as_user: PageClient, fields: dict[str, str], field: str, sentence: str) -> None:
    answer = as_user.get(f"/plan?{urlencode(fields)}")
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    sentences = dict(re.findall(r'id="(\w+)-mistake"[^>]*>(.*?)</span>', unescape(answer.text)))
    assert list(sentences) == [field]
    assert sentence in sentences[field]


def test_images_are_retired_by_reference_too(as_user: PageClient) -> None:
    reference = re.search(r"data-copy=\"([^\"]+)\"", as_user.get("/images/1").text)
    assert reference is not None
    for text in (reference[1], f"docker://{reference[1]}"):
        shown = as_user.get(f"/plan?{urlencode({'retire': text})}")
        assert numbers(shown.text)["images"] == (62, 61)


def test_a_gpu_that_the_tables_do_not_have_is_noted(as_user: PageClient) -> None:
    page = unescape(as_user.get("/plan?add=RTX+409").text)
    assert "There is no GPU 'RTX 409' in the tables, so what runs on it is not known; did you mean" in page


@pytest.mark.parametrize(
    "address",
    [
        f"/plan?{urlencode({'nodes': ';' * 9_000})}",
        f"/plan?{urlencode({'nodes': ', '.join(f'{pk}' for pk in range(1, 17)) + ' ' * 9_000})}",
        f"/images?{urlencode({'q': 'pytorch' + ' ' * 9_000})}",
        f"/nodes?{urlencode({'gpu': 'A' + ' ' * 9_000})}",
    ],
)
def test_what_pads_a_field_is_not_in_every_link(as_user: PageClient, address: str) -> None:
    answer = as_user.get(address)
    assert answer.status_code in (200, 422)
    assert len(answer.content) < MOST_BYTES
