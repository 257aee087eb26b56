"""The GPU code of an image by library: which files are a library's own, and what they have code for.

A framework needs its code whatever the image is used for. An extension (flash_attn, xformers) is used where the application wants it and
the GPU allows it, and many are for new GPUs alone on purpose: theirs is a fact of its own, which refuses no GPU.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bayplan.scan.fatbin import FatbinContents
from bayplan.scan.image import ImageFiles
from bayplan.scan.library_kernels import library_kernels
from bayplan.scan.probes import Finding

_LEAST_SHARE_OF_BUNDLES = 0.1  # of those of the most frequent target: a target of single kernels is not the library's
_MOST_ARCHITECTURES = 200
_GFX_IN_NAME = re.compile(r"gfx[0-9a-f]{3,5}(?:-generic)?")


@dataclass(frozen=True, slots=True)
class Library:
    """A library, the files that have its code (matched at the end of their path), and whether its framework always needs it."""

    name: str
    files: re.Pattern[str]
    is_required: bool = True


def _library(name: str, files: str, *, is_required: bool = True) -> Library:
    return Library(name, re.compile(rf"(?:.*/)?{files}", re.ASCII), is_required)


_TAG = r"(?:\.abi3|\.cpython-[^/]+)?\.so"

LIBRARIES = (
    _library("torch", r"libtorch_(?:cuda(?:_cu|_cpp)?|hip)\.so"),
    _library(
        "tensorflow", r"(?:libtensorflow_cc\.so\.\d|_pywrap_tensorflow_internal\.so|libtensorflow_framework\.so\.\d)"
    ),
    _library(
        "jaxlib", rf"(?:jax_(?:cuda|rocm)\d*_plugin/[^/]+{_TAG}|jaxlib/(?:xla_extension|(?:cuda|rocm)/[^/]+){_TAG})"
    ),
    _library("vllm", rf"vllm/_(?:rocm_)?C{_TAG}"),
    _library("sgl_kernel", rf"sgl_kernel/(?:sm\d+/)?common_ops{_TAG}"),
    _library("onnxruntime", r"libonnxruntime_providers_(?:cuda|rocm|migraphx)\.so(?:\.[\d.]+)?"),
    _library("ggml", r"libggml-(?:cuda|hip)\.so(?:\.[\d.]+)?"),
    _library("ctranslate2", r"libctranslate2[^/]*\.so(?:\.[\d.]+)?"),
    _library("tensorrt_llm", r"libtensorrt_llm\.so"),
    _library("mxnet", r"libmxnet\.so"),
    _library("paddle", r"paddle/(?:base|fluid)/(?:libpaddle|core_avx)\.so"),
    _library("flash_attn", rf"flash_attn_(?:2|3|gpu|cuda)[^/]*{_TAG}", is_required=False),
    _library("xformers", r"xformers/_C\.so", is_required=False),
    _library("bitsandbytes", r"bitsandbytes/libbitsandbytes_(?:cuda|rocm)\d+[^/]*\.so", is_required=False),
    _library("torchvision", rf"torchvision/_C[^/]*{_TAG}", is_required=False),
    _library("torchaudio", rf"torchaudio/lib/[^/]+{_TAG}", is_required=False),
    _library("torchao", rf"torchao/_C{_TAG}", is_required=False),
    _library("apex", rf"(?:amp_C|apex_C|fused_layer_norm_cuda){_TAG}", is_required=False),
    _library("transformer_engine", r"libtransformer_engine\.so", is_required=False),
    _library("mamba_ssm", rf"selective_scan_cuda{_TAG}", is_required=False),
    _library("causal_conv1d", rf"causal_conv1d_cuda{_TAG}", is_required=False),
    _library("flashinfer", rf"flashinfer/[^/]+{_TAG}", is_required=False),
)
_ROCBLAS = re.compile(r"(?:.*/)?rocblas/library/[^/]+", re.ASCII)
_CUDA_IN_NAME = re.compile(r"cuda(\d{3})", re.ASCII)


@dataclass(frozen=True, slots=True)
class LibraryKernels:
    """What a library has code for, in the form of `kernel_architectures`, and the files that say so."""

    library: str
    architectures: tuple[str, ...]
    sources: Sequence[str]
    is_required: bool


def gpu_libraries(image: ImageFiles, framework_cuda: str | None = None) -> Sequence[LibraryKernels]:
    """Gives the libraries of the image that have GPU code. Of files for one CUDA each, those for the framework's count."""
    return [*_by_file(image, framework_cuda), *_rocblas(image)]


def _by_file(image: ImageFiles, framework_cuda: str | None) -> Iterator[LibraryKernels]:
    with_code = {path: finding for path, finding in image.files.items() if "targets" in finding or "gfx" in finding}
    for library in LIBRARIES:
        paths = [path for path in sorted(with_code) if library.files.fullmatch(path)]
        paths = _for_cuda(paths, framework_cuda) or paths
        nvidia = {path: _contents(with_code[path]) for path in paths}
        amd = Counter[str]()
        for path in paths:
            amd.update(with_code[path].get("gfx", {}))
        architectures = (*library_kernels(nvidia), *_frequent(amd))[:_MOST_ARCHITECTURES]
        if architectures:
            yield LibraryKernels(library.name, architectures, paths, library.is_required)


def _contents(finding: Finding) -> FatbinContents:
    return FatbinContents(finding.get("targets", {}), finding.get("containers", 0), finding.get("malformed", 0))


def _frequent(targets: Mapping[str, int]) -> list[str]:
    most = max(targets.values(), default=0)
    return sorted(target for target, count in targets.items() if count >= _LEAST_SHARE_OF_BUNDLES * most)


def _for_cuda(paths: Sequence[str], framework_cuda: str | None) -> list[str]:
    """The files whose name has the framework's CUDA: `libbitsandbytes_cuda124.so`."""
    digits = (framework_cuda or "").replace(".", "")[:3]
    return [path for path in paths if (match := _CUDA_IN_NAME.search(path.rpartition("/")[2])) and match[1] == digits]


def _rocblas(image: ImageFiles) -> Iterator[LibraryKernels]:
    """The kernels of rocBLAS, which are files with the target in their name."""
    paths = [path for path, _ in image.of_kind("amdgpu") if _ROCBLAS.fullmatch(path)]
    targets = {match[0]: path for path in paths if (match := _GFX_IN_NAME.search(path.rpartition("/")[2]))}
    if targets:
        yield LibraryKernels(
            "rocblas",
            tuple(sorted(targets))[:_MOST_ARCHITECTURES],
            [targets[target] for target in sorted(targets)],
            True,
        )
