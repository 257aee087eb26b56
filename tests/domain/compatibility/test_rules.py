"""Every rule by small cases: the grade, the reason's code, and what the remedy tells people to do."""

import datetime
import re
from dataclasses import replace

import pytest

from bayplan.domain.compatibility.image import CompatLibraries, Image
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.tables import load
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode, Verdict

TABLES = load()
TODAY = datetime.date(2026, 3, 1)

A6000 = Node("535.104.05", "8.6", gpu_name="NVIDIA RTX A6000", gpu_brand="NvidiaRTX", architecture="amd64")
T4 = Node("535.104.05", "7.5", gpu_name="Tesla T4", gpu_brand="Tesla", architecture="amd64")
RTX3090 = Node("580.65.06", "8.6", gpu_name="NVIDIA GeForce RTX 3090", gpu_brand="GeForce", architecture="amd64")
H100 = Node("580.65.06", "9.0", gpu_name="NVIDIA H100 80GB HBM3", gpu_brand="Nvidia", architecture="amd64")
ORIN = Node("540.4.0", "8.7", gpu_name="Orin", architecture="arm64")
CPU_BOX = Node(architecture="amd64")

TORCH = Image(cuda="12.1.1", kernel_architectures=("5.0", "6.0", "7.0", "7.5", "8.0", "8.6", "9.0"))
CUDA_12_4 = Image(cuda="12.4.1", kernel_architectures=("7.0", "8.0", "9.0+PTX"))


def verdict(image: Image, worker: Node) -> Verdict:
    return judge(image, worker, TABLES, TODAY)


def reason(image: Image, worker: Node, code: str) -> Reason:
    found = [reason for reason in verdict(image, worker).reasons if reason.code == code]
    assert len(found) == 1, verdict(image, worker)
    return found[0]


def codes(image: Image, worker: Node) -> list[str]:
    return [reason.code for reason in verdict(image, worker).reasons]


# 1. Platform


def test_the_platform_must_be_among_the_images() -> None:
    arm = replace(TORCH, architectures=("arm64",))
    assert verdict(arm, RTX3090).grade is Grade.NO
    assert reason(arm, RTX3090, "wrong_platform").remedy == "Use an image that is built for amd64."
    both = replace(TORCH, architectures=("linux/amd64", "aarch64"))
    assert verdict(both, RTX3090) == Verdict(Grade.NATIVE, ())
    assert verdict(both, replace(RTX3090, architecture="x86_64")) == Verdict(Grade.NATIVE, ())
    assert reason(arm, replace(RTX3090, architecture=None), "wrong_platform").grade is Grade.CAVEAT
    unknown = replace(arm, architectures=None)
    assert reason(unknown, replace(RTX3090, architecture="arm64"), "wrong_platform").grade is Grade.CAVEAT
    assert "wrong_platform" not in codes(unknown, RTX3090)


# 2. No GPU


@pytest.mark.parametrize(
    ("image", "worker", "grade"),
    [
        (Image(cpu=True), CPU_BOX, Grade.CPU),
        (Image(cpu=True, cuda="12.4.1"), CPU_BOX, Grade.CPU),
        (Image(cpu=True), RTX3090, Grade.CPU),
        (replace(TORCH, cpu=True), RTX3090, Grade.NATIVE),
        (replace(TORCH, cpu=True), replace(RTX3090, driver_version="470.57.02"), Grade.CPU),
        (TORCH, CPU_BOX, Grade.NO),
        (Image(cpu=True, architectures=("arm64",)), CPU_BOX, Grade.NO),
    ],
)
def test_images_on_workers_with_and_without_gpu(image: Image, worker: Node, grade: Grade) -> None:
    assert verdict(image, worker).grade is grade


def test_an_image_that_falls_back_to_the_cpu_says_why() -> None:
    found = verdict(replace(TORCH, cpu=True), replace(RTX3090, driver_version="470.57.02"))
    assert found.grade is Grade.CPU
    assert found.reasons[0].code == "driver_too_old"
    assert reason(TORCH, CPU_BOX, "needs_gpu").grade is Grade.NO


def test_an_image_without_cuda_that_does_not_work_on_the_cpu_is_unknown() -> None:
    assert verdict(Image(), RTX3090).grade is Grade.UNKNOWN
    assert reason(Image(), RTX3090, "fact_missing").remedy == "Enter its CUDA version."


# 3. Driver


@pytest.mark.parametrize(
    ("cuda", "driver", "grade"),
    [
        ("12.4.1", "550.54.15", Grade.NATIVE),
        ("12.4.1", "550.54.14", Grade.MINOR),
        ("12.4.0", "550.54.14", Grade.NATIVE),
        ("12.4.1", "999.1", Grade.NATIVE),
        ("12.4.1", "525.60.13", Grade.MINOR),
        ("12.4.1", "525.60.12", Grade.NO),
        ("11.8.0", "450.80.02", Grade.MINOR),
        ("11.8.0", "450.36.06", Grade.NO),
        ("11.8.0", "450.119.04", Grade.MINOR),
        ("13.0.0", "580.65.06", Grade.NATIVE),
        ("13.2.0", "580.65.06", Grade.MINOR),
        ("10.2.89", "440.33", Grade.NATIVE),
        ("10.2.89", "418.39", Grade.NO),
        ("99.0", "580.65.06", Grade.UNKNOWN),
        ("latest", "580.65.06", Grade.UNKNOWN),
        ("12.4.1", "R550", Grade.UNKNOWN),
    ],
)
def test_drivers(cuda: str, driver: str, grade: Grade) -> None:
    image = Image(cuda=cuda, kernel_architectures=("7.0",), compiles_at_runtime=False)
    assert verdict(image, replace(T4, driver_version=driver)).grade is grade


def test_the_remedy_names_the_smallest_driver_and_the_cuda_releases_that_would_do() -> None:
    found = reason(CUDA_12_4, replace(A6000, driver_version="470.57.02"), "driver_too_old")
    assert (found.grade, found.needed, found.found) == (Grade.NO, ">=525.60.13", "470.57.02")
    assert found.remedy == (
        "Upgrade the driver to 525.60.13 or later (550.54.15 or later for native), or use an image built with CUDA 11.0 to 11.8."
    )


COMPAT = CompatLibraries("12.4", "550.54.15")
FORWARD = replace(CUDA_12_4, compat_package=COMPAT, compat_on_loader_path=True, compiles_at_runtime=False)
OLD_T4 = replace(T4, driver_version="470.57.02")


@pytest.mark.parametrize(
    ("image", "worker", "grade"),
    [
        (FORWARD, OLD_T4, Grade.FORWARD),
        (replace(FORWARD, compat_on_loader_path=None), OLD_T4, Grade.FORWARD),
        (replace(FORWARD, compat_on_loader_path=False), OLD_T4, Grade.NO),
        (replace(FORWARD, compat_package=None, compat_on_loader_path=None), OLD_T4, Grade.NO),
        (FORWARD, replace(OLD_T4, driver_version="460.32.03"), Grade.NO),
        (FORWARD, replace(OLD_T4, gpu_name=None, gpu_brand=None), Grade.UNKNOWN),
        (FORWARD, replace(RTX3090, driver_version="470.57.02"), Grade.NO),
        (replace(FORWARD, compat_package=CompatLibraries("9.2", None), cuda="9.2.148"), OLD_T4, Grade.NO),
    ],
)
def test_forward_compatibility(image: Image, worker: Node, grade: Grade) -> None:
    assert verdict(image, worker).grade is grade


def test_a_compat_branch_that_dropped_the_gpu_gives_no_forward() -> None:
    image = Image(cuda="13.2.0", compat_package=CompatLibraries("13.2", "595.45.04"), kernel_architectures=("6.0",))
    p100 = Node("535.104.05", "6.0", gpu_name="Tesla P100", gpu_brand="Tesla", architecture="amd64")
    assert verdict(image, p100).grade is Grade.NO
    assert "no longer supports" in reason(image, p100, "driver_too_old").detail


# 4. Stated minimum


@pytest.mark.parametrize(
    ("asked", "capability", "grade"),
    [
        ("Ampere", "8.6", Grade.NATIVE),
        ("ampere", "7.5", Grade.NO),
        ("Rubin", "12.0", Grade.NO),
        ("Blackwell", "10.7", Grade.NATIVE),
        ("Blackwell", "12.0", Grade.NATIVE),
        ("Blackwell (Thor and RTX)", "10.0", Grade.NATIVE),
        ("Feynman", "12.0", Grade.UNKNOWN),
        ("Ampere", "1.3", Grade.UNKNOWN),
    ],
)
def test_generations_are_ordered_by_rank(asked: str, capability: str, grade: Grade) -> None:
    everything = tuple(f"{major}.0" for major in range(1, 13))
    image = Image(cuda="12.8.0", min_generation=asked, kernel_architectures=everything)
    assert verdict(image, replace(H100, compute_capability=capability)).grade is grade


def test_a_worker_may_say_its_generation_only() -> None:
    ada = Node("580.65.06", hardware_generation="Ada Lovelace", architecture="amd64")
    assert verdict(replace(TORCH, min_generation="Ampere"), ada).grade is Grade.NATIVE
    assert verdict(replace(TORCH, min_generation="Hopper"), ada).grade is Grade.NO
    # 8.0 code runs on all of Ampere, 8.6 code only on some of it.
    ampere = Node("580.65.06", hardware_generation="ampere", architecture="amd64")
    assert verdict(replace(TORCH, kernel_architectures=("8.0",)), ampere).grade is Grade.NATIVE
    assert verdict(replace(TORCH, kernel_architectures=("8.6",)), ampere).grade is Grade.UNKNOWN


# 5. Kernels of the release


@pytest.mark.parametrize(
    ("cuda", "capability", "grade", "code"),
    [
        ("11.1.1", "8.9", Grade.NATIVE, None),
        ("11.1.1", "9.0", Grade.JIT, "gpu_newer_than_cuda"),
        ("13.0.0", "6.0", Grade.NO, "gpu_dropped_by_cuda"),
        ("12.8.0", "12.1", Grade.NATIVE, None),
        ("12.6.0", "12.0", Grade.JIT, "gpu_newer_than_cuda"),
        ("11.0.3", "3.0", Grade.NO, "gpu_dropped_by_cuda"),
        ("11.8.0", "3.5", Grade.NATIVE, None),
        ("12.0.0", "99.0", Grade.JIT, "gpu_newer_than_cuda"),
        ("12.0.0", "1.3", Grade.NO, "gpu_dropped_by_cuda"),
    ],
)
def test_kernels_of_the_cuda_release(cuda: str, capability: str, grade: Grade, code: str | None) -> None:
    found = verdict(Image(cuda=cuda), replace(H100, compute_capability=capability))
    assert found.grade is grade
    assert (code in {reason.code for reason in found.reasons}) == (code is not None)
    assert found.reasons[-1].code == "arch_list_unknown"


def test_remedies_name_the_cuda_release_for_the_gpu() -> None:
    newer = reason(Image(cuda="11.1.1"), H100, "gpu_newer_than_cuda")
    assert newer.remedy == "Use an image built with CUDA 11.8 or later."
    dropped = reason(Image(cuda="13.0.0"), replace(H100, compute_capability="6.0"), "gpu_dropped_by_cuda")
    assert dropped.remedy == "Use an image built with CUDA 12.9 or earlier."


# 6. Start conditions

REQUIRES_12_4 = (("NVIDIA_REQUIRE_CUDA", "cuda>=12.4 brand=tesla,driver>=535,driver<536"),)
STARTS = replace(CUDA_12_4, requirements=REQUIRES_12_4, compiles_at_runtime=False)

# Before driver 470 NVML calls every data-centre GPU Tesla, so the name is enough.
OLD_STARTS = replace(
    TORCH, cuda="11.2.2", requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=11.2 brand=tesla,driver>=450,driver<451"),)
)


def test_an_unmet_start_condition_can_be_switched_off_where_the_image_would_run() -> None:
    found = reason(STARTS, A6000, "start_condition")
    assert found.grade is Grade.NO
    assert "unsatisfied condition: cuda>=12.4" in found.detail
    assert found.found == "cuda 12.2, driver 535.104.05, arch 8.6, brand nvidiartx"
    assert found.remedy == (
        "Start the container with NVIDIA_DISABLE_REQUIRE=1, or upgrade the driver to 550.54.14 or later."
    )
    too_old = reason(STARTS, replace(A6000, driver_version="470.57.02"), "start_condition")
    assert too_old.remedy == "Upgrade the driver to 550.54.14 or later."


@pytest.mark.parametrize("variable", [("NVIDIA_REQUIRE_CUDA", "cuda>=x"), ("CUDA_VERSION", "cu12")])
def test_conditions_that_cannot_be_read_are_switched_off_only_where_the_image_would_run(
    variable: tuple[str, str],
) -> None:
    image = replace(TORCH, requirements=(variable,))
    assert "NVIDIA_DISABLE_REQUIRE=1" in (reason(image, A6000, "start_condition").remedy or "")
    old = reason(image, replace(A6000, driver_version="470.57.02"), "start_condition")
    assert (old.remedy or "").endswith("in the image.")


LISTED = "cuda>=12.6 brand=tesla,driver>=470,driver<471 brand=tesla,driver>=535,driver<536 brand=nvidia,driver>=535,driver<536"


@pytest.mark.parametrize(
    ("cuda", "condition", "driver", "remedy"),
    [
        ("12.6.3", LISTED, "530.30.02", "branch 535"),
        ("12.6.3", LISTED, "450.119.04", "branch 535"),
        ("12.6.3", LISTED, "545.23.08", "560.28.03 or later"),
        ("11.2.2", "cuda>=11.2 brand=tesla,driver>=450,driver<451", "440.33.01", "450.80.02 or later of branch 450"),
        ("11.2.2", "brand=tesla,driver<=440", "445.1", None),
        ("99.1", "cuda>=99.1", "535.104.05", None),
    ],
)
def test_the_remedy_of_a_start_condition_is_the_smallest_driver_that_meets_it_and_runs_the_image(
    cuda: str, condition: str, driver: str, remedy: str | None
) -> None:
    image = Image(cuda=cuda, requirements=(("NVIDIA_REQUIRE_CUDA", condition),))
    found = reason(image, replace(T4, driver_version=driver), "start_condition").remedy or ""
    assert re.findall(r"upgrade the driver to (.*)\.$", found, re.IGNORECASE) == ([] if remedy is None else [remedy])


def test_forward_compatibility_has_a_caveat_where_nothing_says_that_its_libraries_come_first() -> None:
    image = replace(CUDA_12_4, compat_package=CompatLibraries("12.4", "550.54.15"))
    old = replace(T4, driver_version="470.57.02")
    found = reason(image, old, "fact_missing")
    assert (verdict(image, old).grade, found.grade, found.needed) == (
        Grade.FORWARD,
        Grade.CAVEAT,
        "compat_on_loader_path",
    )
    assert "fact_missing" not in codes(replace(image, compat_on_loader_path=True), old)
    assert "fact_missing" not in codes(image, T4)


@pytest.mark.parametrize(
    ("driver", "architecture", "windows"),
    [("551.78", "amd64", True), ("550.142", "amd64", False), ("470.14", "amd64", False), ("540.4.0", "arm64", False),
     ("430.50", "amd64", False), ("999.1", "amd64", False)],
)  # fmt: skip
def test_a_driver_for_windows_is_a_caveat(driver: str, architecture: str, windows: bool) -> None:
    worker = replace(RTX3090, driver_version=driver, architecture=architecture)
    found = [reason for reason in verdict(replace(TORCH, cuda="10.2"), worker).reasons if "WSL 2" in reason.detail]
    assert [reason.grade for reason in found] == [Grade.CAVEAT] * windows


def test_no_remedy_asks_for_a_driver_that_does_not_support_the_gpu() -> None:
    k80 = Node("418.226.00", "3.7", gpu_name="Tesla K80", gpu_brand="Tesla", architecture="amd64")
    image = Image(cuda="11.8.0", kernel_architectures=("3.7",), compiles_at_runtime=True)
    assert reason(image, k80, "driver_too_old").remedy == (
        "Upgrade the driver to 450.80.02 or later, or use an image built with CUDA 7.0 to 10.1."
    )
    newest = replace(k80, driver_version="470.256.02")
    assert reason(image, newest, "driver_too_old").remedy == "Nothing is needed."
    last = "the last driver branch that supports Tesla K80 (compute capability 3.7) is 470."
    assert reason(image, newest, "ptx_needs_newer_driver").remedy == f"Use an image built with CUDA 7.0 to 11.4; {last}"
    cuda_12 = replace(image, cuda="12.1.1", requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=12.1"),))
    assert reason(cuda_12, newest, "driver_too_old").remedy == f"Use an image built with CUDA 7.0 to 11.8; {last}"
    assert reason(cuda_12, newest, "start_condition").remedy == "Use a worker that meets it."
    own = replace(image, min_driver="550")
    assert reason(own, newest, "below_own_minimum").remedy == f"Use a newer GPU; {last}"


@pytest.mark.parametrize(
    ("image", "worker", "grade"),
    [
        (STARTS, T4, Grade.MINOR),
        (STARTS, A6000, Grade.NO),
        (replace(STARTS, disable_require=True), A6000, Grade.MINOR),
        (STARTS, replace(A6000, runtime_mode="cdi"), Grade.MINOR),
        (STARTS, replace(A6000, runtime_mode="jit-cdi"), Grade.MINOR),
        (STARTS, replace(A6000, runtime_mode="legacy"), Grade.NO),
        (STARTS, replace(A6000, runtime_mode="csv"), Grade.NO),
        (STARTS, replace(A6000, gpu_brand=None, gpu_name=None), Grade.UNKNOWN),
        (STARTS, replace(T4, gpu_brand=None), Grade.UNKNOWN),
        (OLD_STARTS, replace(T4, gpu_brand=None, driver_version="450.119.04"), Grade.MINOR),
        (STARTS, replace(A6000, gpu_brand=None, gpu_name="NVIDIA GeForce RTX 3090"), Grade.NO),
        (replace(STARTS, requirements=(("NVIDIA_REQUIRE_CUDA", ""),)), A6000, Grade.MINOR),
        (replace(STARTS, requirements=(("CUDA_VERSION", "12.4.1"),)), T4, Grade.NO),
        (replace(STARTS, requirements=(("CUDA_VERSION", "12.2.0"),)), T4, Grade.MINOR),
        (replace(STARTS, requirements=(("CUDA_VERSION", "cu12.6"),)), T4, Grade.NO),
        (replace(STARTS, requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=twelve"),)), T4, Grade.NO),
        (replace(STARTS, requirements=(("NVIDIA_REQUIRE_ARCH", "arch>=8.0"),)), T4, Grade.NO),
        (replace(STARTS, requirements=()), A6000, Grade.MINOR),
    ],
)
def test_start_conditions(image: Image, worker: Node, grade: Grade) -> None:
    assert verdict(image, worker).grade is grade


@pytest.mark.parametrize(
    ("brand", "word"),
    [
        ("Tesla", "tesla"), ("Nvidia", "nvidia"), ("NvidiaRTX", "nvidiartx"), ("NVIDIA RTX", "nvidiartx"),
        ("GeForce", "geforce"), ("GeForce RTX", "geforcertx"), ("Quadro RTX", "quadrortx"), ("TITAN", "titan"),
        ("GRID", "grid"), ("NvidiaVWS", "vws"), ("NVML_BRAND_NVIDIA_VCS", "vcs"), ("Unknown", "unknown"),
        ("NvidiaCloudGaming", "cloudgaming"),
    ],
)  # fmt: skip
def test_brands_as_nvml_names_them_are_those_of_conditions(brand: str, word: str) -> None:
    image = replace(CUDA_12_4, requirements=(("NVIDIA_REQUIRE_CUDA", f"brand={word}"),))
    assert verdict(image, replace(T4, gpu_brand=brand, gpu_name=None)).grade is Grade.MINOR


def test_jit_needs_a_native_driver() -> None:
    image = Image(cuda="12.4.1", kernel_architectures=("8.0+PTX",), compiles_at_runtime=False)
    assert verdict(image, H100).grade is Grade.JIT
    older = replace(H100, driver_version="535.104.05")
    assert verdict(image, older).grade is Grade.NO
    assert "error 222" in reason(image, older, "ptx_needs_newer_driver").detail


# 7. Not usable at all


def test_images_out_of_use() -> None:
    assert codes(replace(TORCH, deleted=True), RTX3090) == ["withdrawn"]
    withdrawn = reason(replace(TORCH, withdrawn_reason="wrong weights."), RTX3090, "withdrawn")
    assert withdrawn.detail == "The image was withdrawn: wrong weights."
    assert codes(replace(TORCH, missing_in_registry=True), CPU_BOX) == ["missing_in_registry", "needs_gpu"]


@pytest.mark.parametrize(("days", "grade"), [(-1, Grade.NO), (0, Grade.CAVEAT), (1, Grade.CAVEAT)])
def test_the_end_of_life_is_a_caveat_until_it_has_passed(days: int, grade: Grade) -> None:
    image = replace(TORCH, end_of_life=TODAY + datetime.timedelta(days=days))
    assert reason(image, RTX3090, "end_of_life").grade is grade
    assert verdict(image, RTX3090).grade is (Grade.NO if grade is Grade.NO else Grade.NATIVE)


# 8. Kernels of the build


@pytest.mark.parametrize(
    ("kernels", "capability", "grade"),
    [
        (("8.0",), "8.9", Grade.NATIVE),
        (("8.6",), "8.0", Grade.NO),
        (("8.0",), "9.0", Grade.NO),
        (("8.0+PTX",), "9.0", Grade.JIT),
        (("12.0+PTX",), "9.0", Grade.NO),
        (("9.0a",), "9.0", Grade.NATIVE),
        (("9.0a+PTX",), "10.0", Grade.NO),
        (("10.0a",), "10.3", Grade.NO),
        (("10.0f",), "10.3", Grade.NATIVE),
        (("10.0f",), "10.7", Grade.NO),
        (("12.0f",), "12.1", Grade.NATIVE),
        (("sm_80", "compute_90"), "9.0", Grade.JIT),
        (("sm_120",), "12.1", Grade.NATIVE),
        ((), "9.0", Grade.NO),
    ],
)
def test_kernels_of_the_build(kernels: tuple[str, ...], capability: str, grade: Grade) -> None:
    image = Image(cuda="12.8.0", kernel_architectures=kernels)
    assert verdict(image, replace(H100, compute_capability=capability)).grade is grade


def test_the_build_counts_instead_of_the_release() -> None:
    p100 = replace(H100, compute_capability="6.0", gpu_name="Tesla P100")
    kaggle = Image(cuda="12.8.0", framework="PyTorch", framework_version="2.8.0")
    found = reason(kaggle, p100, "gpu_not_in_build")
    assert found.grade is Grade.NO
    assert found.found == "7.0 7.5 8.0 8.6 9.0 10.0 12.0"
    assert "arch_list_unknown" not in codes(kaggle, p100)
    assert verdict(replace(kaggle, cuda="12.6.3"), p100).grade is Grade.NATIVE
    unreadable = replace(kaggle, framework="other", kernel_architectures=("all",))
    assert "arch_list_unknown" in codes(unreadable, p100)


# 9. Compat libraries

FIRST = Image(cuda="12.4.1", compat_package=COMPAT, compat_on_loader_path=True, kernel_architectures=("7.5", "8.0"))


@pytest.mark.parametrize(
    ("worker", "grade", "code"),
    [
        (replace(RTX3090, driver_version="535.104.05"), Grade.NO, "compat_on_wrong_gpu"),
        (replace(RTX3090, driver_version="550.54.15"), Grade.NATIVE, None),
        (replace(RTX3090, driver_version="560.28.03"), Grade.NO, "compat_older_than_driver"),
        (T4, Grade.MINOR, "driver_too_old"),
        (replace(T4, driver_version="560.28.03"), Grade.NO, "compat_older_than_driver"),
        (replace(T4, gpu_name=None, gpu_brand=None), Grade.UNKNOWN, "fact_missing"),
    ],
)
def test_compat_libraries_on_the_loader_path(worker: Node, grade: Grade, code: str | None) -> None:
    found = verdict(FIRST, worker)
    assert found.grade is grade
    assert code is None or found.reasons[0].code == code


def test_compat_libraries_that_may_come_first_are_a_caveat() -> None:
    maybe = replace(FIRST, compat_on_loader_path=None)
    older = replace(RTX3090, driver_version="535.104.05")
    assert verdict(maybe, older).grade is Grade.MINOR
    assert reason(maybe, older, "compat_on_wrong_gpu").grade is Grade.CAVEAT
    assert "compat_on_wrong_gpu" not in codes(replace(FIRST, compat_on_loader_path=False), older)


def test_only_a_branch_is_known_of_the_compat_package() -> None:
    branch = replace(FIRST, compat_package=CompatLibraries("12.4", "550"))
    assert verdict(branch, replace(RTX3090, driver_version="550.120")).grade is Grade.NATIVE
    assert verdict(branch, replace(RTX3090, driver_version="555.42.02")).grade is Grade.NO


# 10. Compiling at run time


@pytest.mark.parametrize(
    ("worker", "grade"), [(T4, Grade.NO), (OLD_T4, Grade.NO), (replace(T4, driver_version="550.54.15"), Grade.NATIVE)]
)
def test_compiling_at_run_time_needs_a_native_driver(worker: Node, grade: Grade) -> None:
    image = replace(FORWARD, compat_on_loader_path=None, compiles_at_runtime=True)
    assert verdict(image, worker).grade is grade
    assert ("ptx_needs_newer_driver" in codes(image, worker)) == (grade is Grade.NO)


def test_not_knowing_whether_it_compiles_is_a_caveat_under_minor() -> None:
    found = reason(CUDA_12_4, T4, "ptx_needs_newer_driver")
    assert found.grade is Grade.CAVEAT
    assert found.remedy == "Upgrade the driver to 550.54.15 or later, or use an image built with CUDA 9.0 to 12.2.", (
        "12.3 and 12.4 run on this driver, but it cannot read their PTX"
    )
    assert verdict(CUDA_12_4, T4).grade is Grade.MINOR


# 11. Own minimums


def test_own_minimums() -> None:
    assert reason(replace(TORCH, min_driver="590"), RTX3090, "below_own_minimum").needed == ">=590"
    cudnn = replace(TORCH, min_compute_capability="7.5")
    assert verdict(cudnn, T4).grade is Grade.NATIVE
    assert reason(cudnn, replace(T4, compute_capability="6.1"), "below_own_minimum").found == "6.1"
    assert verdict(cudnn, replace(T4, compute_capability=None)).grade is Grade.UNKNOWN


# 12. The worker's own state


def test_the_fabric() -> None:
    assert reason(TORCH, replace(H100, fabric_ready=False), "fabric_not_ready").grade is Grade.NO
    for ready in (True, None):
        assert verdict(TORCH, replace(H100, fabric_ready=ready)) == Verdict(Grade.NATIVE, ())


L4T = (("NVIDIA_REQUIRE_JETPACK", "csv-mounts=all"),)


@pytest.mark.parametrize(
    ("image", "worker", "grade"),
    [
        (Image(cuda="12.2.2"), ORIN, Grade.UNKNOWN),
        (Image(cuda="12.2.2", requirements=L4T), ORIN, Grade.NATIVE),
        (Image(cuda="11.4.2", requirements=L4T), ORIN, Grade.NO),
        (Image(cuda="12.2.2", requirements=L4T), H100, Grade.UNKNOWN),
        (Image(cuda="12.8.0", kernel_architectures=("8.0", "8.6")), ORIN, Grade.NO),
        (Image(cuda="12.8.0", kernel_architectures=("8.7",), requirements=L4T), ORIN, Grade.NATIVE),
    ],
)
def test_tegra_is_a_family_of_its_own(image: Image, worker: Node, grade: Grade) -> None:
    assert verdict(image, worker).grade is grade


@pytest.mark.parametrize(
    "worker",
    [
        replace(RTX3090, gpu_name="GRID A100-40C"),
        replace(RTX3090, gpu_name="NVIDIA L40S-48Q"),
        replace(RTX3090, gpu_brand="NvidiaVCS"),
        replace(RTX3090, gpu_brand="GRID"),
    ],
)
def test_a_virtual_gpu_is_a_caveat(worker: Node) -> None:
    assert reason(TORCH, worker, "virtual_gpu").grade is Grade.CAVEAT
    assert verdict(TORCH, worker).grade is Grade.NATIVE
    assert "virtual_gpu" not in codes(TORCH, replace(RTX3090, gpu_name="NVIDIA A100-SXM4-40GB"))


# All together


def test_every_reason_is_given_the_worst_first() -> None:
    image = Image(
        cuda="13.0.0",
        min_generation="Hopper",
        min_driver="600",
        architectures=("arm64",),
        missing_in_registry=True,
        requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=13.0"),),
    )
    worker = Node("470.57.02", "6.0", gpu_name="GRID P100", architecture="amd64", fabric_ready=False)
    found = verdict(image, worker)
    assert found.grade is Grade.NO
    assert [reason.code for reason in found.reasons] == [
        "missing_in_registry", "wrong_platform", "driver_too_old", "generation_too_old", "gpu_dropped_by_cuda",
        "start_condition", "below_own_minimum", "fabric_not_ready", "virtual_gpu", "arch_list_unknown",
    ]  # fmt: skip
    for said in found.reasons:
        assert said.code in ReasonCode
        assert said.source
        assert said.detail.endswith(".")
        assert said.remedy is not None
        assert said.remedy.endswith(".")


def test_without_facts_nothing_but_caveats() -> None:
    found = verdict(Image(cuda="12.2.2"), A6000)
    assert found.grade is Grade.NATIVE
    assert [(reason.grade, reason.code) for reason in found.reasons] == [(Grade.CAVEAT, "arch_list_unknown")]
