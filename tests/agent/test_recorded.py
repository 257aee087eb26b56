"""What drivers of real machines printed: the texts of public recordings of `nvidia-smi -q -x`, and what is read of them.

`recorded.csv` names each recording and has the texts that bayplan reads, as they stand there; the documents around them are
written from the form that the recordings share: which elements there are, and in which order, differs by the driver.
"""

import csv
from pathlib import Path

import pytest

from bayplan.agent import smi
from bayplan.agent.hardware import GpuFault, GpuHardware, Gpus, GpuSlice

ROWS = list(csv.DictReader((Path(__file__).parent / "recorded.csv").read_text().splitlines()))
BRANDS = {
    "Tesla": "Tesla",
    "GeForce": "GeForce",
    "Quadro": "Quadro",
    "NVIDIA": "Nvidia",
    "NVIDIA RTX": "NvidiaRTX",
    "NVIDIA RTX Virtual Workstation": "NvidiaVWS",
}


def element(name: str, *content: str) -> str:
    """An element around others, or around a text."""
    return f"<{name}>{' '.join(content)}</{name}>\n"


def memory(total: str) -> str:
    """Where a GPU and each of its slices say how much memory they have."""
    return element("fb_memory_usage", element("total", total), element("used", "1 MiB"), element("free", "1 MiB"))


def document(row: dict[str, str]) -> str:
    """The log of a machine with that one GPU."""
    branch = int(row["driver"].partition(".")[0])
    slices = [
        element(
            "mig_device",
            element("index", str(index)),
            element("gpu_instance_id", instance),
            element("compute_instance_id", "0"),
            memory(row["slices"].partition(" of ")[2]),
        )
        for index, instance in enumerate(row["instances"].split())
    ]
    doctype = f'<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v{row["document"]}.dtd">\n' if row["document"] else ""
    gpu = [element("product_name", row["name"]), element("product_brand", row["brand"])]
    if branch >= 470:
        gpu.append(element("mig_mode", element("current_mig", "Enabled" if slices else "N/A")))
        gpu.append(element("mig_devices", *slices or ["None"]))
    gpu.append(element("gpu_virtualization_mode", element("virtualization_mode", row["virtualization"])))
    if row["licence"]:
        gpu.append(element("vgpu_software_licensed_product", element("license_status", row["licence"])))
    if row["fabric"]:
        gpu.append(element("fabric", element("state", row["fabric"])))
    gpu += [memory(row["memory"]), element("bar1_memory_usage", element("total", "256 MiB"))]
    head = [element("driver_version", row["driver"])]
    if row["cuda"]:
        head.append(element("cuda_version", row["cuda"]))
    if branch >= 610:
        head.append("<!-- driver_version is deprecated -->\n")
        head.append(element("kmd_version", row["driver"]))
    log = element(
        "nvidia_smi_log", *head, element("attached_gpus", "1"), f'<gpu id="00000000:01:00.0">{"".join(gpu)}</gpu>'
    )
    return f'<?xml version="1.0" ?>\n{doctype}{log}'


@pytest.mark.parametrize("row", ROWS, ids=[row["source"].rpartition(" ")[2] for row in ROWS])
def test_what_a_real_driver_printed_is_read(row: dict[str, str]) -> None:
    gpus = smi.parse(document(row))
    assert (gpus.driver_version, gpus.cuda_version) == (row["driver"], row["cuda"] or None)
    megabytes = int(row["memory"].removesuffix(" MiB"))
    slices = [
        GpuSlice(str(index), int(instance), 0, memory_bytes=19968 * 1024**2)
        for index, instance in enumerate(row["instances"].split())
    ]
    assert gpus.gpus == (
        GpuHardware(
            0,
            row["name"],
            BRANDS[row["brand"]],
            megabytes * 1024**2,
            fabric_ready=True if row["fabric"] == "Completed" else None,
            vgpu_licensed=True if row["licence"] else None,
            slices=tuple(slices) or None,
        ),
    )


@pytest.mark.parametrize("text", ["Insufficient Permissions", "N/A", "Unknown Error"])
def test_memory_that_a_driver_does_not_tell_stays_open(text: str) -> None:
    (gpu,) = smi.parse(document(ROWS[0] | {"memory": text})).gpus
    assert gpu == GpuHardware(0, "Tesla M10", "Tesla")


@pytest.mark.parametrize("field", ["name", "memory", "fabric"])
@pytest.mark.parametrize("text", ["GPU is lost", "GPU is inaccessible"])
def test_a_gpu_that_answers_in_part_is_an_error_and_not_one_that_changed(field: str, text: str) -> None:
    assert smi.parse(document(ROWS[0] | {field: text})) == Gpus("390.94", (), (GpuFault(0, text),))


def test_a_gpu_whose_name_is_an_error_is_one() -> None:
    assert smi.parse(document(ROWS[0] | {"name": "Unknown Error"})).faults == (GpuFault(0, "Unknown Error"),)


@pytest.mark.parametrize(
    ("text", "licensed"),
    [("Unlicensed (Unrestricted)", False), ("Unlicensed (Restricted)", False), ("Licensed", True), ("N/A", None)],
)
def test_the_licence_of_a_virtual_gpu(text: str, licensed: bool | None) -> None:
    """The texts are those of NVIDIA's Virtual GPU Client Licensing User Guide."""
    row = next(row for row in ROWS if row["virtualization"] == "VGPU")
    (gpu,) = smi.parse(document(row | {"licence": text})).gpus
    assert gpu.vgpu_licensed is licensed


def test_a_fabric_that_was_completed_with_an_error_is_not_ready() -> None:
    row = next(row for row in ROWS if row["fabric"] == "Completed")
    text = document(row).replace("</state>", "</state><status>Insufficient Resources</status>")
    assert [gpu.fabric_ready for gpu in smi.parse(text).gpus] == [False]


# DataDog/datadog-agent pull request 33120: an A100 with seven slices, `nvidia-smi -L`; two of them.
LISTED = """GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-7fdaf0a5-179b-f636-d15d-daf243e3ff16)
  MIG 1g.10gb     Device  0: (UUID: MIG-feb88891-0321-5fef-9c87-d4af3b54259e)
  MIG 1g.10gb     Device  1: (UUID: MIG-a25704ba-3a06-5299-a795-fd7cf4d13973)
"""


def test_slices_have_their_uuids_and_profiles_from_the_list() -> None:
    row = next(row for row in ROWS if row["instances"] == "1 2")
    (gpu,) = smi.with_slices(smi.parse(document(row)), LISTED).gpus
    assert gpu.slices == (
        GpuSlice("MIG-feb88891-0321-5fef-9c87-d4af3b54259e", 1, 0, "1g.10gb", 19968 * 1024**2),
        GpuSlice("MIG-a25704ba-3a06-5299-a795-fd7cf4d13973", 2, 0, "1g.10gb", 19968 * 1024**2),
    )
    for listing in ("", "No devices were found\n", LISTED.replace("MIG-", "GPU-"), LISTED.replace("GPU 0", "GPU 1")):
        (gpu,) = smi.with_slices(smi.parse(document(row)), listing).gpus
        assert gpu.slices == ()
