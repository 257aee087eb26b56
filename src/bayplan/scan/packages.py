"""The packages that a scan found, by one name each, and the tables of which of them matter to facts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bayplan.scan.image import ImageFiles

_CONDA = re.compile(r"(?:.*/)?conda-meta/(?P<name>.+)-(?P<version>[^-]+)-(?P<build>[^-]+)\.json")
_TELLING = re.compile(
    r"torch|torchvision|torchaudio|tensorflow|tensorflow_(?:gpu|cpu|intel|rocm)|jax|jaxlib|jax_(?:cuda|rocm)\d*_(?:plugin|pjrt)|keras"
    r"|triton|pytorch_triton(?:_rocm)?|vllm|sglang|sgl_kernel|lmdeploy|tensorrt\w*|onnxruntime\w*|flash_attn\w*|xformers|cupy\w*|numba\w*"
    r"|nvidia_\w+|cuda_(?:toolkit|bindings|python|core|version|cudart)|pytorch(?:_cuda|_mutex)?|cudatoolkit|cudnn|nccl|bitsandbytes"
    r"|deepspeed|apex|transformer_engine\w*|mamba_ssm|causal_conv1d|torchao|flashinfer\w*|ctranslate2|faster_whisper|mxnet\w*"
    r"|paddlepaddle\w*|mindspore\w*|megatron_core|auto_gptq|autoawq\w*|exllamav\w*|deep_gemm|deep_ep|torch_npu|intel_extension_for_pytorch"
    r"|llama_cpp_python|diffusers|transformers|accelerate|warp_lang|cudf\w*|cuml\w*|xgboost|lightgbm|dgl|torch_geometric|pyg_lib"
    r"|torch_scatter|torch_sparse|spconv\w*|mmcv\w*|detectron2|rocm\w*|amd_smi|aiter|hipblaslt|miopen",
    re.ASCII,
)
_MOST_LETTERS = 200
_LOCAL_CUDA = re.compile(r"cu(\d{2,3})(?:\D.*)?", re.ASCII)
_LOCAL_ROCM = re.compile(r"rocm(\d+(?:\.\d+){1,3}).*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Package:
    """A package: its name in lower case with underscores, its version, the file that says so, and conda's build."""

    name: str
    version: str
    source: str
    build: str = ""

    @property
    def local(self) -> str:
        """The local label of the version, "cu124" of "2.6.0+cu124"."""
        return self.version.partition("+")[2]

    @property
    def cuda(self) -> str | None:
        """The CUDA release that the local label names: "12.4" of "cu124"."""
        match = _LOCAL_CUDA.fullmatch(self.local)
        return f"{match[1][:-1]}.{match[1][-1]}" if match else None

    @property
    def rocm(self) -> str | None:
        """The ROCm release that the local label names."""
        match = _LOCAL_ROCM.fullmatch(self.local)
        return match[1] if match else None


def normalized(name: str) -> str:
    """A package's name in lower case with underscores."""
    return re.sub(r"[-_.]+", "_", name).lower()


def packages(image: ImageFiles) -> Sequence[Package]:
    """Gives the packages that matter, each with its version, sorted by name; of one name in several places all versions."""
    listed = {
        (package.name, package.version): package
        for package in _all(image)
        if max(len(package.name), len(package.version)) <= _MOST_LETTERS
    }
    return [listed[key] for key in sorted(listed)]


def by_name(listed: Sequence[Package]) -> Mapping[str, Package]:
    """Gives the packages of which there is one version alone."""
    names = [package.name for package in listed]
    return {package.name: package for package in listed if names.count(package.name) == 1}


def _all(image: ImageFiles) -> Iterator[Package]:
    for path, finding in image.of_kind("python"):
        name = normalized(str(finding["package"]))
        if _TELLING.fullmatch(name):
            yield Package(name, str(finding["version"]), path)
    for path, _ in image.of_kind("conda"):
        if (match := _CONDA.fullmatch(path)) and _TELLING.fullmatch(name := normalized(match["name"])):
            yield Package(name, match["version"], path, match["build"])
    for path, finding in image.of_kind("dpkg"):
        for name, version in finding["dpkg"].items():
            yield Package(normalized(name), str(version), path)
