"""What is read of nvidia-smi's texts: layouts of drivers from 390 to 610, as they are found in reports, and texts that are none."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.domain.nvidia_smi import read
from bayplan.domain.nvidia_smi_forms import decoded
from bayplan.errors import Invalid
from tests.agent.documents import A6000, H100, log

MIB = 1024**2

R390 = """\
Thu Nov 15 10:11:12 2018
+-----------------------------------------------------------------------------+
| NVIDIA-SMI 390.87                 Driver Version: 390.87                    |
|-------------------------------+----------------------+----------------------+
| GPU  Name        Persistence-M| Bus-Id        Disp.A | Volatile Uncorr. ECC |
| Fan  Temp  Perf  Pwr:Usage/Cap|         Memory-Usage | GPU-Util  Compute M. |
|===============================+======================+======================|
|   0  GeForce GTX 108...  Off  | 00000000:01:00.0  On |                  N/A |
| 23%   37C    P8    11W / 250W |    245MiB / 11175MiB |      0%      Default |
+-------------------------------+----------------------+----------------------+
|   1  Tesla K80           Off  | 00000000:02:00.0 Off |                    0 |
| N/A   37C    P8    26W / 149W |      0MiB / 11441MiB |      0%      Default |
+-------------------------------+----------------------+----------------------+

+-----------------------------------------------------------------------------+
| Processes:                                                       GPU Memory |
|  GPU       PID   Type   Process name                             Usage      |
|=============================================================================|
|    0      1234      G   /usr/lib/xorg/Xorg                           200MiB |
+-----------------------------------------------------------------------------+
"""
R450_MIG = """\
| NVIDIA-SMI 450.80.02    Driver Version: 450.80.02    CUDA Version: 11.0     |
|   6  A100-SXM4-40GB      Off  | 00000000:D6:00.0 Off |                   On |
| N/A   30C    P0    43W / 400W |      0MiB / 40537MiB |     N/A      Default |
|                               |                      |              Enabled |
|   7  A100-SXM4-40GB      Off  | 00000000:DA:00.0 Off |                   On |
| N/A   32C    P0    45W / 400W |      3MiB / 40537MiB |     N/A      Default |
|                               |                      |              Enabled |
+-----------------------------------------------------------------------------+
| MIG devices:                                                                |
+------------------+----------------------+-----------+-----------------------+
| GPU  GI  CI  MIG |         Memory-Usage |        Vol|         Shared        |
|      ID  ID  Dev |           BAR1-Usage | SM     Unc| CE  ENC  DEC  OFA  JPG|
|==================+======================+===========+=======================|
|  7   13   0   0  |      3MiB /  4864MiB | 14      0 |  1   0    0    0    0 |
|                  |      0MiB /  8191MiB |           |                       |
|  7    2   0   1  |      3MiB / 20096MiB | 42      0 |  3   0    2    0    0 |
"""
WINDOWS = """\
| NVIDIA-SMI 546.33                 Driver Version: 546.33       CUDA Version: 12.3     |
| GPU  Name                     TCC/WDDM  | Bus-Id        Disp.A | Volatile Uncorr. ECC |
|   0  NVIDIA GeForce RTX 40...     WDDM  | 00000000:01:00.0  On |                  N/A |
| N/A   37C    P8              11W / 250W |    245MiB / {size}MiB |      0%      Default |
"""
WSL = """\
| NVIDIA-SMI 545.23.05              Driver Version: 545.84       CUDA Version: 12.3     |
|   0  NVIDIA RTX A5000               On  | 00000000:01:00.0 Off |                  Off |
| 30%   37C    P8              11W / 230W |    245MiB / 24564MiB |      0%      Default |
"""
R610 = """\
slavik@box:~$ nvidia-smi
| NVIDIA-SMI 610.43.02              KMD Version: 610.43.02     CUDA UMD Version: 13.3     |
|   0  NVIDIA GeForce RTX 5090        On  |   00000000:01:00.0 Off |                  N/A |
|  0%   32C    P8             11W /  575W |       1MiB /  32607MiB |      0%      Default |
|                                         |                        |                  N/A |
"""
JETSON = """\
| NVIDIA-SMI 540.3.0                Driver Version: N/A          CUDA Version: 12.2     |
|   0  Orin (nvgpu)                  N/A  | N/A              N/A |                  N/A |
| N/A   N/A  N/A               N/A /  N/A | Not Supported        |     N/A          N/A |
"""
QUERY = """\
==============NVSMI LOG==============

Timestamp                                 : Mon Nov 23 10:00:00 2026
Driver Version                            : 535.104.05
CUDA Version                              : 12.2

Attached GPUs                             : 1
GPU 00000000:17:00.0
    Product Name                          : NVIDIA A100-SXM4-80GB
    Product Brand                         : NVIDIA
    MIG Mode
        Current                           : Enabled
        Pending                           : Enabled
    MIG Device
        Index                             : 0
        GPU Instance ID                   : 3
        FB Memory Usage
            Total                         : 19968 MiB
    MIG Device
        Index                             : 1
        FB Memory Usage
            Total                         : 9856 MiB
    GPU Virtualization Mode
        Virtualization Mode               : None
    FB Memory Usage
        Total                             : 81920 MiB
        Used                              : 100 MiB
"""


def facts(text: str) -> list[dict[str, Any]]:
    return [gpu.facts for gpu in read(text).gpus]


def brief(text: str) -> list[tuple[Any, ...]]:
    names = ("gpu_name", "driver_version", "driver_cuda_version", "compute_capability", "gpu_mem")
    return [tuple(gpu.get(name) for name in names) for gpu in facts(text)]


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        (
            R390,
            [
                ("GeForce GTX 1080 Ti", "390.87", None, "6.1", 11175 * MIB),
                ("Tesla K80", "390.87", None, "3.7", 11441 * MIB),
            ],
        ),
        (WSL, [("NVIDIA RTX A5000", "545.84", "12.3", "8.6", 24564 * MIB)]),
        (R610, [("NVIDIA GeForce RTX 5090", "610.43.02", "13.3", "12.0", 32607 * MIB)]),
        (JETSON, [("Orin (nvgpu)", "540.3.0", "12.2", "8.7", None)]),
        (WINDOWS.format(size=24564), [("NVIDIA GeForce RTX 4090", "546.33", "12.3", "8.9", 24564 * MIB)]),
        (
            log("580.95.05", A6000, H100),
            [
                ("NVIDIA RTX A6000", "580.95.05", "13.0", "8.6", 49140 * MIB),
                ("NVIDIA H100 80GB HBM3", "580.95.05", "13.0", "9.0", 81559 * MIB),
            ],
        ),
    ],
    ids=["390", "wsl", "610", "jetson", "windows", "xml"],
)
def test_the_layouts(text: str, gpus: list[tuple[Any, ...]]) -> None:
    assert brief(text) == gpus


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\n".join(f"    > {line}" for line in text.splitlines()),
        lambda text: f"Here it is:\n```\n{text}```\nThanks!",
        lambda text: text.replace("NVIDIA-SMI", "\x1b[31mNVIDIA-SMI\x1b[0m"),
        lambda text: text.replace("  ", " \u00a0"),
        lambda text: " ".join(text.split()),
        lambda text: "\n".join(f"train-1  | {line}" for line in text.splitlines()),
        lambda text: decoded(text.encode("utf-16")),
        lambda text: text + "GPU 0: NVIDIA GeForce RTX 5090 (UUID: GPU-1)\n",
    ],
    ids=["crlf", "quoted", "fenced", "colours", "spaces", "one line", "compose", "utf-16", "with -L"],
)
def test_how_a_text_is_pasted_does_not_matter(damage: Any) -> None:
    assert brief(damage(R610)) == brief(R610)


def test_a_cut_name_that_the_memory_does_not_decide_is_left_open() -> None:
    printed = read(WINDOWS.format(size=8188))
    assert "may be RTX 4060, RTX 4060 Ti, RTX 4070." in printed.notes[0]
    assert printed.gpus[0].facts["compute_capability"] == "8.9"  # of each of them
    whole = read(WINDOWS.format(size=8188) + "GPU 0: NVIDIA GeForce RTX 4060 Ti (UUID: GPU-1)\n")
    assert (whole.gpus[0].facts["gpu_name"], whole.notes) == ("NVIDIA GeForce RTX 4060 Ti", ())


def test_slices() -> None:
    printed = read(R450_MIG)
    assert [(gpu.index, gpu.facts["gpu_mem"] // MIB) for gpu in printed.gpus] == [(6, 40537), (7, 4864), (7, 20096)]
    assert printed.notes == (
        ("GPU 6 has MIG switched on, and the text has no slice of it. The verdict is for the whole GPU."),
    )
    listed = R450_MIG + (
        "GPU 7: A100-SXM4-40GB (UUID: GPU-5)\n  MIG 1g.5gb     Device  0: (UUID: MIG-1)\n"
        "  MIG 3g.20gb     Device  1: (UUID: MIG-2)\n"
    )
    assert [gpu.get("mig_profile") for gpu in facts(listed)] == [None, "1g.5gb", "3g.20gb"]
    assert [gpu["gpu_mem"] // MIB for gpu in facts(QUERY)] == [19968, 9856]
    assert {gpu["gpu_name"] for gpu in facts(QUERY)} == {"NVIDIA A100-SXM4-80GB"}


@pytest.mark.parametrize(
    "text",
    [
        "name, driver_version, memory.total [MiB], compute_cap\nNVIDIA A10G, 535.104.05, 23028 MiB, 8.6\n",
        (
            "compute_cap, memory.used [MiB], memory.total [MiB], name, driver_version, pstate\n"
            "8.6, 1 MiB, 23028 MiB, NVIDIA A10G, 535.104.05, P0\n"
        ),
        "NVIDIA A10G, 535.104.05, 23028 MiB, 8.6\n",
        "535.104.05,8.6,23028,NVIDIA A10G,P0,00000000:00:1E.0,GPU-0123-4\n",
        "0, NVIDIA A10G, 535.104.05, 1, 23028, 8.6, [N/A], Enabled\n",
        (
            "$ nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv\n"
            "name, driver_version, memory.total [MiB]\nNVIDIA A10G, 535.104.05, 23028 MiB\n"
        ),
    ],
)
def test_csv(text: str) -> None:
    assert brief(text) == [("NVIDIA A10G", "535.104.05", None, "8.6", 23028 * MIB)]


def test_names_alone() -> None:
    assert [gpu["compute_capability"] for gpu in facts("NVIDIA A100-SXM4-80GB\nTesla T4\n")] == ["8.0", "7.5"]


def test_the_same_machine_twice_is_one() -> None:
    assert brief(R610 + R610) == brief(R610)
    assert brief(WSL + "GPU 0: NVIDIA RTX A5000 (UUID: GPU-1)\n" + "Guest Driver Version : 535.104.05\n") == brief(WSL)


def test_csv_of_several_gpus() -> None:
    text = "index, name, driver_version\n0, Tesla T4, 535.104.05\n3, NVIDIA L4, 535.104.05\n"
    assert [(gpu.index, gpu.facts["gpu_name"]) for gpu in read(text).gpus] == [(0, "Tesla T4"), (3, "NVIDIA L4")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The input is empty"),
        ("  \n", "The input is empty"),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "The driver does not run"),
        ("Failed to initialize NVML: Driver/library version mismatch", "restart it"),
        ("No devices were found", "has no GPU"),
        ("bash: nvidia-smi: command not found", "not installed"),
        ("'nvidia-smi' is not recognized as an internal or external command,", "not installed"),
        ('Field "compute_cap" is not a valid field to query.', "Ask for fields"),
        ("| NVIDIA-SMI 550.54.15    Driver Version: 550.54.15    CUDA Version: 12.4     |", "no GPU in it"),
        ("NVIDIA-SMI version  : 550.54.15\nDRIVER version      : 550.54.15\n", "no GPU in it"),
        (WSL + R390, "several machines, with the driver 390.87 and the driver 545.84"),
        (R610 + R610.replace("5090", "5080"), "as GPU 0 NVIDIA GeForce RTX 5090 and NVIDIA GeForce RTX 5080"),
        ("Tesla T4, 535.104.05\nTesla T4, 550.54.15\n", "several machines"),
        (
            "name, driver_version\nTesla T4, 535.104.05\nname, driver_version\nNVIDIA L4, 535.104.05\n",
            "several machines",
        ),
        ("Dear all, it does not work, help, please", "is not what nvidia-smi prints"),
    ],
)
def test_what_is_no_answer_says_why(text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        read(text)


@settings(max_examples=60)
@given(
    st.sampled_from([R390, R450_MIG, R610, QUERY, log("580.95.05", A6000)]), st.integers(0, 400), st.text(max_size=20)
)
def test_no_text_breaks_it(text: str, at: int, noise: str) -> None:
    for damaged in (text[:at] + noise + text[at:], text[at:], noise):
        with contextlib.suppress(Invalid):
            read(damaged)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "x" * 10**6,
        "| 0 " + " " * 10**6,
        "GPU 1: " * 150_000,
        "|0 a" * 250_000,
        "1 MiB /" * 140_000,
        "," * 10**6,
        "\n" * 10**6,
    ],
    ids=["letters", "gap", "list", "table", "memory", "csv", "lines"],
)
def test_a_large_text_that_is_none_is_refused_soon(text: str) -> None:
    with pytest.raises(Invalid):
        read(text)
