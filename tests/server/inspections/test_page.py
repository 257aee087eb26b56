"""docs/registries.md shows what the commands really print. `python -m tests.server.inspections.test_page` writes it anew.

The registry of the page is a real one on this machine; its name there is as long as its real one, so that no column moves.
"""

import sys
import tempfile
from pathlib import Path

import pytest

from tests.registry.running import Registry, configuration, running_registry
from tests.tour import ROOT, toured_on_a_fresh_server

PAGE = ROOT / "docs" / "registries.md"
SHOWN_AS = "reg.example.org"
IMAGE = {
    "CUDA_VERSION": "12.4.1",
    "NVIDIA_REQUIRE_CUDA": "cuda>=12.4 brand=tesla,driver>=470,driver<471",
    "NV_CUDNN_VERSION": "9.1.0.70",
    "NCCL_VERSION": "2.21.5-1",
    "PYTORCH_VERSION": "2.4.1",
    "TORCH_CUDA_ARCH_LIST": "8.0 8.6 9.0+PTX",
}
LABELS = {"org.opencontainers.image.licenses": "BSD-3-Clause"}


def rewritten(page: str, registry: Registry) -> str:
    """The page with what its commands print now, on a fresh server beside that registry."""
    assert len(registry.host) == len(SHOWN_AS)
    registry.image("ml/pytorch", "2.4.1-cuda12.4", configuration(IMAGE, LABELS))
    names = {registry.host: SHOWN_AS}
    return toured_on_a_fresh_server(page, names=names, starts_anew=False, registry_allow_private="127.0.0.0/8")


@pytest.mark.timeout(120)  # half a dozen commands, one after another
def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    with running_registry("open", tmp_path / "registry") as registry:
        assert rewritten(page, registry) == page


def main() -> None:
    """Writes the page."""
    page = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, running_registry("open", Path(folder) / "registry") as registry:
        PAGE.write_text(rewritten(page, registry), encoding="utf-8")


if __name__ == "__main__":
    main()
    sys.stdout.write(f"Wrote {PAGE}.\n")
