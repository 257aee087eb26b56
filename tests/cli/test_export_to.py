"""`bayplan export-to`: images as files of schedulers."""

from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Shell


@pytest.fixture
def images(shell: Shell) -> list[str]:
    """Two images of the examples that run on a GPU."""
    listed = shell.run("images", "list", "--framework", "pytorch", "-o", "json").out
    return [f"{image['name']}:{image['version']}" for image in yaml.safe_load(listed)][:2]


def test_images_are_exported_to_programs(shell: Shell, images: list[str]) -> None:
    pods = list(yaml.safe_load_all(shell.run("export-to", "kubernetes", *images).out))
    assert [pod["kind"] for pod in pods] == ["Pod", "Pod"]
    claims = list(yaml.safe_load_all(shell.run("export-to", "dra", images[0]).out))
    assert [document["kind"] for document in claims] == ["ResourceClaimTemplate", "Pod"]
    services = yaml.safe_load(shell.run("export-to", "compose", *images).out)["services"]
    assert len(services) == 2
    assert "enroot import" in shell.run("export-to", "slurm", images[0]).out
    assert yaml.safe_load(shell.run("export-to", "nfd", images[0]).out)["version"] == "v1alpha1"


def test_a_specification_in_a_file_gives_facts(shell: Shell, images: list[str], tmp_path: Path) -> None:
    exported = shell.run("export-to", "nfd", images[0]).out
    (tmp_path / "needs.yaml").write_text(exported)
    name, version = images[1].split(":")
    entered = yaml.safe_load(
        shell.run("images", "set-facts", name, version, "--nfd", str(tmp_path / "needs.yaml"), "-o", "json").out
    )
    assert entered["min_driver"]["origin"] == entered["min_compute_capability"]["origin"] == "staff"
    least = ["--min-driver", "999.1", "--nfd", "-"]
    typed = shell.run("images", "set-facts", name, version, *least, "-o", "json", typed=exported).out
    assert yaml.safe_load(typed)["min_driver"]["value"] == "999.1"
    (tmp_path / "none.yaml").write_text("version: v1alpha1\ncompatibilities: [{rules: []}]\n")
    (tmp_path / "odd.yaml").write_text("version: v2\n")
    for file, error in (("none", "says no minimum"), ("odd", "is no specification of version v1alpha1")):
        asked = shell.run("images", "set-facts", name, version, "--nfd", str(tmp_path / f"{file}.yaml"), code=1)
        assert f"{file}.yaml {error}" in asked.err
    shell.run("images", "set-facts", name, version, "--forget", "min_driver", "--forget", "min_compute_capability")


def test_what_cannot_be_exported_says_why(shell: Shell, images: list[str]) -> None:
    assert "export each by itself" in shell.run("export-to", "slurm", *images, code=2).err
    assert "kubernetes" in shell.run("export-to", "nomad", images[0], code=2).err
    assert "no image" in shell.run("export-to", "compose", "nothing-like-it", code=1).err


def test_images_that_some_node_runs_are_named_by_what_is_pulled(shell: Shell) -> None:
    references = shell.run("images", "list", "--runnable", "-o", "name").out.splitlines()
    every = shell.run("images", "list", "-o", "name").out.splitlines()
    assert 0 < len(references) < len(every)
    assert all("/" in reference for reference in references)
    some = yaml.safe_load(
        shell.run("images", "list", "--runnable", "--task", "train", "--limit", "2", "-o", "json").out
    )
    assert len(some) == 2
