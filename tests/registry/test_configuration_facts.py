"""The facts of configurations as published: of our own list all are found, of the list beside the project nine tenths."""

import json
from typing import Any

import pytest
from benchmarks.facts import OWN, POPULAR, FactOutcome, facts_of, outcomes, read_images, table

from bayplan.domain.reference import Reference
from bayplan.registry.content import Config, Descriptor, Manifest
from bayplan.registry.contradictions import contradictions
from bayplan.registry.interpret import PlatformFacts, platform_facts

DIGEST = f"sha256:{'0' * 64}"


def results_of(images: Any) -> list[FactOutcome]:
    """The outcomes of all facts of all images."""
    return [result for image in images for result in outcomes(image)]


def test_our_own_list() -> None:
    results = results_of(read_images([OWN]))
    assert len(results) > 80
    assert all(result.outcome == "found" for result in results), "\n".join(table(results))


@pytest.mark.skipif(not POPULAR.exists(), reason=f"the list of popular images is not here: {POPULAR}")
def test_the_list_of_popular_images() -> None:
    """Nine tenths found, and none wrong."""
    results = results_of(read_images([POPULAR]))
    kinds = [result.outcome for result in results]
    assert kinds.count("wrong") == 0, "\n".join(table(results))
    assert kinds.count("found") / len(kinds) >= 0.9, "\n".join(table(results))


def test_a_fact_that_must_be_absent_is_wrong() -> None:
    """The measure itself: found, missed and wrong."""
    image = {
        "image": "x/y:1",
        "platforms": [{"env": {"CUDA_VERSION": "12.4.1"}}],
        "expected": {
            "cuda_version": {"value": "12.5.0"},
            "framework": {"value": ["PyTorch"]},
            "requirements": {"value": {}},
        },
        "absent": {"cuda_version": ["12.4.1"], "framework": "*"},
    }
    assert [result.outcome for result in outcomes(image)] == ["wrong", "missed", "found", "wrong"]


def values(history: list[str], env: dict[str, str] | None = None, image: str = "x/y:1") -> dict[str, Any]:
    """The facts of a configuration with this history."""
    facts = facts_of({"image": image}, {"env": env or {}, "history": history})
    return {name: fact.value for name, fact in facts.items() if name != "requirements"}


TORCH_NAMED = {"framework": "PyTorch"}
TORCH = "RUN /bin/sh -c pip install torch==2.4.0"


@pytest.mark.parametrize(
    ("history", "env", "expected"),
    [
        ([f"{TORCH} -i https://download.pytorch.org/whl/cu118"], {}, {"framework_cuda": "11.8"}),
        ([f"{TORCH} xformers-1+cu124-cp310-abi3-linux.whl"], {}, {}),  # another library's label
        ([TORCH], {"UV_TORCH_CUDA_VERSION": "12.8.1"}, {"framework_cuda": "12.8"}),
        (
            [TORCH],
            {"PIP_EXTRA_INDEX_URL": "https://download.pytorch.org/whl/nightly/cu130"},
            {"framework_cuda": "13.0"},
        ),
        ([f"{TORCH} --torch-backend=cu126"], {}, {"framework_cuda": "12.6"}),
        (
            [
                f"{TORCH} -i https://download.pytorch.org/whl/cu118 --extra-index-url https://download.pytorch.org/whl/cpu"
            ],
            {},
            {},
        ),
        ([f"{TORCH} || pip install torch==2.5.0"], {}, {}),
        (
            [f"RUN /bin/sh -c if [ -f x ]; then pip install torch==1.0; fi && {TORCH.removeprefix('RUN /bin/sh -c ')}"],
            {},
            {},
        ),
        ([TORCH, "RUN /bin/sh -c pip install 'torch>=2.1'"], {}, {}),
        ([f"{TORCH} # buildkit", "RUN /bin/sh -c pip uninstall -y torch==1.0"], {}, {}),
    ],
)
def test_commands_that_install_torch(history: list[str], env: dict[str, str], expected: dict[str, str]) -> None:
    """The build of torch alone counts, and of the command that ran."""
    assert values(history, env) == {"framework": "PyTorch", "framework_version": "2.4.0", **expected}


@pytest.mark.parametrize(
    ("command", "cuda"),
    [
        ("pip install torch==2.15.0", "13.2"),
        ("uv pip install torch==2.11.0 numpy", "13.0"),
        ("pip install torch==2.9.1", None),  # PyPI's wheel for arm64 has no CUDA
        ("pip install 'torch>=2.11'", None),
        ("pip install --index-url https://mirror.example.org/simple torch==2.15.0", None),
        ("pip install torch==2.15.0 && pip uninstall -y torch && pip install torch", None),
    ],
)
def test_torch_by_version_alone_is_the_one_on_pypi(command: str, cuda: str | None) -> None:
    assert values([f"RUN /bin/sh -c {command}"]).get("framework_cuda") == cuda


@pytest.mark.parametrize(
    ("steps", "activation"),
    [
        (["RUN /bin/sh -c ldconfig /usr/local/cuda-12.4/compat/"], "always"),
        (["RUN /bin/sh -c echo /usr/local/cuda/compat > /etc/ld.so.conf.d/0.conf && ldconfig"], "always"),
        (["RUN /bin/sh -c echo /usr/local/cuda/compat | tee /etc/ld.so.conf.d/0.conf"], "always"),
        (["RUN /bin/sh -c apt-get install -y cuda-compat-12-4=550.54.15-1"], "toolkit"),
        (
            ["RUN /bin/sh -c apt-get install -y cuda-compat-12-4", "RUN /bin/sh -c apt-get remove -y cuda-compat-12-4"],
            None,
        ),
        (["RUN /bin/sh -c ldconfig"], None),
    ],
)
def test_how_compat_libraries_come_into_use(steps: list[str], activation: str | None) -> None:
    assert values(steps).get("compat_activation") == activation
    folder = {"LD_LIBRARY_PATH": "/x:/usr/local/cuda-12.4/compat"}
    assert values(steps, folder)["compat_activation"] == "always"
    tested = {"_CUDA_COMPAT_PATH": "/usr/local/cuda/compat", "LD_LIBRARY_PATH": "/usr/local/cuda/compat/lib"}
    assert values(steps, tested)["compat_activation"] == "entrypoint"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("vllm/vllm-openai:v0.10.1.1", {"framework": "vLLM", "framework_version": "0.10.1.1"}),
        ("harbor.example.org/hub/vllm/vllm-openai:v0.11.0", {"framework": "vLLM", "framework_version": "0.11.0"}),  # a mirror
        ("runpod/pytorch:1.0.2-cu1281-torch260-ubuntu2204", {"cuda_version": "12.8.1", **TORCH_NAMED, "framework_version": "2.6.0"}),
        ("nvcr.io/nvidia/pytorch:25.10-py3", {}),
        ("rocm/jax:rocm6.4.1-jax0.5.0-py3.12", {"accelerator": "rocm", "rocm_version": "6.4.1", "python_version": "3.12"}
         | {"framework": "JAX", "framework_version": "0.5.0"}),
        ("rocm/vllm:rocm6.3.1_mi300_py3.12_vllm_0.6.6", {"accelerator": "rocm", "rocm_version": "6.3.1", "python_version": "3.12"}
         | {"framework": "vLLM", "framework_version": "0.6.6"}),
        ("example.org/x:2022-05-31_cuda11.1", {"cuda_version": "11.1"}),
        ("example.org/x:py310-cpu", {"python_version": "3.10"}),
        ("ollama/ollama:0.18.0-rocm", {"accelerator": "rocm"}),
        ("example.org/x:rocm7-20260601", {"accelerator": "rocm"}),
        ("example.org/x:v2-rocm-6.0-core", {"accelerator": "rocm", "rocm_version": "6.0"}),
        ("example.org/x:v0.5.5-rocm700-mi35x", {"accelerator": "rocm", "rocm_version": "7.0.0"}),
        ("example.org/x-rocm:1", {"accelerator": "rocm"}),
        ("rocm/dev-ubuntu-24.04:6.4.3-complete", {"accelerator": "rocm"}),
        ("example.org/x:rocm6.2-xpu", {}),
        ("example.org/x:v3-gpu-intel", {"accelerator": "xpu"}),
        ("example.org/x:latest-intel-cpu", {}),
        ("example.org/x:2.6-gpu", {}),
        ("example.org/procmon:1", {}),
        ("example.org/vllm-gfx906:v1", {"accelerator": "rocm", "kernel_architectures": ["gfx906"]}),
        ("example.org/llama:vulkan-gfx1151", {}),
        ("example.org/llama:gfx1151-rocm-7.2", {"accelerator": "rocm", "rocm_version": "7.2", "kernel_architectures": ["gfx1151"]}),
    ],
)  # fmt: skip
def test_tags(image: str, expected: dict[str, str]) -> None:
    """The version at the beginning is the framework's in its makers' repositories alone."""
    assert values([], image=image) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("kubeflownotebookswg/jupyter-tensorflow-cuda:v1.6.0", {"framework": "TensorFlow"}),
        ("us-docker.pkg.dev/x/gcr.io/pytorch-cu121.2-2.py310:latest", {**TORCH_NAMED, "framework_version": "2.2"}),
        ("nvcr.io/nvidia/pytorch:25.10-py3", TORCH_NAMED),
        ("example.org/ml/pytorch-operator:v1.2.0", {}),
        ("example.org/ml/vllm-torch:1.2", {}),
    ],
)
def test_a_repository_that_is_named_after_a_framework(image: str, expected: dict[str, str]) -> None:
    """It counts beside what the configuration says, and alone it proves nothing."""
    facts = values([], {"CUDA_VERSION": "12.1.1"}, image)
    assert {name: value for name, value in facts.items() if name.startswith("framework")} == expected
    assert "framework" not in values([], image=image)
    assert "framework" not in values([], {"NVIDIA_DISABLE_REQUIRE": "1", "JAVA_VERSION": "21"}, image)


@pytest.mark.parametrize(
    ("env", "steps", "accelerator"),
    [
        ({"VLLM_TARGET_DEVICE": "hpu"}, [], "gaudi"),
        ({"VLLM_TARGET_DEVICE": "cpu"}, [], None),
        ({"ROCM_PATH": "/opt/dtk-25.04"}, [], "dcu"),
        ({"ONEAPI_ROOT": "/opt/intel/oneapi"}, [], None),  # compilers for the CPU are there too
        ({}, ["RUN /bin/sh -c apt-get install -y intel-level-zero-gpu"], None),  # video encoders have it
        ({"ONEAPI_ROOT": "/opt/intel/oneapi"}, ["RUN /bin/sh -c apt-get install -y intel-level-zero-gpu"], "xpu"),
        ({"BUILD_TYPE": "Release"}, [], None),
        ({}, [f"{TORCH} --index-url https://rocm.nightlies.amd.com/v2/gfx1151/"], "rocm"),
        ({}, [f"{TORCH} -f https://repo.radeon.com/rocm/manylinux/rocm-rel-6.4.2/"], "rocm"),
    ],
)
def test_signs_of_another_kind_of_gpu(env: dict[str, str], steps: list[str], accelerator: str | None) -> None:
    assert values(steps, env).get("accelerator") == accelerator


@pytest.mark.parametrize(
    ("index", "targets"),
    [
        ("https://rocm.nightlies.amd.com/v2/gfx1151/", ["gfx1151"]),
        ("https://repo.amd.com/rocm/whl/gfx120X-all/", ["gfx1200", "gfx1201"]),
        ("https://repo.amd.com/rocm/whl/gfx77X-all/", None),
        ("https://repo.amd.com/rocm/whl-multi-arch/", None),
        ("https://example.org/whl/gfx1151/", None),
        (
            "https://download.pytorch.org/whl/rocm6.0",
            ["gfx900", "gfx906", "gfx908", "gfx90a", "gfx1030", "gfx1100", "gfx942"],
        ),
        ("https://download.pytorch.org/whl/rocm9.9", None),
    ],
)
def test_the_targets_of_amds_indexes(index: str, targets: list[str] | None) -> None:
    assert values([f"{TORCH} --index-url {index}"]).get("kernel_architectures") == targets


VIDEO = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,video,utility"}


@pytest.mark.parametrize(
    ("env", "steps", "image", "needs"),
    [
        (VIDEO, [], "x/encoder:1", True),
        (VIDEO | {"NVIDIA_VISIBLE_DEVICES": "void"}, [], "x/encoder:1", None),
        ({"NVIDIA_DRIVER_CAPABILITIES": "compute,video"}, [], "x/encoder:1", None),  # it leaves GPUs to who starts it
        (VIDEO | {"NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}, [], "x/encoder:1", None),
        (VIDEO | {"CUDA_VERSION": "12.4.1"}, [], "x/encoder:1", None),
        (VIDEO, ["RUN /bin/sh -c pip install onnxruntime-gpu"], "x/encoder:1", None),
        (VIDEO, ["RUN /bin/sh -c pip install /wheels/*.whl"], "x/encoder:1", None),
        (VIDEO, [], "x/encoder:1-tensorrt", None),
        (VIDEO, [], "x/encoder:1-rocm", None),
    ],
)
def test_images_that_need_the_driver_alone(
    env: dict[str, str], steps: list[str], image: str, needs: bool | None
) -> None:
    """Of an image that may compute with CUDA nothing is said."""
    assert values(steps, env, image).get("needs_driver") is needs


def platform(history: list[str], image: str, **env: str) -> PlatformFacts:
    """The platform of an image."""
    start = {"Env": [f"{name}={value}" for name, value in env.items()]}
    config = Config.model_validate({"config": start, "history": [{"created_by": step} for step in history]})
    manifest = Manifest(config=Descriptor(mediaType="", digest=DIGEST))
    return platform_facts(DIGEST, manifest, config, (), Reference.parse(image))


def test_base_and_framework_differ_without_contradiction() -> None:
    """A catalogue entry that equals either agrees; a tag contradicts nothing."""
    image = platform([f"{TORCH}+cu126"], "x/y:1", CUDA_VERSION="12.8.1")
    found = {text: contradictions({"cuda_version": text}, [image]) for text in ("12.8.1", "12.6", "12.4")}
    assert [bool(contradicting) for contradicting in found.values()] == [False, False, True]
    assert not contradictions({"cuda_version": "12.4"}, [platform([], "x/y:cu126")])
    assert not contradictions({"framework": "vLLM", "framework_version": "0.9"}, [platform([TORCH], "x/y:1")])[1:]


@pytest.mark.parametrize("history", [None, 7, "RUN x", [None, 5, {"created_by": 5, "comment": []}, {}, "x"]])
def test_a_history_that_is_none_says_nothing(history: Any) -> None:
    config = Config.model_validate({"history": history, "config": {"Entrypoint": 7, "Cmd": "serve"}})
    assert all(step == ("", "") for step in config.steps)
    assert config.start == ("serve",)
    assert json.dumps(config.steps)
