"""What is read of nvidia-smi's output: documents written from its documented form, for drivers of three branches."""

import pytest

from bayplan.agent import smi
from bayplan.agent.hardware import GpuHardware, Gpus, brand
from bayplan.errors import Invalid
from tests.agent import documents
from tests.agent.documents import A6000, H100, ORIN, RTX5090, T4

MIB = 1024**2


@pytest.mark.parametrize("driver", ["535.104.05", "550.54.15", "580.95.05"])
def test_every_gpu_is_read_in_its_order(driver: str) -> None:
    assert smi.parse(documents.log(driver, A6000, T4, H100, RTX5090)) == Gpus(
        driver,
        (
            GpuHardware(0, "NVIDIA RTX A6000", "NvidiaRTX", 49140 * MIB),
            GpuHardware(1, "Tesla T4", "Nvidia", 15360 * MIB),
            GpuHardware(2, "NVIDIA H100 80GB HBM3", "Nvidia", 81559 * MIB, fabric_ready=True),
            GpuHardware(3, "NVIDIA GeForce RTX 5090", "GeForce", 32607 * MIB),
        ),
    )


def test_the_memory_is_that_which_nvml_tells_in_bytes() -> None:
    (gpu,) = smi.parse(documents.log("535.104.05", A6000)).gpus
    assert gpu.memory_bytes == 51527024640


def test_what_a_gpu_does_not_tell_stays_open() -> None:
    (gpu,) = smi.parse(documents.log("540.3.0", ORIN)).gpus
    assert gpu == GpuHardware(0, "Orin (nvgpu)")


def test_a_driver_without_gpus() -> None:
    assert smi.parse(documents.log("550.54.15")) == Gpus("550.54.15", ())


@pytest.mark.parametrize(("state", "ready"), [("Completed", True), ("In Progress", False), ("Not Started", False)])
def test_the_state_of_the_fabric(state: str, ready: bool) -> None:
    text = documents.log("570.124.06", H100).replace("<state>Completed<", f"<state>{state}<")
    assert smi.parse(text).gpus[0].fabric_ready is ready


def test_the_drivers_version_where_only_its_new_name_is_left() -> None:
    text = documents.log("580.95.05", T4).replace("\t<driver_version>580.95.05</driver_version>\n", "")
    assert "<driver_version>" not in text
    assert smi.parse(text).driver_version == "580.95.05"


def test_a_lost_gpu_is_an_error_and_not_one_less() -> None:
    text = documents.log("550.54.15", A6000, T4).replace("<product_name>Tesla T4<", "<product_name>GPU is lost<")
    with pytest.raises(Invalid, match="GPU 1 does not answer"):
        smi.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "NVIDIA-SMI has failed", "<html></html>", documents.log("550.54.15", T4)[:-30]],
    ids=["nothing", "words", "another document", "half a document"],
)
def test_what_is_no_log_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="nvidia-smi -q -x"):
        smi.parse(text)


def test_compute_capabilities_are_read_by_index() -> None:
    capabilities = smi.capabilities(documents.capabilities(A6000, T4) + "2, [N/A]\nsomething else\n3, 12.0\n")
    assert capabilities == {0: "8.6", 1: "7.5", 3: "12.0"}
    gpus = smi.with_capabilities(smi.parse(documents.log("550.54.15", A6000, T4, H100)), capabilities)
    assert [gpu.compute_capability for gpu in gpus.gpus] == ["8.6", "7.5", None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NVIDIA RTX", "NvidiaRTX"),
        ("NVML_BRAND_NVIDIA_RTX", "NvidiaRTX"),
        ("GeForce", "GeForce"),
        ("NVML_BRAND_GEFORCE", "GeForce"),
        ("Quadro RTX", "QuadroRTX"),
        ("NVIDIA", "Nvidia"),
        ("Brand New", "Brand New"),
        ("Unknown", None),
        ("NVML_BRAND_UNKNOWN", None),
        ("", None),
    ],
)
def test_both_sources_spell_a_brand_alike(text: str, expected: str | None) -> None:
    assert brand(text) == expected
