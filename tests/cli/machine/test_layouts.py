"""`bayplan check` of folders and archives, as skopeo and docker write them, without any network."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.machine.conftest import CUDA, Run
from tests.registry.running import digest_of

WORKER = ("--driver", "580.95.05", "--gpu", "4090", "--architecture", "amd64")
MANIFEST, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"


class Layout:
    """An OCI layout in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self.manifests: list[dict[str, Any]] = []

    def blob(self, document: object) -> dict[str, Any]:
        body = json.dumps(document).encode()
        (self.folder / "blobs" / "sha256" / digest_of(body).partition(":")[2]).write_bytes(body)
        return {"digest": digest_of(body), "size": len(body)}

    def image(self, config: dict[str, Any], **annotations: str) -> dict[str, Any]:
        described = {"mediaType": "application/vnd.oci.image.config.v1+json", **self.blob(config)}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
        names = {f"org.opencontainers.image.{name.replace('_', '.')}": text for name, text in annotations.items()}
        entry = {"mediaType": MANIFEST, **self.blob(manifest), "annotations": names}
        self.manifests.append(entry)
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.manifests}))
        return entry


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty layout."""
    return Layout(tmp_path / "image")


def checked(run: Run, image: str, code: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run("check", image, *WORKER, "--offline", "--json", code=code).stdout)
    return answer


def test_a_folder_with_one_image(run: Run, layout: Layout) -> None:
    entry = layout.image(CUDA, ref_name="12.8")
    for text in (f"oci:{layout.folder}", f"{layout.folder}", f"oci:{layout.folder}:12.8"):
        answer = checked(run, text)
        assert (answer["grade"], answer["origin"], answer["digest"]) == ("native", "folder", entry["digest"])


def test_a_folder_with_several_images_asks_which(run: Run, layout: Layout) -> None:
    layout.image(CUDA, ref_name="registry.example.org/ml/a:1")
    layout.image({**CUDA, "created": "2026-01-01T00:00:00Z"}, ref_name="2")
    refused = run("check", f"oci:{layout.folder}", *WORKER, code=1).stderr
    assert "registry.example.org/ml/a:1, 2" in refused
    assert checked(run, f"oci:{layout.folder}:1")["reference"] == "registry.example.org/ml/a:1"
    assert "'3'" in run("check", f"oci:{layout.folder}:3", *WORKER, code=1).stderr


def test_an_archive_of_a_layout_and_one_of_an_older_docker(run: Run, layout: Layout, tmp_path: Path) -> None:
    layout.image(CUDA, ref_name="1")
    archive = tmp_path / "layout.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(layout.folder, ".")
    assert checked(run, str(archive))["grade"] == "native"
    old = tmp_path / "old"
    old.mkdir()
    (old / "abc.json").write_text(json.dumps(CUDA))
    (old / "manifest.json").write_text(json.dumps([{"Config": "abc.json", "RepoTags": ["ml/old:1"], "Layers": []}]))
    with tarfile.open(tmp_path / "old.tar", "w") as tar:
        tar.add(old, ".")
    answer = checked(run, f"docker-archive:{tmp_path / 'old.tar'}")
    assert (answer["reference"], answer["digest"], answer["grade"]) == ("docker.io/ml/old:1", None, "native")


def test_what_is_no_layout_says_so(run: Run, layout: Layout, tmp_path: Path) -> None:
    assert "neither index.json nor manifest.json" in run("check", str(layout.folder), *WORKER, code=1).stderr
    assert "nowhere does not exist" in run("check", "./nowhere", *WORKER, code=1).stderr
    (tmp_path / "x.tar").write_text("no archive")
    assert "not an archive" in run("check", str(tmp_path / "x.tar"), *WORKER, code=1).stderr
    (layout.folder / "index.json").write_text("{")
    assert "is not valid JSON. Save the image again." in run("check", str(layout.folder), *WORKER, code=1).stderr
    entry = layout.image(CUDA)
    (layout.folder / "blobs" / "sha256" / entry["digest"].partition(":")[2]).write_text("{}")
    changed = run("check", str(layout.folder), *WORKER, code=1).stderr
    assert "does not match its digest" in changed
    assert "the file was changed. Save the image again." in changed
