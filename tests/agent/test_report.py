"""The report of a machine, and in words what has changed in it."""

from dataclasses import replace

import pytest

from bayplan.agent import fact_status
from bayplan.agent.hardware import GpuFault, GpuHardware, Gpus, GpuSlice, Machine, machine_as_json, machine_of
from bayplan.agent.machine_fact import absent, measured, unreadable
from bayplan.agent.report import as_before, body, devices_of, differences, times
from bayplan.schemas.workers import JoinRequest

A6000 = GpuHardware(0, "NVIDIA RTX A6000", "NvidiaRTX", 51527024640, "8.6")
T4 = GpuHardware(1, "Tesla T4", "Tesla", 16106127360, "7.5", fabric_ready=None)
MACHINE = Machine("amd64", 270582939648, Gpus("535.104.05", (A6000, T4)))


def test_the_body_is_one_that_the_server_takes() -> None:
    JoinRequest.model_validate(body(MACHINE, "192.0.2.17"))
    JoinRequest.model_validate(body(Machine("arm64", None, Gpus("550.54.15", ())), "gpu1.example.com"))


def test_a_machine_without_gpu_has_no_driver_to_speak_of() -> None:
    report = body(replace(MACHINE, gpus=Gpus("535.104.05")), "192.0.2.17")
    assert (report["driver_version"], report["gpus"]) == (None, [])


def test_a_machine_goes_through_another_process_unchanged() -> None:
    assert machine_of(machine_as_json(MACHINE)) == MACHINE


@pytest.mark.parametrize(
    ("new", "lines"),
    [
        (MACHINE, []),
        (replace(MACHINE, gpus=Gpus("570.86.10", (A6000, T4))), ["driver 535.104.05 is now 570.86.10"]),
        (replace(MACHINE, gpus=Gpus("535.104.05", (A6000,))), ["GPU 1 (Tesla T4) is gone"]),
        (
            replace(MACHINE, gpus=Gpus("535.104.05", (A6000, T4, replace(A6000, index=2)))),
            ["GPU 2 (NVIDIA RTX A6000) is new"],
        ),
        (
            replace(MACHINE, gpus=Gpus("535.104.05", (A6000, replace(T4, compute_capability=None, fabric_ready=True)))),
            ["compute capability of GPU 1 7.5 is now not known", "fabric ready of GPU 1 not known is now yes"],
        ),
        (replace(MACHINE, memory_bytes=1), ["memory 270582939648 is now 1"]),
    ],
)
def test_changes_are_described(new: Machine, lines: list[str]) -> None:
    assert differences(body(MACHINE, "192.0.2.17"), body(new, "192.0.2.17")) == lines


LOST = (GpuFault(1, "GPU is lost"),)
FAULT = "GPU 1 does not answer (GPU is lost)"


def test_a_gpu_that_does_not_answer_is_reported_as_before() -> None:
    reported = body(MACHINE, "192.0.2.17")
    lost = replace(MACHINE, gpus=Gpus("570.86.10", (A6000,), LOST))
    report = body(lost, "192.0.2.17", reported)
    assert report == reported | {"driver_version": "570.86.10", "fault": FAULT}
    assert differences(reported, report) == [
        "driver 535.104.05 is now 570.86.10",
        f"what does not answer stays as it was reported: {FAULT}",
    ]
    assert differences(report, body(MACHINE, "192.0.2.17", report))[-1] == "all hardware answers again"
    assert machine_of(machine_as_json(lost)) == lost
    JoinRequest.model_validate(report)


def test_a_property_that_a_gpu_refuses_is_reported_as_before() -> None:
    reported = body(MACHINE, "192.0.2.17")
    refusing = replace(T4, compute_capability=None, memory_bytes=None)
    faults = (GpuFault(1, "NVML: Insufficient Permissions"),)
    report = body(replace(MACHINE, gpus=Gpus("535.104.05", (A6000, refusing), faults)), "192.0.2.17", reported)
    assert report["gpus"] == reported["gpus"]
    other = body(
        replace(MACHINE, gpus=Gpus("535.104.05", (A6000, replace(refusing, name="L4")), faults)), "x", reported
    )
    assert [gpu["compute_capability"] for gpu in other["gpus"]] == ["8.6", None]


def test_a_gpu_that_does_not_answer_for_the_first_time_is_left_out() -> None:
    reported = body(replace(MACHINE, gpus=Gpus("535.104.05", (A6000,))), "192.0.2.17")
    with_new = replace(MACHINE, gpus=Gpus("535.104.05", (A6000,), LOST))
    assert body(with_new, "192.0.2.17", reported) == reported | {"fault": FAULT}
    assert body(with_new, "192.0.2.17") == reported | {"fault": FAULT}


def test_a_lost_gpu_among_fewer_than_before_may_be_any() -> None:
    reported = body(MACHINE, "192.0.2.17")
    report = body(replace(MACHINE, gpus=Gpus("570.86.10", (), (GpuFault(0, "GPU is lost"),))), "192.0.2.18", reported)
    assert report.pop("fault").endswith("fewer GPUs than before: restart it")
    assert report == reported | {"ip": "192.0.2.18"}


def test_a_machine_that_cannot_be_probed_is_reported_as_before() -> None:
    reported = body(MACHINE, "192.0.2.17")
    report = as_before(reported, "192.0.2.17", f"NVML:\x1b[31m {'x' * 2000}.")
    JoinRequest.model_validate(report)
    assert {name: value for name, value in report.items() if name != "fault"} == reported
    assert as_before(report, "192.0.2.17", "Driver Not Loaded.") == reported | {"fault": "Driver Not Loaded"}


def test_another_address_is_described() -> None:
    lines = differences(body(MACHINE, "192.0.2.17"), body(MACHINE, "192.0.2.18"))
    assert lines == ["address 192.0.2.17 is now 192.0.2.18"]


FACTS = {
    "driver_cuda_version": measured("12.2", "the driver"),
    "toolkit_version": absent("not installed"),
    "runtime_mode": unreadable("not readable"),
    "wsl": measured(False, "/proc/version"),
}
SLICED = replace(
    A6000,
    index=2,
    name="NVIDIA A100-SXM4-40GB",
    slices=(GpuSlice("MIG-1", 7, 0, "1g.5gb", 5100273664), GpuSlice("MIG-2", 8, 0, "1g.5gb", 5100273664)),
)
MI300X = GpuHardware(
    5000, "AMD Instinct MI300X", memory_bytes=2**37, accelerator="rocm", target="gfx942", device="renderD128"
)
ALL = replace(MACHINE, gpus=Gpus("535.104.05", (A6000, SLICED, MI300X), cuda_version="12.2"), facts=FACTS, faults=())


def test_a_machine_of_all_kinds_is_one_that_the_server_takes() -> None:
    assert machine_of(machine_as_json(ALL)) == ALL
    report = body(ALL, "192.0.2.17")
    nodes = JoinRequest.model_validate(report).nodes()
    assert [node["index"] for node in nodes] == [0, 2, 5000, 12080]
    whole, first, amd, second = nodes
    assert (whole["mig_profile"], whole["gpu_mem"], whole["driver_cuda_version"]) == (None, 51527024640, "12.2")
    assert [(node["mig_profile"], node["gpu_mem"]) for node in (first, second)] == [("1g.5gb", 5100273664)] * 2
    assert (amd["accelerator"], amd["target"], amd["driver_version"]) == ("rocm", "gfx942", None)
    assert amd["driver_cuda_version"] is None


def test_a_fact_that_cannot_be_read_is_as_it_was_reported() -> None:
    first = body(ALL, "192.0.2.17")
    assert "toolkit_version" not in first  # staff may have entered it
    assert "runtime_mode" not in first
    before = first | {"toolkit_version": "1.17.8", "runtime_mode": "cdi"}
    report = body(ALL, "192.0.2.17", before)
    assert (report["toolkit_version"], report["runtime_mode"]) == (None, "cdi")
    assert differences(before, report) == ["container toolkit 1.17.8 is now not known"]


def test_each_fact_has_the_time_of_its_measurement() -> None:
    report = body(ALL, "192.0.2.17", {"runtime_mode": "cdi", "gpus": []})
    measured_at = times(ALL, {}, "now", {"runtime_mode": "then", "5": "then"})
    facts = fact_status.of(report, FACTS, measured_at)
    assert {fact["fact"]: fact["measured"] for fact in facts[:4]} == {
        "driver_cuda_version": "now",
        "toolkit_version": "now",
        "runtime_mode": "then",
        "cdi_driver_version": None,
    }
    mode = next(fact for fact in facts if fact["fact"] == "runtime_mode")
    assert (mode["value"], mode["reason"]) == ("cdi", "not readable")
    target = next(fact for fact in facts if fact["fact"] == "target" and fact["gpu"] == 5000)
    assert (target["value"], target["measured"], target["reason"]) == ("gfx942", "now", None)
    assert all((fact["value"] is None) <= (fact["reason"] is not None) for fact in facts)
    unprobed = fact_status.of(report, None, measured_at)
    assert {fact["reason"] for fact in unprobed} == {"the machine cannot be probed"}


def test_a_gpu_that_does_not_answer_keeps_all_its_slices() -> None:
    first = body(ALL, "192.0.2.17")
    known = devices_of(ALL, first, {})
    lost = replace(ALL, gpus=Gpus("535.104.05", (A6000, MI300X), (GpuFault(2, "GPU is lost"),)))
    report = body(lost, "192.0.2.17", first, known)
    assert [gpu["index"] for gpu in report["gpus"]] == [0, 2, 5000, 12080]
    assert devices_of(lost, report, known) == known


def test_a_fault_of_the_machine_is_reported() -> None:
    fault = "the CDI specification /etc/cdi/nvidia.yaml names /dev/nvidia7, which is not there: make it anew"
    report = body(replace(ALL, faults=(fault,)), "192.0.2.17")
    assert report["fault"] == fault
    assert differences(body(ALL, "192.0.2.17"), report) == [f"fault: {fault}"]
