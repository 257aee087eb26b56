"""`bayplan export-to`: images as files of schedulers."""

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
