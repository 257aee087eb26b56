"""`bayplan images inspect` and `bayplan images add REFERENCE`, typed at a real server beside a real registry."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.cli.conftest import Shell
from tests.process import Server, running_server
from tests.registry.running import Registry, configuration
from tests.server.inspections.conftest import CUDA, TORCH, for_both, pushed

LICENSED = {"org.opencontainers.image.licenses": "BSD-3-Clause"}
REST = ("--domain", "od", "--task", "train", "--licence", "MIT", "--min-generation", "Volta")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may ask this machine."""
    home = tmp_path_factory.mktemp("server") / "home"
    with running_server(home, registry_allow_private="127.0.0.0/8") as server:
        server.stock()
        yield server


@pytest.fixture
def shell(server: Server, tmp_path: Path) -> Shell:
    """The shell of staff."""
    return Shell(tmp_path, {"server": server.url, "token": server.token()})


def rows(printed: str) -> list[list[str]]:
    """The cells of what is printed in a pipe: columns are two or more spaces apart."""
    return [re.split(r"\s{2,}", line.strip()) for line in printed.splitlines()]


def test_a_reference_is_asked_for_and_nothing_is_stored(shell: Shell, registry: Registry) -> None:
    url = for_both(registry, "cli/both", arm64=CUDA | {"NVIDIA_REQUIRE_CUDA": "cuda>=12.4"})
    printed = rows(shell.run("images", "inspect", url).out)
    assert printed[:2] == [["image", "not in the catalogue"], ["reference", url]]
    assert ["PLATFORM", "SIZE", "CREATED", "DIGEST"] in printed
    assert [line[0] for line in printed if line[0].startswith("linux/")] == ["linux/amd64", "linux/arm64"]
    assert ["FACT", "VALUE", "READ FROM", "ON"] in printed
    assert ["cuda_version", "12.4.1", "env CUDA_VERSION", "all"] in printed
    assert ["requirements", "NVIDIA_REQUIRE_CUDA cuda>=12.4", "env", "linux/arm64"] in printed
    error = shell.run("images", "inspect", url, "--store", code=1).err
    assert error == f"{url} is not in the catalogue, which could store it; `bayplan images add {url}` adds it.\n"


def test_an_image_of_the_catalogue_is_asked_for_with_store(shell: Shell, server: Server, registry: Registry) -> None:
    url = pushed(registry, "cli/known", TORCH | {"CUDA_VERSION": "12.2.2"})
    typed = ("--url", url, "--framework", "PyTorch 2.4", "--cuda", "12.4.1", *REST)
    shell.run("images", "add", "known", "1.0", *typed)
    error = shell.run("images", "inspect", "known", code=1).err
    assert error == "known 1.0 was not inspected yet: add --store to inspect it now.\n"
    stored = shell.run("images", "inspect", "known:1.0", "--store").out
    assert "contradiction  cuda_version\nThe catalogue says 12.4.1; the image says 12.2.2 (env CUDA_VERSION)." in stored
    assert shell.run("images", "inspect", "known").out == stored
    assert shell.run("images", "inspect", url).out == stored
    with server.client() as client:
        pk = client.post(
            "/v1/docker/list", json={"expressions": [{"type": "exact", "field": "name", "value": "known"}]}
        )
        kept = client.get(f"/v1/docker/{pk.json()[0]['pk']}/inspection").json()
    assert json.loads(shell.run("images", "inspect", "known", "--json").out) == kept
    assert ["PLATFORM", "SIZE", "CREATED"] in rows(stored), "the only platform has the digest that is said above"
    assert "registry" in shell.run("images", "facts", "known").out
    own = shell.run("images", "inspect", "known", "--registry-username", "x", code=2).err
    assert "its own credentials" in own


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_a_terminal(shell: Shell, registry: Registry, columns: int) -> None:
    printed = shell.at_terminal("images", "inspect", pushed(registry, "cli/narrow", TORCH), columns=columns).out
    plain = re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z])", "", printed.replace("\r", "\n"))
    assert "cuda_version" in plain
    assert max(len(line) for line in plain.splitlines()) <= columns


def test_what_goes_wrong_is_a_sentence(shell: Shell, registry: Registry, guarded: Registry) -> None:
    error = shell.run("images", "inspect", f"{registry.host}/cli/nothing:1", code=1).err
    assert error.startswith(f"'{registry.host}' has no 'cli/nothing:1'")
    assert "BAYPLAN_REGISTRY_ALLOW_PRIVATE" in shell.run("images", "inspect", "10.0.0.1/cli/x:1", code=1).err
    assert shell.run("images", "inspect", "999999", code=1).err.startswith("No ")
    assert "image reference" in shell.run("images", "inspect", "http://a/b", code=1).err
    error = shell.run("images", "inspect", "no-such-image-of-anybody:1", code=1).err
    assert error.endswith(" Nor is there an image 'no-such-image-of-anybody:1' in the catalogue.\n")
    url = pushed(guarded, "cli/guarded")
    assert "add --registry-username" in shell.run("images", "inspect", url, code=1).err
    assert guarded.login is not None
    credentials = ("--registry-username", guarded.login.username, "--registry-password-stdin")
    assert "cuda_version" in shell.run("images", "inspect", url, *credentials, typed=f"{guarded.login.password}\n").out
    wrong = shell.run("images", "inspect", url, *credentials, typed="not-the-password\n", code=1)
    assert "not-the-password" not in wrong.err + wrong.out


def test_an_image_is_added_with_all_that_it_says(shell: Shell, registry: Registry) -> None:
    registry.image("cli/torch", "2.4-cuda12.4", configuration(TORCH, LICENSED))
    url = f"{registry.host}/cli/torch:2.4-cuda12.4"
    typed = ("images", "add", url, "--domain", "od", "--task", "train")
    error = shell.run(*typed, code=1).err
    assert error == (
        "Still needed: --framework 'NAME VERSION' (or --create-framework: "
        "there is no PyTorch 2.4.1 yet), --min-generation NAME (or --cpu). Nothing was added.\n"
    )
    printed = shell.run(*typed, "--min-generation", "Volta", "--create-framework").out
    assert rows(printed)[:-1] == [
        ["found", url],
        ["for", "linux/amd64"],
        ["cuda", "12.4.1"],
        ["framework", "PyTorch 2.4.1"],
        ["licence", "BSD-3-Clause"],
    ]
    assert re.fullmatch(r"Added torch 2\.4-cuda12\.4 as image \d+\.", printed.splitlines()[-1])
    fields = dict(line[:2] for line in rows(shell.run("images", "show", "torch").out))
    assert (fields["url"], fields["registry"]) == (url, registry.host)
    assert (fields["framework"], fields["cuda"], fields["oldest gpu"]) == ("PyTorch 2.4.1", "12.4.1", "Volta")
    assert fields["licence"].startswith("BSD 3-Clause")
    assert ["architectures", "registry", "amd64", "manifest"] in rows(shell.run("images", "facts", "torch").out)
    # What was made once is found, and what is typed goes before what the image says.
    again = (
        *typed,
        "--min-generation",
        "Volta",
        "--name",
        "torch-again",
        "--version",
        "1",
        "--cuda",
        "12.2.2",
        "--json",
    )
    added = json.loads(shell.run(*again).out)
    assert (added["name"], added["version"]) == ("torch-again", "1")
    assert "contradiction" in shell.run("images", "inspect", "torch-again").out


def test_an_image_for_another_accelerator_is_added_by_its_configuration(shell: Shell, registry: Registry) -> None:
    """Neither CUDA nor a generation is asked for, and it is not said to run without a GPU."""
    said = {"ROCM_VERSION": "6.3.2", "PYTORCH_ROCM_ARCH": "gfx90a;gfx942", "PYTORCH_VERSION": "2.6.0"}
    url = pushed(registry, "cli/rocm", said)
    shell.run("images", "add", url, "--domain", "od", "--task", "train", "--licence", "MIT", "--create-framework")
    shown = rows(shell.run("images", "facts", "rocm").out)
    assert any(line[0] == "accelerator" and line[2] == "rocm" for line in shown)
    assert ["rocm_version", "registry", "6.3.2", "env ROCM_VERSION"] in shown
    assert any(line[:2] == ["kernel_architectures", "registry"] and "gfx942" in line[2] for line in shown)
    fields = dict(line[:2] for line in rows(shell.run("images", "show", "rocm").out))
    assert fields["without gpu"] == "no"


def test_a_person_is_asked_for_the_rest(shell: Shell, registry: Registry) -> None:
    url = pushed(registry, "cli/asked", CUDA | {"PYTORCH_VERSION": "2.5.0"})
    answers = ("y", "od", "train, predict", "MIT", "Ampere")
    ended = shell.at_terminal("images", "add", url, typed=answers)
    assert ended.code == 0, ended.out
    assert "There is no PyTorch 2.5.0 in the catalogue yet. Add it?" in ended.out
    fields = dict(line[:2] for line in rows(shell.run("images", "show", "asked").out))
    assert (fields["framework"], fields["domain"], fields["tasks"]) == ("PyTorch 2.5.0", "od", "train, predict")
    assert fields["oldest gpu"] == "Ampere"


def test_one_without_cuda_may_run_without_a_gpu(shell: Shell, registry: Registry) -> None:
    url = pushed(registry, "cli/plain", {})
    answers = ("y", "PyTorch 2.4", "od", "train", "MIT")
    ended = shell.at_terminal("images", "add", url, typed=answers)
    assert ended.code == 0, ended.out
    fields = dict(line[:2] for line in rows(shell.run("images", "show", "plain").out))
    assert (fields["without gpu"], fields.get("cuda")) == ("yes", "-")


def test_what_the_server_refuses_leaves_no_framework_behind(shell: Shell, server: Server, registry: Registry) -> None:
    url = pushed(registry, "cli/refused", CUDA | {"PYTORCH_VERSION": "2.6.7"})
    typed = ("--domain", "nothing-like-it", "--task", "train", "--licence", "MIT", "--min-generation", "Volta")
    error = shell.run("images", "add", url, "--create-framework", *typed, code=1).err
    assert "nothing-like-it" in error
    with server.client() as client:
        frameworks = client.post("/v1/frameworks/list").json()
    assert "2.6.7" not in [framework["version"] for framework in frameworks]


def test_credentials_are_stored_with_the_image(shell: Shell, server: Server, guarded: Registry) -> None:
    url = pushed(guarded, "cli/secret", CUDA)
    assert guarded.login is not None
    credentials = ("--registry-username", guarded.login.username, "--registry-password-stdin")
    shell.run(
        "images", "add", url, "--framework", "PyTorch 2.4", *REST, *credentials, typed=f"{guarded.login.password}\n"
    )
    assert "with a password" in shell.run("images", "show", "secret").out
    assert "cuda_version" in shell.run("images", "inspect", "secret", "--store").out
    assert guarded.login.password not in server.log


def test_options_that_exclude_each_other_are_named(shell: Shell, registry: Registry) -> None:
    url = pushed(registry, "cli/typed")
    assert "--url and --registry" in shell.run("images", "add", url, "--url", url, code=2).err
    assert "--create-framework" in shell.run("images", "add", "a", "1", "--create-framework", code=2).err
    error = shell.run("images", "add", "a", "1", "--url", url, "--domain", "od", code=2).err
    assert "Missing --framework, --task, --licence." in error


def test_a_server_without_a_certificate_file_does_not_start(tmp_path: Path) -> None:
    missing = tmp_path / "nothing.pem"
    shell = Shell(tmp_path, {"home": str(tmp_path / "home"), "registry_ca": str(missing)})
    (line,) = shell.run("serve", "--port", "0", code=1).err.splitlines()
    assert str(missing) in line


def test_a_given_certificate_is_trusted(tmp_path: Path, secured: Registry) -> None:
    url = pushed(secured, "cli/tls")
    settings = {"registry_allow_private": "127.0.0.0/8", "registry_ca": str(secured.ca)}
    with running_server(tmp_path / "home", **settings) as server, server.client() as client:
        answer: httpx2.Response = client.post("/v1/docker/inspect", json={"url": url})
        assert answer.status_code == 200, answer.text
