"""The catalogue that is measured: so many images, of 400 distinct requirements, 20 of them to be found by a filter."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import httpx2

Body = dict[str, Any]

CUDAS = (
    "10.1.243", "10.2.89", "11.0.3", "11.1.1", "11.2.2", "11.3.1", "11.4.4", "11.5.2", "11.6.2", "11.7.1",
    "11.8.0", "12.0.1", "12.1.1", "12.2.2", "12.3.2", "12.4.1", "12.5.1", "12.6.3", "12.8.1", "13.0.2",
)  # fmt: skip
GENERATIONS = ("Maxwell", "Pascal", "Volta", "Ampere")
FRAMEWORKS = ("PyTorch 2.4", "PyTorch 1.13", "TensorFlow 2.16", "MXNet 1.9", "PaddlePaddle 2.6")
DOMAINS = ("ic", "is", "od", "sc", "sp")
TASKS = ("train", "predict")
RARE = "Caffe 1.0"
DISTINCT = len(CUDAS) * len(GENERATIONS) * len(FRAMEWORKS)
BATCH = 1000


def image(number: int, **changes: Any) -> Body:
    """A create body; every 400 in a row differ in what they need of a worker."""
    return {
        "name": f"image-{number % 997}",
        "version": f"{number // 997}.{number % 997}",
        "url": f"registry.example.com/team/image-{number % 997}:{number // 997}.{number % 997}",
        "registry": "https://registry.example.com",
        "cuda_version": CUDAS[number % 20],
        "min_hardware_generation": GENERATIONS[number // 20 % 4],
        "cpu": False,
        "framework": FRAMEWORKS[number // 80 % 5],
        "domain": DOMAINS[number // 400 % 5],
        "tasks": list(TASKS),
        "licence": "Apache-2.0",
    } | changes


def fill(client: httpx2.Client, images: int, to_find: int, **changes: Any) -> list[float]:
    """Puts so many images into an empty catalogue; gives the seconds of each batch.

    `to_find` of them use the framework `RARE`, spread over the whole.
    """
    names = [dict(zip(("name", "version"), text.split(), strict=True)) for text in (*FRAMEWORKS, RARE)]
    step = max(1, images // to_find)
    every = (
        image(number, framework=RARE, tasks=["train", "export"], **changes)
        if number % step == 0 and number // step < to_find
        else image(number, **changes)
        for number in range(images)
    )  # fmt: skip
    seconds = []
    while batch := list(itertools.islice(every, BATCH)):
        body = {"frameworks": names, "images": batch}
        begin = time.perf_counter()
        client.post("/v1/catalogue/apply", json=body, timeout=600).raise_for_status()
        seconds.append(time.perf_counter() - begin)
    return seconds


def nodes(client: httpx2.Client, number: int) -> list[int]:
    """Enters so many nodes, eight to a machine and of fifty kinds, and gives their pks."""
    kinds = workers()
    made = [
        {"ip": f"10.0.{i // 8 // 250}.{i // 8 % 250 + 1}", "index": i % 8, **kinds[i // 8 % len(kinds)]}
        for i in range(number)
    ]
    client.post("/v1/catalogue/apply", json={"nodes": made}, timeout=600).raise_for_status()
    return [node["pk"] for node in client.post("/v1/nodes/list").json()]


def new_workers() -> Iterator[Body]:
    """Workers of kinds that were never seen: the driver's version is another one each time."""
    kinds = workers()
    for number in itertools.count():
        worker = kinds[number % len(kinds)]
        branch = worker["driver_version"].partition(".")[0]
        yield worker | {"driver_version": f"{branch}.{100 + number // 90}.{10 + number % 90}"}


def filters() -> Iterator[Body]:
    """997 different filters, each for a CUDA release, a framework, a domain and a task, in each order of these four.

    So many that none comes again while its answer may still be kept.
    """
    combinations = list(itertools.islice(itertools.product(CUDAS, FRAMEWORKS, DOMAINS, TASKS), 997))
    fields = ("cuda_version", "framework", "domain", "tasks")
    for order in itertools.permutations(range(len(fields))):
        for values in combinations:
            yield {
                "expressions": [{"type": "exact", "field": fields[place], "value": values[place]} for place in order]
            }


def workers() -> list[Body]:
    """Fifty workers that differ in driver and GPU, so that no answer is given twice in a row."""
    drivers = ("470.57.02", "515.65.01", "525.60.13", "535.104.05", "545.23.08", "550.54.15", "560.35.03", "570.86.15",
               "575.51.03", "580.65.06")  # fmt: skip
    gpus = (
        ("6.1", "NVIDIA GeForce GTX 1080 Ti", "GeForce"),
        ("7.0", "Tesla V100-SXM2-32GB", "Tesla"),
        ("8.0", "NVIDIA A100-SXM4-80GB", "Nvidia"),
        ("8.6", "NVIDIA RTX A6000", "NvidiaRTX"),
        ("9.0", "NVIDIA H100 80GB HBM3", "Nvidia"),
    )
    return [
        {
            "driver_version": driver,
            "compute_capability": capability,
            "gpu_name": name,
            "gpu_brand": brand,
            "architecture": "amd64",
        }
        for driver in drivers
        for capability, name, brand in gpus
    ]
