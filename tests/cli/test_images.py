"""`bayplan images`: images are listed, shown, added, changed and deleted, and wrong input is refused."""

import json
import re
import shlex
from dataclasses import replace
from typing import Any

import pytest

from bayplan.client import Client
from tests.cli.conftest import Shell
from tests.process import Server

NEW = shlex.split(
    "--url registry.example.org/team/detector:1.0 --cuda 12.4.1 --min-generation Turing "
    "--no-cpu --domain od --task train --task predict --licence MIT"
)


def rows(printed: str) -> list[list[str]]:
    """The cells of a table in a pipe: columns are two or more spaces apart."""
    return [re.split(r"\s{2,}", line.strip()) for line in printed.splitlines()]


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name for an image of this test alone."""
    return f"my-{request.node.name.replace('_', '-')}"


@pytest.fixture
def image(shell: Shell, name: str) -> str:
    """An image of this test alone, version 1.0."""
    shell.run("images", "add", name, "1.0", *NEW, "--framework", "PyTorch 2.4.1")
    return name


def test_a_list_in_a_pipe_is_a_line_for_each(shell: Shell) -> None:
    head, *lines, total = rows(shell.run("images", "list", "--name", "NVIDIA-cuda").out)
    assert head == ["PK", "IMAGE", "FRAMEWORK", "CUDA", "FROM GPU", "DOMAIN", "TASKS", "REFERENCE"]
    assert "nvidia-cuda 9.0-cudnn7-runtime-ubuntu16.04" in [line[1] for line in lines]
    assert {line[1].split()[0] for line in lines} == {"nvidia-cuda"}
    assert total == [f"{len(lines)} images"]
    assert "\x1b" not in shell.run("images", "list").out


@pytest.mark.parametrize("columns", [80, 120])
def test_a_list_fits_a_terminal(shell: Shell, columns: int) -> None:
    printed = shell.at_terminal("images", "list", columns=columns).out
    assert "\x1b[1m" in printed
    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    assert max(len(line) for line in plain.splitlines()) <= columns


def test_no_color_is_honoured(shell: Shell) -> None:
    printed = replace(shell, variables={"NO_COLOR": "1"}).at_terminal("images", "list", "--limit", "1").out
    assert re.search(
        r"^1 of \d\d+ images; a higher --limit shows more$", re.sub(r"\x1b\[[0-9;]*m", "", printed), re.MULTILINE
    )
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3|9)\d", printed)


def test_options_filter_the_list(shell: Shell) -> None:
    def listed(*options: str) -> list[dict[str, object]]:
        images: list[dict[str, object]] = json.loads(shell.run("images", "list", "--json", *options).out)
        return images

    everything = listed()
    assert listed("--task", "TRAIN") == [image for image in everything if "train" in image["tasks"]]  # type: ignore[operator]  # tasks are a list
    assert listed("--domain", "SC") == [image for image in everything if image["domain"] == "sc"]
    assert {image["name"] for image in listed("--framework", "vllm")} == {"vllm-openai"}
    assert [image["version"] for image in listed("--framework", "vLLM 0.9.2")] == ["v0.9.2"]
    assert len(listed("--limit", "3")) == 3
    for order in ((), ("--sort-by", "url"), ("--task", "train", "--sort-by", "-pk")):
        whole = len(listed(*order))
        ending = f"\n3 of {whole} images; a higher --limit shows more\n"
        assert shell.run("images", "list", "--limit", "3", *order).out.endswith(ending)
        assert shell.run("images", "list", "--limit", str(whole), *order).out.endswith(f"\n{whole} images\n")
    assert listed("--name", "nothing like it") == []
    assert shell.run("images", "list", "--name", "nothing like it").out == "No images.\n"


def test_json_is_the_apis_own(server: Server, shell: Shell) -> None:
    with Client(server.url, token=server.token()) as bayplan:
        listed = bayplan.images.list(order_by=("pk",))
        printed = json.loads(shell.run("images", "list", "--json", "--credentials").out)
        assert (
            sorted(printed, key=lambda image: image["pk"]) == listed
        )  # versions are ordered as versions here, as text there
        pk = listed[0]["pk"]
        assert json.loads(shell.run("images", "show", str(pk), "--json", "--credentials").out) == bayplan.images.get(pk)
        assert json.loads(shell.run("images", "facts", str(pk), "--json").out) == bayplan.images.facts(pk)


def test_an_image_is_found_by_key_name_and_version(shell: Shell, image: str) -> None:
    shown = shell.run("images", "show", image).out
    assert shell.run("images", "show", f"{image}:1.0").out == shown
    assert shell.run("images", "show", f"{image} 1.0").out == shown
    assert shell.run("images", "show", image, "1.0").out == shown
    pk = dict(line[:2] for line in rows(shown))["pk"]
    assert shell.run("images", "show", pk).out == shown
    assert dict(line[:2] for line in rows(shown)) | {"added": ""} == {
        "image": f"{image} 1.0",
        "pk": pk,
        "url": "registry.example.org/team/detector:1.0",
        "registry": "registry.example.org",
        "in registry": "not checked yet",
        "framework": "PyTorch 2.4.1",
        "cuda": "12.4.1",
        "oldest gpu": "Turing",
        "without gpu": "no",
        "domain": "od",
        "tasks": "train, predict",
        "licence": "MIT License",
        "added": "",
    }


REFERENCES = (
    "pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime",
    "docker.io/pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime",
    "index.docker.io/pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime",
    "docker://pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime",
    "pytorch:2.4.1-cuda12.4-cudnn9-runtime",
)


@pytest.mark.parametrize("text", REFERENCES)
def test_any_reference_names_an_image(shell: Shell, text: str) -> None:
    image = json.loads(shell.run("images", "show", text, "--json").out)
    assert (image["name"], image["version"]) == ("pytorch", "2.4.1-cuda12.4-cudnn9-runtime")


def test_a_reference_by_its_default_tag_its_digest_or_its_registry(shell: Shell, name: str) -> None:
    digest = f"sha256:{'5' * 64}"
    facts = ["--cpu", "--framework", "PyTorch 2.4.1", "--domain", "od", "--task", "train", "--licence", "MIT"]

    def add(version: str, url: str, registry: str) -> None:
        shell.run("images", "add", name, version, "--url", url, "--registry", registry, *facts)

    def is_version(text: str, version: str) -> bool:
        return bool(json.loads(shell.run("images", "show", text, "--json").out)["version"] == version)

    add("1", f"{name}", "docker.io")
    assert all(is_version(text, "1") for text in (f"library/{name}", f"docker.io/library/{name}:latest"))
    add("2", f"team/{name}:2", "https://registry.example.org:5000")
    assert is_version(f"registry.example.org:5000/team/{name}:2", "2")
    add("3", f"ghcr.io/team/{name}:3@{digest}", "ghcr.io")
    assert all(is_version(f"ghcr.io/team/{name}{end}", "3") for end in (f"@{digest}", f":3@{digest}", ":3"))
    missing = shell.run("images", "show", f"ghcr.io/team/{name}:4", code=1).err
    assert f"did you mean {name}:" in missing
    assert "may be any of" in shell.run("images", "show", name, code=1).err


def test_a_near_miss_names_the_nearest(shell: Shell) -> None:
    error = shell.run("why", "pytroch:2.4.1-cuda12.4-cudnn9-runtime", "--cpu-only", code=1).err
    assert "did you mean pytorch:2.4.1-cuda12.4-cudnn9-runtime" in error


def test_a_name_that_is_not_found_gives_names_that_there_are(shell: Shell) -> None:
    assert shell.run("images", "show", "999999", code=1).err.startswith("No ")
    printed = shell.run("images", "show", "vllm-openai:v9", code=1).err
    assert printed == "There is no image 'vllm-openai:v9'; did you mean vllm-openai:v0.9.2 or vllm-openai:v0.11.0?\n"
    printed = shell.run("images", "show", "nothing", code=1).err
    assert printed == "There is no image 'nothing'; `bayplan images list` lists all images.\n"
    printed = shell.run("images", "show", "reg.example.net/team/unheard:3", code=1).err
    assert printed.endswith("lists all images. `bayplan check reg.example.net/team/unheard:3` asks its registry.\n")
    printed = shell.run("images", "show", "vllm-openai", code=1).err
    assert re.fullmatch(
        r"'vllm-openai' may be any of 2 images; say which version \(or key\): v0.11.0 \(\d+\), v0.9.2 \(\d+\).\n",
        printed,
    )


def test_an_image_is_added_edited_deleted_and_reinstated(shell: Shell, name: str) -> None:
    printed = shell.run("images", "add", name, "1.0", *NEW, "--framework", "PyTorch 2.4.1").out
    assert re.fullmatch(rf"Added {name} 1\.0 as image \d+\.\n", printed)
    nothing = ("--cuda", "none", "--min-generation", "none")
    printed = shell.run("images", "edit", name, "--version", "1.1", "--cpu", *nothing).out
    assert printed == f"Changed cpu, cuda_version, min_hardware_generation, version of {name} 1.1.\n"
    changed = json.loads(shell.run("images", "edit", name, "--task", "export", "--json").out)
    assert (changed["cuda_version"], changed["cpu"], changed["tasks"]) == (None, True, ["export"])

    pk = changed["pk"]
    printed = shell.run("images", "rm", name, "-y").out
    assert printed == f"Deleted {name} 1.1; `bayplan images reinstate {pk}` brings it back.\n"
    assert f"{name} 1.1" in shell.run("images", "list", "--deleted").out
    shell.run("images", "show", name, code=1)
    assert shell.run("images", "reinstate", name).out == f"{name} 1.1 is back.\n"
    assert shell.run("images", "reinstate", name, code=1).err.startswith(f"There is no deleted image '{name}'")


def test_images_are_deprecated_and_taken_back(shell: Shell, name: str) -> None:
    image = f"{name}-too"
    for each in (image, name):
        shell.run("images", "add", each, "1.0", *NEW, "--framework", "PyTorch 2.4.1")
    printed = shell.run("images", "deprecate", image, name, "--why", "old.", "--successor", "vllm-openai:v0.11.0").out
    assert printed == "".join(
        f"{each}:1.0 is deprecated; its successor is vllm-openai:v0.11.0.\n" for each in (image, name)
    )
    shown = shell.run("images", "show", name).out
    assert re.search(r"deprecated +since 20\d\d-\d\d-\d\d: old; use vllm-openai:v0.11.0\n", shown)
    assert "old" in shell.run("why", name, "--cpu-only").out
    assert "successor" in shell.run("images", "deprecate", name, "--successor", name, code=1).err
    assert "must be a date" in shell.run("images", "deprecate", name, "--since", "yesterday", code=1).err
    assert shell.run("images", "undeprecate", name).out == f"{name}:1.0 is no longer deprecated.\n"
    assert re.search(r"^deprecated", shell.run("images", "show", name).out, re.MULTILINE) is None


def test_removing_for_good_asks(shell: Shell, image: str) -> None:
    printed = shell.run("images", "rm", image, "--hard", code=2).err
    question = f"Delete {image}:1.0 for good? admin added it. There is no terminal to ask: add --yes. Nothing was done."
    assert printed.splitlines()[-1] == f"Error: {question}"
    printed = shell.at_terminal("images", "rm", image, "--hard", typed=("n",)).out
    assert "Nothing was done." in printed
    assert f"Removed {image} 1.0 for good." in shell.at_terminal("images", "rm", image, "--hard", typed=("y",)).out
    shell.run("images", "show", image, code=1)


def test_a_conflict_is_a_sentence(shell: Shell, image: str) -> None:
    (line,) = shell.run("images", "add", image, "1.0", *NEW, "--framework", "PyTorch 2.4.1", code=1).err.splitlines()
    assert image in line


def test_what_the_server_refuses_names_the_field(shell: Shell, name: str) -> None:
    printed = shell.run("images", "add", name, "1.0", *NEW, "--framework", "Nothing 1.0", code=1).err
    assert "Nothing 1.0" in printed


def test_a_registrys_password_is_read_from_the_input_and_not_shown(shell: Shell, image: str) -> None:
    arguments = ("images", "edit", image, "--registry-username", "robot")
    assert "add --registry-password-stdin" in shell.run(*arguments, code=1).err
    printed = shell.run(*arguments, "--registry-password-stdin", typed="s3cret-word\n").out
    assert printed == f"Changed registry_password, registry_username of {image} 1.0.\n"
    shown = shell.run("images", "show", image).out
    assert "robot, with a password" in shown
    assert "s3cret-word" not in shown
    assert (
        json.loads(shell.run("images", "show", image, "--json", "--credentials").out)["registry_password"]
        == "s3cret-word"
    )
    shell.run("images", "edit", image, "--registry-username", "none")
    assert "robot" not in shell.run("images", "show", image).out


def test_facts_are_entered_and_forgotten(shell: Shell, image: str) -> None:
    entered = shlex.split(
        "--architecture amd64 --architecture arm64 --requirement 'NVIDIA_REQUIRE_CUDA=cuda>=12.4' --no-disable-require "
        "--compat-on-loader-path --kernel-architecture 8.0 --kernel-architecture 9.0+PTX --no-compiles-at-runtime "
        "--framework-cuda 12.4 --compiler-cuda 12.8 --min-gpus 2 --no-needs-driver --min-gpu-memory 24GiB --accelerator cuda "
        "--min-driver 550.54.15 --min-compute-capability 8.0 --end-of-life 2031-01-31 --compat-package '12.4 550.54.15'"
    )
    printed = shell.run("images", "set-facts", image, *entered).out
    note, titles, *shown = rows(printed)
    assert note == ["1 fact differs between sources: the first line of each is used."]
    assert titles == ["FACT", "FROM", "VALUE", "SOURCE"]
    assert shown[0] == ["kernel_architectures", "staff", "8.0, 9.0+PTX"], "what differs comes first"
    assert shown[1][0] == "table"
    assert shown[2:] == [
        ["architectures", "staff", "amd64, arm64"],
        ["accelerator", "staff", "cuda"],
        ["rocm_version", "-", "not known"],
        ["requirements", "staff", "NVIDIA_REQUIRE_CUDA cuda>=12.4"],
        ["disable_require", "staff", "no"],
        ["compat_package", "staff", "cuda 12.4; driver 550.54.15"],
        ["compat_activation", "staff", "always"],
        ["framework_cuda", "staff", "12.4"],
        ["compiles_at_runtime", "staff", "no"],
        ["compiler_cuda", "staff", "12.8"],
        ["min_driver", "staff", "550.54.15"],
        ["min_compute_capability", "staff", "8.0"],
        ["min_gpu_memory_bytes", "staff", "25769803776"],
        ["min_shared_memory_bytes", "-", "not known"],
        ["min_gpus", "staff", "2"],
        ["needs_driver", "staff", "no"],
        ["end_of_life", "staff", "2031-01-31"],
    ]
    image_facts = json.loads(shell.run("images", "set-facts", image, "--forget", "min-driver", "--json").out)
    assert image_facts["min_driver"] == {"value": None, "origin": None}
    assert "not known" in shell.run("images", "facts", image).out
    assert "min_drivers" in shell.run("images", "set-facts", image, "--forget", "min_drivers", code=1).err


def test_facts_are_entered_with_the_fields_of_an_image(shell: Shell, image: str) -> None:
    rocm = shlex.split(
        "--cuda none --min-generation none --accelerator rocm --rocm 6.3.2 --kernel-architecture torch=gfx942"
    )
    assert "accelerator" in shell.run("images", "edit", image, "--cuda", "none", code=1).err
    shell.run("images", "edit", image, *rocm, "--compiles-to", "cubin", "--compat-activation", "never")
    facts = json.loads(shell.run("images", "facts", image, "--json").out)
    assert {name: fact["value"] for name, fact in facts.items() if fact["origin"] == "staff"} == {
        "accelerator": "rocm",
        "rocm_version": "6.3.2",
        "kernel_architectures": {"torch": ["gfx942"]},
        "compiles_at_runtime": "cubin",
        "compat_activation": "never",
    }
    assert "in use" not in shell.run("images", "edit", image, "--accelerator", "none", code=1).err
    mixed = shell.run(
        "images", "edit", image, "--kernel-architecture", "8.0", "--kernel-architecture", "torch=9.0", code=2
    )
    assert "with a library" in mixed.err


def test_a_refusal_names_commands_in_place_of_calls(shell: Shell, image: str) -> None:
    assert "`bayplan list cuda` lists them all" in shell.run("images", "edit", image, "--cuda", "99", code=1).err
    assert "`bayplan nodes workers` lists all workers" in shell.run("nodes", "revoke", "nobody", code=1).err
    pk = json.loads(shell.run("images", "show", image, "--json").out)["pk"]
    shell.run("images", "rm", image, "-y")
    assert f"(`bayplan images reinstate {pk}`)" in shell.run("images", "edit", str(pk), "--cpu", code=1).err


def test_licences_are_listed_with_what_the_option_takes(shell: Shell) -> None:
    listed = {row[2]: row[1] for row in rows(shell.run("list", "licences").out)}
    assert listed["MIT License"] == "MIT"
    assert listed['BSD 3-Clause "New" or "Revised" License'] == "BSD-3-Clause"


def test_the_floor_of_an_image(shell: Shell, image: str) -> None:
    shell.run("images", "set-facts", image, "--kernel-architecture", "8.0", "--min-gpu-memory", "16GiB")
    printed = shell.run("images", "floor", image).out
    assert "smallest driver     550.54.15 (native), 525.60.13 (minor)" in printed
    assert "GPU memory          16 GiB" in printed
    assert ["8.6, 8.9", "all", "native from 550.54.15; minor from 525.60.13 below 550.54.15"] in rows(printed)
    floor = json.loads(shell.run("images", "floor", image, "-o", "json").out)
    assert floor["platforms"][0]["cuda"] == "12.0"


def test_a_list_by_each_spelling_of_a_framework(shell: Shell) -> None:
    def names(*options: str) -> set[str]:
        return {image["framework"]["version"] for image in _expanded(*options)}

    def _expanded(*options: str) -> list[dict[str, Any]]:
        frameworks = {each["pk"]: each for each in json.loads(shell.run("list", "frameworks", "--json").out)}
        listed = json.loads(shell.run("images", "list", *options, "--json").out)
        return [image | {"framework": frameworks[image["framework"]]} for image in listed]

    assert names("--framework", "torch") == names("--framework", "PyTorch") > {"2.4.1", "1.0"}
    assert names("--framework", "PyTorch 2.4") == {"2.4.1"} == names("--framework", "torch==2.4.1")
    assert "1.9.0" not in names("--framework", "pytorch>=2.4")
    assert "did you mean TensorFlow?" in shell.run("images", "list", "--framework", "tensorflwo", code=1).err
    assert "did you mean train?" in shell.run("images", "list", "--task", "trian", code=1).err
