"""Writes the pictures in docs/pictures: the main pages with the example catalogue and fleet. `make pictures` runs it.

Chromium packs each picture as WebP, which has a third of a PNG's bytes and loses nothing that an eye sees.
"""

import base64
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.process import Server, running_server
from tests.registry.running import Registry, configuration, running_registry
from tests.tour import ROOT
from tests.web.browser import NARROW, WIDE, running_browser, visit
from tests.web.conftest import STAFF, page_client

FOLDER = ROOT / "docs" / "pictures"
QUALITY = 0.86
CONFIGURATION = {
    "CUDA_VERSION": "12.4.1",
    "NVIDIA_REQUIRE_CUDA": "cuda>=12.4 brand=tesla,driver>=470,driver<471",
    "NV_CUDNN_VERSION": "9.1.0.70",
    "PYTORCH_VERSION": "2.4.1",
    "TORCH_CUDA_ARCH_LIST": "8.0 8.6 9.0+PTX",
}
RULES = (
    {"name": "training on A6000", "nodes": ("gpu_name", "NVIDIA RTX A6000"), "images": ("tasks", "train")},
    {"name": "TensorFlow on T4", "nodes": ("gpu_name", "Tesla T4"), "images": ("framework.name", "TensorFlow")},
)
_AS_WEBP = """
async ([png, quality]) => {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes]));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas.toDataURL("image/webp", quality).split(",")[1];
}
"""


def _nothing(page: Page, registry: Registry) -> None:
    """Shows the page as it opens."""


def _inspect(page: Page, registry: Registry) -> None:
    """Has the reference inspected that is typed into the form."""
    page.get_by_role("textbox", name="Reference").first.fill(f"{registry.host}/ml/pytorch:2.4.1-cuda12.4")
    page.get_by_role("button", name="Inspect it").click()
    expect(page.get_by_text("12.4.1").first).to_be_visible()


@dataclass(frozen=True)
class Picture:
    """A picture: its name, what it shows, and what is done there first."""

    name: str
    address: str
    scheme: str = "light"
    width: int = WIDE
    height: int = 800
    prepare: Callable[[Page, Registry], None] = _nothing


_PLAN = "/plan?gpu=A100&to=580.95.05&add=4x+H100+SXM%2C580.95"
_ASK = "/ask?worker=RTX+4090%2C+550.120&task=train"
_WHOLE_MATRIX = 2100
"""The window in which all kinds of the example fleet are seen."""
PICTURES = (
    Picture("overview", "/", height=500),
    Picture("images", "/images"),
    Picture("image", "/images/8"),
    Picture("add", "/images/new", prepare=_inspect),
    Picture("nodes", "/nodes"),
    Picture("node", "/nodes/8"),
    Picture("ask", _ASK, height=1000),
    Picture("matrix", "/matrix", width=_WHOLE_MATRIX, height=900),
    Picture("plan", _PLAN, height=1200),
    Picture("outdated", "/images/outdated"),
    Picture("registries", "/registries", height=640),
    Picture("prefetch", "/prefetch", height=500),
    Picture("history", "/history?resource=docker"),
    Picture("overview-dark", "/", "dark", height=500),
    Picture("matrix-dark", "/matrix", "dark", width=_WHOLE_MATRIX, height=900),
    Picture("plan-dark", _PLAN, "dark", height=1200),
    Picture("matrix-narrow", "/matrix", width=NARROW),
)


def write(folder: Path) -> None:
    """Writes the pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        registry = stack.enter_context(running_registry("open", place / "registry"))
        registry.image("ml/pytorch", "2.4.1-cuda12.4", configuration(CONFIGURATION))
        settings = {"registry_allow_private": "127.0.0.0/8"}
        server = stack.enter_context(running_server(place / "home", "--examples", **settings))
        _add_rules(server)
        session = stack.enter_context(page_client(server, *STAFF)).session
        browser = stack.enter_context(stack.enter_context(running_browser()).opened())
        packer = browser.new_page()
        for picture in PICTURES:
            with visit(browser, server.url, session, color_scheme=picture.scheme, width=picture.width) as visited:
                page = visited.page()
                page.set_viewport_size({"width": picture.width, "height": picture.height})
                page.goto(picture.address)
                picture.prepare(page, registry)
                page.evaluate("document.activeElement.blur()")
                png = base64.b64encode(page.screenshot()).decode()
            packed = base64.b64decode(packer.evaluate(_AS_WEBP, [png, QUALITY]))
            path = folder / f"{picture.name}.webp"
            path.write_bytes(packed)
            print(f"Writing {path.relative_to(ROOT)} ({len(packed) / 1000:.0f} kB).")


def _add_rules(server: Server) -> None:
    with server.client() as api:
        for rule in RULES:
            body = {
                "name": rule["name"],
                **{
                    name: {
                        "expressions": [{"type": "exact", "field": rule[name][0], "value": rule[name][1]}],
                        "order_by": [],
                    }
                    for name in ("nodes", "images")
                },
            }
            api.post("/v1/prefetch/create", json=body).raise_for_status()


if __name__ == "__main__":
    write(FOLDER)
