"""Which of the targets in a library's fat binaries are its kernels; the counts are those of wheels."""

import pytest

from bayplan.scan.fatbin import FatbinContents
from bayplan.scan.library_kernels import library_kernels, main_file

TORCH_2_14 = {
    "torch/lib/libtorch_cuda.so": FatbinContents(
        {"sm_75": 475, "sm_80": 475, "sm_86": 475, "sm_89": 1, "sm_90": 475, "sm_90a": 4, "sm_100": 475, "sm_100a": 59,
         "sm_103f": 59, "sm_120": 475, "sm_120a": 1, "sm_121a": 1}, 475
    ),
    "torch/lib/libtorch_nvshmem.so": FatbinContents({"compute_120": 2, "sm_75": 4, "sm_89": 2, "sm_120": 4}, 4),
}  # fmt: skip
TORCH_2_10 = {
    "torch/lib/libtorch_cuda.so": FatbinContents(
        {"sm_70": 456, "sm_75": 456, "sm_80": 456, "sm_86": 456, "sm_89": 1, "sm_90": 456, "sm_90a": 4, "sm_100": 456,
         "sm_100a": 60, "sm_120": 456, "sm_120a": 1}, 456
    ),
    "torch/lib/libtorch_cuda_linalg.so": FatbinContents(
        {"sm_50": 107, "sm_60": 107, "sm_70": 107, "sm_80": 107, "sm_86": 107, "sm_90": 107, "sm_100": 107, "sm_120": 107},
        107,
    ),
}  # fmt: skip
TENSORFLOW_2_15 = {
    "tensorflow/libtensorflow_cc.so.2": FatbinContents(
        {"sm_50": 1396, "sm_60": 1396, "sm_70": 1396, "sm_75": 1396, "compute_80": 1757, "sm_80": 247}, 1758
    )
}
TORCH_1_13 = {
    "torch/lib/libtorch_cuda_cu.so": FatbinContents(
        {"sm_35": 50, "sm_37": 221, "sm_50": 271, "sm_60": 271, "sm_70": 274, "sm_75": 275, "sm_80": 287, "sm_86": 279},
        302,
    )
}
VLLM_0_33 = {
    "vllm/_C_stable_libtorch.abi3.so": FatbinContents(
        {"sm_75": 63, "compute_80": 20, "sm_80": 73, "sm_86": 51, "sm_89": 58, "compute_90": 8, "sm_90": 58, "sm_90a": 27,
         "sm_100": 50, "sm_100f": 23, "sm_120": 51, "sm_120f": 33}, 124
    ),
    "vllm/vllm_flash_attn/_vllm_fa3_C.abi3.so": FatbinContents({"sm_90a": 192}, 192),
    "vllm/vllm_flash_attn/_vllm_fa2_C.abi3.so": FatbinContents({"compute_80": 76, "sm_80": 76}, 76),
}  # fmt: skip
VLLM_WITH_LARGE_ATTENTION = {
    "vllm/_C.abi3.so": FatbinContents(
        {"sm_70": 60, "sm_75": 70, "sm_80": 90, "sm_90": 60, "sm_100": 25, "sm_120": 60}, 120
    ),
    "vllm/vllm_flash_attn/_vllm_fa3_C.abi3.so": FatbinContents({"sm_80": 200, "sm_90a": 220}, 420),
}
XFORMERS = {"xformers/_C.so": FatbinContents({"sm_75": 11, "compute_80": 11, "sm_80": 11, "sm_90a": 11}, 11)}


@pytest.mark.parametrize(
    ("files", "kernels"),
    [
        (TORCH_2_14, "7.5 8.0 8.6 9.0 10.0 12.0"),
        (TORCH_2_10, "7.0 7.5 8.0 8.6 9.0 10.0 12.0"),
        (TENSORFLOW_2_15, "5.0 6.0 7.0 7.5 8.0+PTX"),
        (TORCH_1_13, "3.7 5.0 6.0 7.0 7.5 8.0 8.6"),
        (VLLM_0_33, "7.5 8.0 8.6 8.9 9.0 10.0 12.0"),
        (VLLM_WITH_LARGE_ATTENTION, "7.0 7.5 8.0 9.0 10.0 12.0"),
        (XFORMERS, "7.5 8.0+PTX 9.0a"),
        ({"a.so": FatbinContents({"compute_70": 3}, 3)}, "compute_70"),
        ({"a.so": FatbinContents({"sm_90": 3, "sm_103a": 3}, 3)}, "9.0 10.3a"),
        ({"a.so": FatbinContents({}, 0)}, ""),
        ({}, ""),
    ],
)
def test_the_kernels_of_a_library(files: dict[str, FatbinContents], kernels: str) -> None:
    assert " ".join(library_kernels(files)) == kernels


def test_the_large_file_that_is_for_many_gpus_decides() -> None:
    assert main_file(VLLM_0_33) == "vllm/_C_stable_libtorch.abi3.so"
    assert main_file({"b.so": FatbinContents({"sm_90a": 2}, 2), "a.so": FatbinContents({"sm_90a": 1}, 1)}) == "b.so"
