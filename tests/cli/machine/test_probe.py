"""`bayplan probe` on machines with GPUs, without, with a driver that fails, and with slices."""

import json

from tests.agent.box import Box
from tests.agent.documents import A6000, T4
from tests.cli.machine.conftest import Run


def test_a_machine_without_gpu(run: Run) -> None:
    probed = json.loads(run("probe", "--json").stdout)
    assert probed["worker"].keys() >= {"architecture", "cpu_mem", "kernel_version"}
    assert "driver_version" not in probed["worker"]
    assert probed["faults"] == []
    reasons = {fact["fact"]: fact["reason"] for fact in probed["facts"]}
    assert reasons["toolkit_version"] == "the machine has no NVIDIA GPU"
    assert run("probe").stdout.splitlines()[0] == "gpus          none"


def test_two_kinds_of_gpu(box: Box, run: Run) -> None:
    box.has("535.104.05", A6000, T4)
    probed = json.loads(run("probe", "--json").stdout)
    first, second = probed["workers"]
    assert probed["worker"] == first["worker"]
    assert (first["index"], first["worker"]["gpu_name"], first["worker"]["compute_capability"]) == (
        0,
        "NVIDIA RTX A6000",
        "8.6",
    )
    assert second["worker"]["gpu_name"] == "Tesla T4"
    assert {worker["worker"]["driver_version"] for worker in probed["workers"]} == {"535.104.05"}
    assert first["worker"]["driver_cuda_version"] == "12.2"
    printed = run("probe").stdout
    assert "Tesla T4" in printed
    assert "535.104.05" in printed


def test_slices_are_workers_of_their_own(box: Box, run: Run) -> None:
    box.has("535.104.05", A6000)
    box.slices(
        (1, "1g.5gb", "4864 MiB", "MIG-11111111-1111-1111-1111-111111111111"),
        (2, "1g.5gb", "4864 MiB", "MIG-22222222-2222-2222-2222-222222222222"),
    )
    workers = [worker["worker"] for worker in json.loads(run("probe", "--json").stdout)["workers"]]
    assert [(worker["mig_profile"], worker["gpu_mem"]) for worker in workers] == [("1g.5gb", 4864 * 1024**2)] * 2


def test_a_driver_that_fails_is_no_machine_without_gpu(box: Box, run: Run) -> None:
    box.has("535.104.05", A6000)
    box.fails("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")
    probed = json.loads(run("probe", "--json").stdout)
    assert probed["worker"] is None
    assert "couldn't communicate with the NVIDIA driver" in probed["faults"][0]
    reasons = {fact["fact"]: fact["reason"] for fact in probed["facts"]}
    assert reasons["driver_cuda_version"] == "the GPU cannot be read"
    assert reasons["kernel_version"] is None
    printed = run("probe").stdout
    assert printed.startswith("gpus  not known")
    assert "couldn't communicate" in printed


def test_what_a_probe_says_is_what_the_api_takes(box: Box, run: Run) -> None:
    from bayplan.schemas.match import WorkerFacts

    box.has("580.95.05", A6000)
    WorkerFacts.model_validate(json.loads(run("probe", "--json").stdout)["worker"])
