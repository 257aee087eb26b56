"""Rule 9 by small cases: what puts forward-compatibility libraries first, and on which GPUs and drivers they work."""

from dataclasses import replace

import pytest

from bayplan.domain.compatibility.compat_order import compat_order
from bayplan.domain.compatibility.image import CompatActivation, CompatLibraries, Image, framework_kernels
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.verdict import Grade
from tests.domain.compatibility.examples import A6000, RTX3090, T4, TABLES, codes, reason, verdict

CUDA_12_4 = Image(
    cuda="12.4.1",
    compat_package=CompatLibraries("12.4", "550.54.15"),
    kernel_architectures=framework_kernels("6.0", "7.0", "7.5", "8.0"),
    compiles_at_runtime=False,
)
OLDER, NEWER, NOT_LISTED, SAME = "535.104.05", "560.35.05", "545.23.08", "550.40.07"


def image(activation: CompatActivation | None, **more: object) -> Image:
    return replace(CUDA_12_4, compat_activation=activation, **more)  # type: ignore[arg-type]  # a test names fields of Image


def first(
    activation: CompatActivation, driver: str, mode: str | None, toolkit: str | None, **more: object
) -> bool | None:
    node = replace(T4, driver_version=driver, runtime_mode=mode, toolkit_version=toolkit, **more)  # type: ignore[arg-type]  # a test names fields of Node
    order = compat_order(ImageRequirements(image(activation), TABLES), NodeCapabilities(node, TABLES))
    assert order is not None
    return order.first


@pytest.mark.parametrize(
    ("mode", "toolkit", "older", "same", "newer"),
    [
        # Where the version is not known, the hook is assumed.
        (None, None, True, False, False),
        ("legacy", None, True, False, False),
        ("jit-cdi", None, True, False, False),
        # libnvidia-container mounts them whenever the branches differ; behind a link from 1.3.1 on.
        (None, "0.9.0", False, False, False),
        (None, "1.3.0", False, False, False),
        (None, "1.3.1", True, False, True),
        ("legacy", "1.13.5", True, False, True),
        ("auto", "1.17.3", True, False, True),
        ("cdi", "1.17.3", False, False, False),
        (None, "1.17.4", False, False, False),
        ("cdi", "1.17.4", False, False, False),
        # The hook of the nvidia runtime; `--gpus` from 1.17.7 on.
        ("legacy", "1.17.5", None, False, False),
        (None, "1.17.6", None, False, False),
        ("cdi", "1.17.5", True, False, False),
        ("legacy", "1.17.7", True, False, False),
        (None, "1.17.8", True, False, False),
        ("auto", "1.18.0-rc.4", True, False, False),
        (None, "1.19.1", True, False, False),
        # csv mode: not in 1.18, and by the CUDA of the note from 1.19 on.
        ("csv", "1.17.4", False, False, False),
        ("csv", "1.17.8", True, False, False),
        ("csv", "1.18.0", False, False, False),
        ("csv", "1.19.0", True, False, False),
        # From 1.20 on by the branches of the note, in the modes of the hook.
        ("jit-cdi", "1.20.0", True, None, False),
        ("legacy", "1.20.0", True, False, False),
        (None, "1.20.0", True, None, False),
    ],
)
def test_the_toolkit_puts_libraries_first_by_its_version_and_mode(
    mode: str | None, toolkit: str | None, older: bool | None, same: bool | None, newer: bool | None
) -> None:
    assert first("toolkit", OLDER, mode, toolkit) is older
    assert first("toolkit", SAME, mode, toolkit) is same
    assert first("toolkit", NEWER, mode, toolkit) is newer


def test_from_toolkit_1_20_a_branch_that_the_note_may_not_list_is_not_certain() -> None:
    assert first("toolkit", NOT_LISTED, "jit-cdi", "1.19.0") is True
    assert first("toolkit", NOT_LISTED, "jit-cdi", "1.20.0") is None
    assert first("toolkit", NOT_LISTED, "legacy", "1.20.0") is True


def test_before_cuda_11_there_is_no_link_to_follow() -> None:
    cuda_10 = image("toolkit", cuda="10.1.243", compat_package=CompatLibraries("10.1", "418.87.01"))
    node = replace(T4, driver_version="410.129", toolkit_version="1.0.5")
    order = compat_order(ImageRequirements(cuda_10, TABLES), NodeCapabilities(node, TABLES))
    assert order is not None
    assert order.first is True


@pytest.mark.parametrize(
    ("mode", "toolkit", "expected"),
    [("jit-cdi", "1.19.0", False), ("cdi", None, False), ("legacy", "1.17.8", True), (None, "1.19.0", None)],
)
def test_wsl_has_no_hook_in_the_cdi_modes(mode: str | None, toolkit: str | None, expected: bool | None) -> None:
    assert first("toolkit", OLDER, mode, toolkit, wsl=True) is expected


@pytest.mark.parametrize(
    ("mode", "toolkit", "expected"),
    [
        (None, None, True),
        ("legacy", None, None),
        ("cdi", "1.16.0", None),
        ("jit-cdi", "1.18.0", None),
        ("jit-cdi", "1.18.1", True),
        ("cdi", "1.15.0", True),
        ("cdi", None, True),
        ("auto", "1.17.8", None),
        ("auto", None, True),
    ],
)
def test_a_folder_in_ld_so_conf_may_come_after_the_drivers(
    mode: str | None, toolkit: str | None, expected: bool | None
) -> None:
    assert first("always", OLDER, mode, toolkit) is expected
    newer = verdict(image("always"), replace(T4, driver_version=NEWER, runtime_mode=mode, toolkit_version=toolkit))
    assert newer.grade is (Grade.NO if expected else Grade.NATIVE)
    assert [(item.grade, item.code) for item in newer.reasons if item.code != "toolkit_fault"] == [
        (Grade.NO if expected else Grade.CAVEAT, "compat_older_than_driver")
    ]


# What that leads to

QUADRO = Node(OLDER, "7.5", gpu_name="Quadro RTX 6000", gpu_brand="QuadroRTX", architecture="amd64")
OLD_T4, OLD_A6000 = replace(T4, driver_version="470.57.02"), replace(A6000, driver_version="470.57.02")
OLD_RTX3090 = replace(RTX3090, driver_version="470.57.02")
GEFORCE = replace(RTX3090, driver_version=OLDER)
P100 = Node(OLDER, "6.0", gpu_name="Tesla P100", gpu_brand="Tesla", architecture="amd64")


@pytest.mark.parametrize(
    ("activation", "node", "grade", "code"),
    [
        ("toolkit", OLD_T4, Grade.FORWARD, "driver_too_old"),
        ("toolkit", replace(OLD_T4, toolkit_version="1.17.4"), Grade.NO, "driver_too_old"),
        ("toolkit", replace(OLD_T4, toolkit_version="1.17.8"), Grade.FORWARD, "driver_too_old"),
        ("toolkit", replace(OLD_T4, driver_version="515.65.01"), Grade.NO, "driver_too_old"),
        ("toolkit", OLD_A6000, Grade.FORWARD, "driver_too_old"),
        ("toolkit", OLD_RTX3090, Grade.NO, "driver_too_old"),
        ("toolkit", GEFORCE, Grade.NO, "compat_on_wrong_gpu"),
        ("toolkit", replace(GEFORCE, toolkit_version="1.17.4"), Grade.MINOR, "driver_too_old"),
        ("toolkit", replace(GEFORCE, toolkit_version="1.17.6"), Grade.MINOR, "driver_too_old"),
        ("toolkit", replace(GEFORCE, driver_version="550.54.15"), Grade.NATIVE, None),
        ("toolkit", replace(GEFORCE, driver_version=NEWER), Grade.NATIVE, None),
        (
            "toolkit",
            replace(GEFORCE, driver_version=NEWER, toolkit_version="1.16.2"),
            Grade.NO,
            "compat_older_than_driver",
        ),
        ("toolkit", replace(T4, driver_version=NEWER, toolkit_version="1.16.2"), Grade.NO, "compat_older_than_driver"),
        ("toolkit", QUADRO, Grade.MINOR, "driver_too_old"),
        ("toolkit", replace(GEFORCE, gpu_name=None, gpu_brand=None), Grade.UNKNOWN, "fact_missing"),
        ("entrypoint", OLD_T4, Grade.FORWARD, "driver_too_old"),
        ("entrypoint", OLD_RTX3090, Grade.NO, "driver_too_old"),
        ("entrypoint", GEFORCE, Grade.MINOR, "driver_too_old"),
        ("entrypoint", replace(T4, driver_version=NEWER), Grade.NATIVE, None),
        ("never", OLD_T4, Grade.NO, "driver_too_old"),
        ("never", GEFORCE, Grade.MINOR, "driver_too_old"),
        (None, OLD_T4, Grade.FORWARD, "driver_too_old"),
        (None, GEFORCE, Grade.MINOR, "driver_too_old"),
    ],
)
def test_activations_on_gpus_and_drivers(
    activation: CompatActivation | None, node: Node, grade: Grade, code: str | None
) -> None:
    actual = verdict(image(activation), node)
    assert actual.grade is grade
    assert [item.code for item in actual.reasons if item.grade is grade][:1] == ([] if code is None else [code])


@pytest.mark.parametrize(
    ("node", "caveats"),
    [
        (OLD_T4, []),
        (replace(OLD_T4, toolkit_version="1.17.6"), ["fact_missing"]),
        (OLD_A6000, ["compat_on_wrong_gpu"]),
        (QUADRO, ["compat_on_wrong_gpu"]),
        (replace(GEFORCE, toolkit_version="1.17.6"), ["compat_on_wrong_gpu"]),
        (replace(T4, driver_version=NOT_LISTED), ["fact_missing"]),
    ],
)
def test_what_is_not_certain_is_a_caveat(node: Node, caveats: list[str]) -> None:
    reasons = [item for item in verdict(image("toolkit"), node).reasons if item.code != "toolkit_fault"]
    assert [item.code for item in reasons if item.grade is Grade.CAVEAT] == caveats


def test_forward_by_the_entry_point_says_that_it_has_to_run() -> None:
    assert reason(image("entrypoint"), OLD_T4, "fact_missing").needed == "the image's entry point"


@pytest.mark.parametrize(
    ("cuda", "name", "brand", "grade"),
    [
        ("11.4.4", "NVIDIA RTX A4000", "NvidiaRTX", Grade.NO),  # of 11.4 and before the data-centre class alone
        ("11.4.4", "Tesla T4", "Tesla", Grade.FORWARD),
        ("11.7.1", "NVIDIA RTX A4000", "NvidiaRTX", Grade.FORWARD),
        ("11.7.1", "NVIDIA RTX A4000", None, Grade.FORWARD),
        ("11.7.1", "Quadro RTX 5000", None, Grade.FORWARD),
        ("11.7.1", "NVIDIA GeForce RTX 3090", "GeForce", Grade.NO),  # listed, and refused by the libraries
        ("11.7.1", "NVIDIA TITAN RTX", "TitanRTX", Grade.NO),
        ("11.7.1", "RTX 3090", None, Grade.NO),
        ("11.7.1", None, "Quadro", Grade.FORWARD),
        ("11.7.1", None, "NvidiaVWS", Grade.UNKNOWN),  # the virtual brands from 12.5 on
        ("11.7.1", None, None, Grade.UNKNOWN),
    ],
)
def test_brands_that_a_release_accepts(cuda: str, name: str | None, brand: str | None, grade: Grade) -> None:
    forward = image("always", cuda=cuda, compat_package=CompatLibraries(cuda, None))
    branch = "418.226.00" if cuda == "11.4.4" else "450.51.05"
    node = replace(T4, gpu_name=name, gpu_brand=brand, driver_version=branch)
    assert verdict(forward, node).grade is grade


def test_virtual_gpus_are_accepted_by_brand_from_cuda_12_5_on() -> None:
    forward = image("always", cuda="12.6.3", compat_package=CompatLibraries("12.6", None))
    node = Node("470.57.02", "7.5", gpu_brand="NvidiaVWS", architecture="amd64")
    assert verdict(forward, node).grade is Grade.FORWARD
    assert reason(forward, node, "compat_on_wrong_gpu").grade is Grade.CAVEAT


def test_libraries_that_dropped_the_gpu_give_no_forward_and_are_refused_under_minor_where_they_come_first() -> None:
    dropped = replace(
        CUDA_12_4, cuda="13.2.0", compat_package=CompatLibraries("13.2", "595.45.04"), compat_activation="toolkit"
    )
    minor = replace(P100, driver_version="580.65.06")
    assert verdict(dropped, P100).grade is Grade.NO
    assert verdict(dropped, minor).grade is Grade.NO
    assert "no longer supports" in reason(dropped, minor, "compat_on_wrong_gpu").detail
    without = replace(minor, toolkit_version="1.17.4")
    assert verdict(dropped, without).grade is Grade.MINOR
    assert "compat_on_wrong_gpu" not in codes(dropped, without)
    assert verdict(replace(dropped, compat_activation="entrypoint"), minor).grade is Grade.MINOR
    unknown = replace(dropped, compat_activation=None)
    assert reason(unknown, minor, "compat_on_wrong_gpu").grade is Grade.CAVEAT


def test_the_package_is_the_bases_and_the_driver_is_for_the_frameworks_cuda() -> None:
    """A base of 12.4 with torch for 13.0 is not helped by the package of 12.4."""
    torch = image("toolkit", framework_cuda="13.0")
    assert verdict(torch, T4).grade is Grade.NO
    of_base = image(
        "toolkit", cuda="13.0.0", framework_cuda="12.4", compat_package=CompatLibraries("13.0", "580.65.06")
    )
    assert verdict(of_base, T4).grade is Grade.MINOR
    assert verdict(of_base, GEFORCE).grade is Grade.NO


# PTX, where the package's compiler takes it

JIT = image("toolkit", kernel_architectures=framework_kernels("compute_70"))
PTX = image("toolkit", compiles_at_runtime="ptx")


@pytest.mark.parametrize("ptx", [JIT, PTX])
@pytest.mark.parametrize(
    ("node", "activation", "reads"),
    [
        (T4, "toolkit", True),
        (T4, "entrypoint", True),
        (T4, "always", True),
        (T4, "never", False),
        (replace(T4, toolkit_version="1.17.4"), "toolkit", False),
        (OLD_T4, "toolkit", True),
        (replace(T4, driver_version="550.40.07"), "never", True),  # PTX is of a release, not of its patch
        (T4, None, True),  # a caveat
        (replace(T4, toolkit_version="1.17.6"), "toolkit", True),  # a caveat
        (replace(GEFORCE, compute_capability="7.5"), "entrypoint", False),
    ],
)
def test_ptx_is_read_by_the_driver_or_by_the_package(
    ptx: Image, node: Node, activation: CompatActivation | None, reads: bool
) -> None:
    actual = verdict(replace(ptx, compat_activation=activation), node)
    assert (actual.grade is not Grade.NO) == reads


def test_a_package_older_than_the_framework_does_not_read_its_ptx() -> None:
    newer = replace(PTX, framework_cuda="12.8")
    assert verdict(newer, T4).grade is Grade.NO
    assert verdict(newer, OLD_T4).grade is Grade.NO
    assert verdict(replace(newer, framework_cuda="12.3"), T4).grade is Grade.MINOR
