"""Facts of an image from its files. Pure: what a scan found goes in, facts with their source come out. What no file says stays out.

Facts have the form of inspections: {name: {"value", "source", "certainty"}}; `stated` where a file says so in so many words, `derived`
where it is worked out. `FACT_READERS` is the table of who reads which.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from bayplan.scan.compat import CompatFiles, compat_activation, compat_files
from bayplan.scan.image import ImageFiles
from bayplan.scan.libraries import LibraryKernels, gpu_libraries
from bayplan.scan.packages import Package, by_name, packages
from bayplan.scan.probes import Finding

_MOST_TEXT = 2_000
_RELEASE = re.compile(r"(\d{1,3}\.\d{1,3}(?:\.\d{1,5})?)(?:\D.*)?", re.ASCII)
_ROCM_RELEASE = re.compile(r"(\d{1,3}\.\d{1,3}(?:\.\d{1,3})?)(?!\d)", re.ASCII)
_CONDA_CUDA = re.compile(r"(?:.*_)?cuda_?(\d{1,3}\.\d{1,2})(?:_.*)?", re.ASCII)
_JAX_PLUGIN = re.compile(r"jax_cuda(\d{2})_(?:plugin|pjrt)", re.ASCII)
_CUDART_PACKAGE = re.compile(r"cuda_cudart_(\d{1,3})_(\d{1,3})", re.ASCII)
_CUDART_FILE = re.compile(r"usr/local/cuda-(\d{1,3}\.\d{1,2})/.*libcudart\.so\.[\d.]+", re.ASCII)
_LIBRARY_FILE = re.compile(r"(?:.*/)?lib(cudnn|nccl)\.so\.(\d{1,3}(?:\.\d{1,5}){1,3})", re.ASCII)
_PYTHON = re.compile(r".*/python(3\.\d{1,2})/(?:site|dist)-packages/.*", re.ASCII)
_DEBIAN_VERSION = re.compile(r"(?:\d+:)?(\d+(?:\.\d+)+)(?:-[^+]+)?(?:\+.*)?", re.ASCII)
_TRITON_COMPILER = re.compile(r"(?:.*/)?triton/.*bin/ptxas[^/]*", re.ASCII)
_OTHER_COMPILER = re.compile(r"(?:.*/)?(?:nvidia/(?:cuda_nvcc|cu\d\d)/bin|usr/local/cuda[^/]*/bin)/ptxas", re.ASCII)

FRAMEWORKS: Mapping[str, str] = {
    "vllm": "vLLM",
    "sglang": "SGLang",
    "tensorrt_llm": "TensorRT-LLM",
    "torch": "PyTorch",
    "tensorflow": "TensorFlow",
    "tensorflow_gpu": "TensorFlow",
    "tensorflow_cpu": "TensorFlow",
    "tensorflow_rocm": "TensorFlow",
    "jax": "JAX",
    "paddlepaddle_gpu": "PaddlePaddle",
    "mindspore": "MindSpore",
    "mxnet": "MXNet",
}
"""The frameworks by package. The first three are built on torch, and go before it."""
_ON_TORCH = ("vllm", "sglang", "tensorrt_llm")
# Their kernels are Triton's (vLLM: its V1 engine, the default from 0.8 on), which compiles machine code with a ptxas of its own.
_WITH_TRITON = ("vllm", "sglang")


@dataclass(frozen=True, slots=True)
class FileFact:
    """A fact, the file that says so, and its certainty."""

    value: Any
    source: str
    certainty: Literal["stated", "derived"] = "stated"

    def document(self) -> dict[str, Any]:
        """Gives it in the form of inspections."""
        return {"value": self.value, "source": self.source[:1_000], "certainty": self.certainty}


@dataclass(frozen=True)
class ScannedImage:
    """The files of an image, and the variables of its configuration, None where that is not at hand."""

    image: ImageFiles
    environment: Mapping[str, str] | None = None

    @cached_property
    def packages(self) -> Sequence[Package]:
        """The packages that matter."""
        return packages(self.image)

    @cached_property
    def by_name(self) -> Mapping[str, Package]:
        """The packages of which there is one version."""
        return by_name(self.packages)

    @cached_property
    def torch_build(self) -> tuple[str, Mapping[str, str]] | None:
        """The path of torch's version.py and its values; None for none, or for several torches."""
        builds = self.builds("torch/version.py")
        return builds[0] if len(builds) == 1 else None

    @cached_property
    def framework_cuda(self) -> FileFact | None:
        """The CUDA of the framework's build."""
        return next(iter(_framework_cuda(self)), None)

    @cached_property
    def kernels(self) -> Sequence[LibraryKernels]:
        """The libraries with GPU code."""
        return gpu_libraries(self.image, self.framework_cuda.value if self.framework_cuda else None)

    @cached_property
    def compat(self) -> CompatFiles | None:
        """The forward-compatibility libraries."""
        return compat_files(self.image)

    def builds(self, name: str) -> Sequence[tuple[str, Mapping[str, str]]]:
        """Gives the files of that name that say how a framework was built, with their values."""
        return [(path, finding["values"]) for path, finding in self.image.of_kind("build") if path.endswith(name)]


def image_facts(image: ImageFiles, environment: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Gives the facts of an image's files, by name."""
    scan = ScannedImage(image, environment)
    facts = {name: next(iter(read(scan)), None) for name, read in FACT_READERS.items()}
    return {name: fact.document() for name, fact in facts.items() if fact is not None}


def image_packages(image: ImageFiles) -> list[dict[str, str]]:
    """Gives the packages that matter, with version and source."""
    return [
        {"name": package.name, "version": package.version, "source": package.source[:1_000]}
        for package in packages(image)
    ]


def _accelerator(scan: ScannedImage) -> Iterator[FileFact]:
    build = scan.torch_build
    if package := scan.by_name.get("torch_npu"):
        yield FileFact("ascend", package.source, "derived")
    if build is not None:
        path, values = build
        if values.get("hip"):
            yield FileFact("rocm", path)
        if values.get("cuda"):
            yield FileFact("cuda", path)
    is_nvidia, is_amd = (
        next((path for path, finding in sorted(scan.image.files.items()) if finding.get(key)), None)
        for key in ("targets", "gfx")
    )
    rocm = next((path for path, _ in scan.image.of_kind("rocm")), None)
    if (is_amd or rocm) and not is_nvidia:
        yield FileFact("rocm", is_amd or rocm or "", "derived")
    if is_nvidia and not (is_amd or rocm):
        yield FileFact("cuda", is_nvidia, "derived")


def _rocm_version(scan: ScannedImage) -> Iterator[FileFact]:
    versions = {
        match[1]: path
        for path, finding in scan.image.of_kind("rocm")
        if (match := _ROCM_RELEASE.match(str(finding["text"]).strip()))
    }
    if len(versions) == 1:
        yield from (FileFact(version, path) for version, path in versions.items())
    elif not versions and scan.torch_build is not None:
        path, values = scan.torch_build
        if match := re.match(r"\d{1,2}\.\d{1,2}", values.get("hip", "")):
            yield FileFact(match[0], path, "derived")


def _cuda_version(scan: ScannedImage) -> Iterator[FileFact]:
    """The CUDA of the base: of the toolkit that /usr/local/cuda leads to, else of the runtime's package, else of its folder."""
    toolkits = [
        (path, finding["versions"]) for path, finding in scan.image.of_kind("toolkit") if "cuda" in finding["versions"]
    ]
    current = scan.image.resolve("usr/local/cuda")
    chosen = [(path, versions) for path, versions in toolkits if path.startswith(f"{current}/")] or toolkits
    releases = {str(versions["cuda"]): path for path, versions in chosen}
    if len(releases) == 1:
        yield from (FileFact(release, path) for release, path in releases.items() if _RELEASE.fullmatch(release))
    runtime = {
        f"{match[1]}.{match[2]}": package
        for package in scan.packages
        if (match := _CUDART_PACKAGE.fullmatch(package.name))
    }
    if not releases and len(runtime) == 1:
        yield from (FileFact(release, package.source, "derived") for release, package in runtime.items())
    folders = {match[1]: path for path, _ in scan.image.of_kind("library") if (match := _CUDART_FILE.fullmatch(path))}
    if not releases and not runtime and len(folders) == 1:
        yield from (FileFact(release, path, "derived") for release, path in folders.items())


def _version_of(name: str, packaged: re.Pattern[str]) -> Callable[[ScannedImage], Iterator[FileFact]]:
    """Gives a reader of the version of cuDNN or NCCL: of its package in the system, else of its file, else of its wheel."""

    def read(scan: ScannedImage) -> Iterator[FileFact]:
        listed = [package for package in scan.packages if packaged.fullmatch(package.name)]
        system = [package for package in listed if package.source.startswith("var/lib/dpkg/")]
        for group in (system, listed):
            versions = {match[1]: package for package in group if (match := _DEBIAN_VERSION.fullmatch(package.version))}
            if len(versions) == 1:
                yield from (FileFact(version, package.source) for version, package in versions.items())
        matches = [match for path, _ in scan.image.of_kind("library") if (match := _LIBRARY_FILE.fullmatch(path))]
        files = {match[2]: match[0] for match in matches if match[1] == name}
        if len(files) == 1:
            yield from (FileFact(version, path, "derived") for version, path in files.items())

    return read


def _framework_package(scan: ScannedImage) -> Package | None:
    """The package of the image's framework; None where it has several that are not built on one another."""
    present = [scan.by_name[name] for name in FRAMEWORKS if name in scan.by_name]
    if any(package.name in _ON_TORCH for package in present):
        present = [package for package in present if package.name != "torch"]
    return present[0] if len(present) == 1 else None


def _framework(scan: ScannedImage) -> Iterator[FileFact]:
    if package := _framework_package(scan):
        yield FileFact(FRAMEWORKS[package.name], package.source, "derived")


def _framework_version(scan: ScannedImage) -> Iterator[FileFact]:
    package = _framework_package(scan)
    if package is None:
        return
    if package.name == "torch" and scan.torch_build is not None:
        path, values = scan.torch_build
        if values.get("__version__", "").partition("+")[0] == package.version.partition("+")[0]:
            yield FileFact(values["__version__"], path)
    yield FileFact(package.version, package.source)


def _framework_cuda(scan: ScannedImage) -> Iterator[FileFact]:
    """In the words of the framework's own build, else of the version's label, else of conda's build."""
    torch = scan.by_name.get("torch")
    if scan.torch_build is not None:
        path, values = scan.torch_build
        if match := _RELEASE.fullmatch(values.get("cuda", "")):
            yield FileFact(match[1], path)
    if torch is not None and torch.cuda:
        yield FileFact(torch.cuda, torch.source, "derived")
    conda = scan.by_name.get("pytorch")
    if conda is not None and (match := _CONDA_CUDA.fullmatch(conda.build)):
        yield FileFact(match[1], conda.source, "derived")
    if torch is not None or conda is not None or scan.torch_build is not None:
        return  # what follows is of other frameworks
    for name in ("build_info.py", "build_and_package_info.py"):
        for path, values in scan.builds(name):
            if match := _RELEASE.fullmatch(values.get("cuda_version", "")):
                yield FileFact(match[1], path)
    for package in scan.packages:
        if match := _JAX_PLUGIN.fullmatch(package.name):
            yield FileFact(match[1], package.source, "derived")


def _kernels(scan: ScannedImage) -> Iterator[FileFact]:
    required = [library for library in scan.kernels if library.is_required]
    if required:
        yield FileFact({library.library: list(library.architectures) for library in required}, _sources(required))


def _extension_kernels(scan: ScannedImage) -> Iterator[FileFact]:
    """As a text for people: no rule reads it."""
    extensions = [library for library in scan.kernels if not library.is_required]
    if extensions:
        lists = (f"{library.library}: {' '.join(library.architectures)}" for library in extensions)
        yield FileFact("; ".join(lists)[:_MOST_TEXT], _sources(extensions))


def _sources(libraries: Sequence[LibraryKernels]) -> str:
    return ", ".join(library.sources[0] for library in libraries)


def _compat_package(scan: ScannedImage) -> Iterator[FileFact]:
    if scan.compat is not None:
        yield FileFact({"cuda": scan.compat.cuda, "driver": scan.compat.driver}, scan.compat.path)


def _compat_activation(scan: ScannedImage) -> Iterator[FileFact]:
    if scan.compat is not None and (activation := compat_activation(scan.image, scan.compat, scan.environment)):
        yield FileFact(*activation, "derived")


def _compilers(scan: ScannedImage) -> tuple[list[tuple[str, Finding]], list[tuple[str, Finding]]]:
    """The compilers of Triton, and the others."""
    known = [(path, finding) for path, finding in scan.image.of_kind("compiler") if "release" in finding]
    return [entry for entry in known if _TRITON_COMPILER.fullmatch(entry[0])], [
        entry for entry in known if _OTHER_COMPILER.fullmatch(entry[0])
    ]


def _compiler_cuda(scan: ScannedImage) -> Iterator[FileFact]:
    """The newest of Triton's (3.3 and later have `ptxas-blackwell` for newer GPUs); XLA's, or the toolkit's, where there is no Triton."""
    triton, others = _compilers(scan)
    chosen = triton or others
    if chosen:
        path, finding = max(chosen, key=lambda entry: tuple(int(part) for part in entry[1]["release"].split(".")))
        yield FileFact(finding["release"], path)


def _compiles_at_runtime(scan: ScannedImage) -> Iterator[FileFact]:
    """Only where the image's own purpose compiles always; torch compiles where it is asked to."""
    if any(name in scan.by_name for name in _WITH_TRITON) and _compilers(scan)[0] and _is_compiling_vllm(scan):
        yield FileFact("cubin", _compilers(scan)[0][0][0], "derived")
    plugin = next((package for package in scan.packages if _JAX_PLUGIN.fullmatch(package.name)), None)
    if plugin is not None and "torch" not in scan.by_name:
        yield FileFact("cubin", plugin.source, "derived")


def _is_compiling_vllm(scan: ScannedImage) -> bool:
    package = scan.by_name.get("vllm")
    match = re.match(r"0\.(\d{1,3})\D", f"{package.version}." if package else "")
    return match is None or int(match[1]) >= 8


def _python_version(scan: ScannedImage) -> Iterator[FileFact]:
    package = _framework_package(scan)
    if package is not None and (match := _PYTHON.fullmatch(f"/{package.source}")):
        yield FileFact(match[1], package.source, "derived")


FACT_READERS: Mapping[str, Callable[[ScannedImage], Iterator[FileFact]]] = {
    "accelerator": _accelerator,
    "rocm_version": _rocm_version,
    "cuda_version": _cuda_version,
    "cudnn_version": _version_of("cudnn", re.compile(r"libcudnn\d+(?:_cuda_\d+)?|nvidia_cudnn_cu\d+")),
    "nccl_version": _version_of("nccl", re.compile(r"libnccl2|nvidia_nccl_cu\d+")),
    "framework": _framework,
    "framework_version": _framework_version,
    "framework_cuda": _framework_cuda,
    "kernel_architectures": _kernels,
    "extension_kernels": _extension_kernels,
    "compat_package": _compat_package,
    "compat_activation": _compat_activation,
    "compiler_cuda": _compiler_cuda,
    "compiles_at_runtime": _compiles_at_runtime,
    "python_version": _python_version,
}
"""Which function reads which fact; the first that each gives counts."""
