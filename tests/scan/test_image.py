"""The files of images, from layers and from engines' archives: what is hidden, what is kept, and the facts of it all."""

import gzip
import hashlib
import struct
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard

from bayplan.domain.compatibility.image import FACT_NAMES
from bayplan.scan.errors import ScanFailed
from bayplan.scan.export import scan_export, stored_layers
from bayplan.scan.facts import image_facts, image_packages
from bayplan.scan.image import ImageFiles, LayerSource, MemoryStore, scan_layers
from bayplan.scan.layer import LayerFindings, read_layer
from bayplan.schemas.facts import FactsPatch
from tests.scan.made import FATBINS, container, elf, elf_with_note, entry, export, layer

SITE = "usr/lib/python3.11/site-packages"
TORCH_VERSION = b"""from typing import Optional
__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip']
__version__ = '2.7.1+cu128'
debug = False
cuda: Optional[str] = '12.8'
hip: Optional[str] = None
"""
DPKG = b"""Package: bash
Status: install ok installed
Version: 5.2

Package: cuda-cudart-12-4
Status: install ok installed
Version: 12.4.127-1

Package: cuda-compat-12-4
Status: deinstall ok config-files
Version: 550.54.15-1

Package: libcudnn9-cuda-12
Status: install ok installed
Version: 9.1.0.70-1
"""
PTXAS = elf(
    (
        (
            ".rodata",
            b"Cuda compilation tools, release %d.%d, V\0Cuda compilation tools, release 12.8, V12.8.93\0"
            + bytes(5_000),
        ),
    )
)


def library(*entries: bytes) -> bytes:
    """A shared object with a fat binary of these entries, larger than what is passed over."""
    return elf(((".nv_fatbin", container(*entries)), (".text", bytes(5_000))))


def python(name: str, version: str) -> dict[str, bytes | str | None]:
    """A Python package's metadata."""
    return {
        f"{SITE}/{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nText".encode()
    }


TORCH: dict[str, bytes | str | None] = {
    **python("torch", "2.7.1"),
    f"{SITE}/torch/version.py": TORCH_VERSION,
    f"{SITE}/torch/lib/libtorch_cuda.so": library(entry(2, 75), entry(2, 120), entry(1, 120)),
}


def files_of(*layers: bytes) -> ImageFiles:
    """The files of an image with these layers."""
    return scan_layers(LayerSource(None, lambda data=data: [data]) for data in layers)  # type: ignore[misc]  # mypy knows no defaults of lambdas


def values(image: ImageFiles, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """The values of its facts, which have the form of those that staff enter; the others are texts."""
    facts = {name: fact["value"] for name, fact in image_facts(image, environment).items()}
    FactsPatch.model_validate({name: value for name, value in facts.items() if name in FACT_NAMES})
    assert all(isinstance(value, str) for name, value in facts.items() if name not in FACT_NAMES)
    return facts


@pytest.mark.parametrize("packing", ["gzip", "zstd", "plain"])
def test_facts_of_a_framework_on_another_base(packing: str) -> None:
    """The base's CUDA and the framework's are two facts; each has the file that says so."""
    base = layer({"var/lib/dpkg/status": DPKG, "usr/local/cuda": "/etc/alternatives/cuda"}, packing)
    image = files_of(
        base, layer({**TORCH, **python("triton", "3.3.1"), f"{SITE}/triton/backends/nvidia/bin/ptxas": PTXAS}, packing)
    )
    assert values(image) == {
        "accelerator": "cuda",
        "cuda_version": "12.4",
        "cudnn_version": "9.1.0.70",
        "framework": "PyTorch",
        "framework_version": "2.7.1+cu128",
        "framework_cuda": "12.8",
        "kernel_architectures": {"torch": ["7.5", "12.0+PTX"]},
        "compiler_cuda": "12.8",
        "python_version": "3.11",
    }
    facts = image_facts(image)
    assert facts["framework_cuda"] == {"value": "12.8", "source": f"{SITE}/torch/version.py", "certainty": "stated"}
    assert [package["name"] for package in image_packages(image)] == [
        "cuda_cudart_12_4", "libcudnn9_cuda_12", "torch", "triton",
    ]  # fmt: skip


def test_layers_above_hide_what_they_replace_and_remove() -> None:
    """A whiteout, an opaque folder, a file in place of another, and a link in place of a folder."""
    lower = layer({**TORCH, **python("vllm", "0.9.0"), **python("xformers", "0.0.30")})
    assert values(files_of(lower))["framework"] == "vLLM"
    removed = layer({f"{SITE}/.wh.vllm-0.9.0.dist-info": b"", f"{SITE}/torch/lib/libtorch_cuda.so": b"not ELF" * 2_000})
    image = files_of(lower, removed)
    assert values(image)["framework"] == "PyTorch"
    assert "kernel_architectures" not in values(image)
    assert values(files_of(lower, layer({f"{SITE}/.wh..wh..opq": b"", **python("jax", "0.6")}))) == {
        "framework": "JAX", "framework_version": "0.6", "python_version": "3.11",
    }  # fmt: skip
    assert values(files_of(lower, layer({SITE: "/elsewhere"}))) == {}
    assert values(files_of(lower, layer({"usr/lib/.wh.python3.11": b""}), lower))["framework"] == "vLLM"


COMPAT: dict[str, bytes | str | None] = {
    "usr/local/cuda-12.8/compat/libcuda.so.570.86.15": elf_with_note(
        '{"Format":1,"CUDA Version":"12.8","Driver":[535,550,565]}'
    ),
    "usr/local/cuda-12.8/compat/libcuda.so.1": "libcuda.so.570.86.15",
    "usr/local/cuda": "/etc/alternatives/cuda",
    "etc/alternatives/cuda": "../../usr/local/cuda-12.8",
    "usr/local/cuda-12.8/version.json": b'{"cuda": {"name": "CUDA SDK", "version": "12.8.1"}}',
}
NGC: dict[str, bytes | str | None] = {
    "usr/local/cuda/compat/lib.real/libcuda.so.580.95.05": elf(((".text", bytes(9_000)),)),
    "etc/ld.so.conf.d/00-cuda-compat.conf": b"/usr/local/cuda/compat/lib\n",
    "etc/shinit_v2": b"# test the driver\n",
}


@pytest.mark.parametrize(
    ("files", "environment", "activation"),
    [
        (COMPAT, {}, "toolkit"),
        (COMPAT, None, None),
        (COMPAT | {"etc/ld.so.conf.d/compat.conf": b"# ours\n/usr/local/cuda/compat\n"}, None, "always"),
        (COMPAT | {"etc/ld.so.conf.d/compat.conf": b"/usr/local/cuda-12.8/compat # ours\n"}, {}, "always"),
        (COMPAT | {"etc/ld.so.conf.d/compat.conf": b"/usr/local/cuda/lib64\n#/usr/local/cuda/compat\n"}, {}, "toolkit"),
        (COMPAT, {"LD_LIBRARY_PATH": "/usr/lib:/usr/local/cuda/compat/"}, "always"),
        (COMPAT, {"LD_LIBRARY_PATH": "/usr/local/cuda/compat/lib"}, "toolkit"),
        (NGC, None, "entrypoint"),
        (
            NGC,
            {"_CUDA_COMPAT_PATH": "/usr/local/cuda/compat", "LD_LIBRARY_PATH": "/usr/local/cuda/compat/lib"},
            "entrypoint",
        ),
    ],
)
def test_the_activation_of_compat_libraries(
    files: dict[str, Any], environment: dict[str, str] | None, activation: str | None
) -> None:
    """Without the configuration at hand the toolkit's is not guessed."""
    assert values(files_of(layer(files)), environment).get("compat_activation") == activation


def test_compat_libraries_say_their_driver_and_cuda() -> None:
    """From the name and the note; in an image whose folder was emptied there are none."""
    image = files_of(layer(COMPAT))
    assert values(image)["compat_package"] == {"cuda": "12.8", "driver": "570.86.15"}
    assert image.files["usr/local/cuda-12.8/compat/libcuda.so.570.86.15"]["note_drivers"] == [535, 550, 565]
    assert values(image)["cuda_version"] == "12.8.1"
    emptied = files_of(layer(COMPAT), layer({"usr/local/cuda-12.8/compat/.wh..wh..opq": b""}))
    assert "compat_package" not in values(emptied)
    assert values(files_of(layer(NGC)))["compat_package"] == {"cuda": None, "driver": "580.95.05"}


def test_kernels_of_single_files_are_not_the_librarys() -> None:
    """As in vllm 0.9.0: PTX in a fifth of its containers, and code for 5.2 in one of 75, help no GPU; extensions stand apart."""
    many = [container(entry(2, 80), entry(2, 90)) for _ in range(20)]
    contents = b"".join([*many, *[container(entry(2, 90), entry(1, 90))] * 5, container(entry(2, 52), entry(1, 52))])
    extension = library(entry(2, 90, flags=0x100011))
    image = files_of(
        layer({f"{SITE}/vllm/_C.abi3.so": elf(((".nv_fatbin", contents),)), f"{SITE}/flash_attn_2_cuda.so": extension})
    )
    assert values(image) == {
        "accelerator": "cuda",
        "kernel_architectures": {"vllm": ["8.0", "9.0"]},
        "extension_kernels": "flash_attn: 9.0a",
    }
    real = (FATBINS / "concatenated.fatbin").read_bytes()
    image = files_of(layer({"app/libggml-cuda.so": elf(((".nv_fatbin", real), (".text", bytes(2_000))))}))
    assert values(image)["kernel_architectures"] == {"ggml": ["7.5", "9.0a", "10.0f", "12.0+PTX"]}


def test_versions_of_an_image_without_packages() -> None:
    """Of an image of another distribution, whose packages are not read: by the names of files and folders."""
    small = elf(((".text", bytes(5_000)),))
    files: dict[str, bytes | str | None] = {
        "usr/local/cuda-12.4/targets/x86_64-linux/lib/libcudart.so.12.4.127": small,
        "usr/lib64/libcudnn.so.9.1.0": small,
        "usr/lib64/libnccl.so.2.21.5": small,
    }
    assert values(files_of(layer(files))) == {
        "cuda_version": "12.4",
        "cudnn_version": "9.1.0",
        "nccl_version": "2.21.5",
    }
    two = files | {"usr/local/cuda-11.8/lib64/libcudart.so.11.8.89": small}
    assert "cuda_version" not in values(files_of(layer(two)))


def test_images_of_other_accelerators() -> None:
    """ROCm by its files and its code objects; Ascend by its package; a framework for the CPU has none."""
    names = [
        b"host-x86_64-unknown-linux--",
        b"hipv4-amdgcn-amd-amdhsa--gfx90a:sramecc+:xnack-",
        b"hipv4-amdgcn-amd-amdhsa--gfx942",
    ]
    entries = b"".join(struct.pack("<QQQ", 4_096, 0, len(name)) + name for name in names)
    bundle = b"__CLANG_OFFLOAD_BUNDLE__" + struct.pack("<Q", len(names)) + entries
    bundle += bytes(4_096 - len(bundle))
    packed = b"CCOB" + struct.pack("<HHIIQ", 2, 1, 24 + len(z := zstandard.compress(bundle)), len(bundle), 0) + z
    version = (
        b"__version__ = '2.6.0+rocm6.2.4'\ncuda: Optional[str] = None\nhip: Optional[str] = '6.2.41134-65d174c3e'\n"
    )
    files: dict[str, bytes | str | None] = {
        "opt/rocm-6.2.4/.info/version": b"6.2.4-139\n",
        f"{SITE}/torch/version.py": version,
        f"{SITE}/torch/lib/libtorch_hip.so": elf(((".hip_fatbin", bundle + packed + bytes(5_000)),)),
        f"{SITE}/torch/lib/rocblas/library/TensileLibrary_lazy_gfx90a.dat": b"x",
        f"{SITE}/torch/lib/rocblas/library/Kernels.so-000-gfx942-xnack-.hsaco": b"x",
    }
    data = layer(files)
    image = files_of(data)
    assert values(image) == {
        "accelerator": "rocm",
        "rocm_version": "6.2.4",
        "kernel_architectures": {"torch": ["gfx90a:sramecc+:xnack-", "gfx942"], "rocblas": ["gfx90a", "gfx942"]},
    }
    assert all(
        image.files[f"{SITE}/torch/lib/libtorch_hip.so"]["gfx"][target] == 2
        for target in ("gfx90a:sramecc+:xnack-", "gfx942")
    )
    assert scan_export([export([data], form="podman")]).files.files == image.files
    assert values(files_of(layer(python("torch_npu", "2.5.1"))))["accelerator"] == "ascend"
    assert "accelerator" not in values(
        files_of(layer({**python("torch", "2.6.0+cpu"), f"{SITE}/torch/version.py": b"__version__ = '2.6.0+cpu'\n"}))
    )


@pytest.mark.parametrize("form", ["docker", "podman", "oci"])
def test_archives_of_engines(form: str) -> None:
    """In whichever order the documents come; with the configuration of the image, without which the toolkit's activation is not known."""
    layers = [layer(COMPAT), layer(TORCH)]
    archive = export(layers, ["PATH=/bin", "LD_LIBRARY_PATH=/usr/lib"], form)
    store = MemoryStore()
    image = scan_export((archive[at : at + 5_000] for at in range(0, len(archive), 5_000)), store)
    assert values(image.files, dict(image.environment)) == values(files_of(*layers), {})
    assert values(image.files, dict(image.environment))["compat_activation"] == "toolkit"
    assert image.architecture == "amd64"
    again = stored_layers(image.diff_ids, store)
    assert again is not None
    assert again.files == image.files.files
    assert stored_layers([*image.diff_ids, "sha256:0"], store) is None


def test_layers_of_several_frames_are_read_whole() -> None:
    """As pigz and eStargz pack them in gzip, and zstd:chunked after a frame that is skipped."""
    plain = layer(TORCH, "plain")
    half = len(plain) // 2
    parts = (plain[:half], plain[half:])
    skipped = b"\x5a\x2a\x4d\x18" + struct.pack("<I", 5) + b"12345"
    for packed in (
        b"".join(map(gzip.compress, parts)) + bytes(100),
        skipped + b"".join(map(zstandard.compress, parts)) + skipped,
    ):
        for size in (7, 100_000):
            chunks = (packed[at : at + size] for at in range(0, len(packed), size))
            assert read_layer(chunks).files == read_layer([plain]).files


def test_a_layer_is_read_once() -> None:
    """Images that share layers read them once; findings survive being written down."""
    reads: list[str] = []

    def opened(name: str, data: bytes) -> Iterator[bytes]:
        reads.append(name)
        yield data

    store = MemoryStore()
    base, torch, jax = (layer(files) for files in (COMPAT, TORCH, python("jax", "0.6")))
    parts = {f"sha256:{hashlib.sha256(data).hexdigest()}": data for data in (base, torch, jax)}
    first, second, third = parts
    for names in ((first, second), (first, third), (first, second)):
        scan_layers([LayerSource(name, lambda name=name: opened(name, parts[name])) for name in names], store)  # type: ignore[misc]  # the same
    assert reads == [first, second, third]
    other = f"sha256:{'1' * 64}"
    with pytest.raises(ScanFailed, match="does not match its digest"):
        scan_layers([LayerSource(other, lambda: [base])], store)
    assert store.get(other) is None
    findings = read_layer([layer({".wh.gone": b"", **TORCH})])
    document = findings.to_document()
    kept = LayerFindings.from_document(document)
    assert kept is not None
    assert (kept.files, kept.hides("gone/file"), kept.hides("other")) == (findings.files, True, False)
    assert LayerFindings.from_document(document | {"format": 0}) is None


def test_facts_are_those_that_the_judge_reads_or_inspections_have() -> None:
    """A fact under another name would be shown and never used."""
    from bayplan.scan.facts import FACT_READERS

    others = {
        "cuda_version", "cudnn_version", "nccl_version", "framework", "framework_version", "python_version",
        "extension_kernels",
    }  # fmt: skip
    assert FACT_READERS.keys() - set(FACT_NAMES) == others
