"""Whether an image's forward-compatibility libraries come before the driver's on a node, and which are newer.

They come first by the container toolkit (by its version and mode), by the image's entry point, or by the image's own search
path. Whether the GPU may then use them is another question.
Source: NVIDIA/nvidia-container-toolkit CHANGELOG.md (1.17.4 to 1.20.0), cmd/nvidia-cdi-hook/cudacompat/,
internal/modifier/gated.go, internal/ldconfig/ldconfig.go; NVIDIA/libnvidia-container pkg/deb/changelog, src/cli/compat_mode.c,
issue 117.
"""

from dataclasses import dataclass
from enum import Enum

from bayplan.domain.compatibility.container_runtime import CDI_MODES, JIT_CDI_BY_DEFAULT, Release, RuntimeMode
from bayplan.domain.compatibility.gpu_classes import CompatAcceptance
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.versions import DriverVersion

_FIRST_MOUNT: Release = (1, 0, 0)  # libnvidia-container mounts the image's libraries over the driver's
_MOUNTS_BEHIND_LINKS: Release = (1, 3, 1)  # /usr/local/cuda is an absolute link in images from CUDA 11 on
_LAST_MOUNT: Release = (1, 17, 3)
_FIRST_HOOK: Release = (1, 17, 5)  # enable-cuda-compat, of the nvidia runtime and of CDI specifications
_FIRST_LDCONFIG: Release = (1, 17, 7)  # the same for `--gpus` by the hook of Docker
_NO_HOOK_IN_CSV: Release = (1, 18, 0)
_HOOK_IN_CSV_AGAIN: Release = (1, 19, 0)
_READS_NOTE: Release = (1, 20, 0)
_FIRST_FOLDER_OF_DRIVER: Release = (1, 16, 0)  # written as 00-nvcr-*.conf, which sorts before other files
_DRIVER_FOLDER_IS_KEPT: Release = (1, 18, 1)  # a standard folder is not written there again, and comes last
_LINKS_FROM_CUDA = 11


class Age(Enum):
    """The package's libraries compared with the driver."""

    OLDER = "older"
    SAME = "same"
    NEWER = "newer"


@dataclass(frozen=True, slots=True)
class CompatOrder:
    """The package's libraries on a node: their age, and whether they come before the driver's.

    `first` is None where that is not known: `why_unknown` is then a clause about it, or empty where it is only the image's
    `compat_activation` that is missing.
    """

    age: Age
    first: bool | None
    why_unknown: str = ""


_BY_SEARCH_PATH = (
    "whether they do depends on how the image names their folder: in LD_LIBRARY_PATH it comes first, in ld.so.conf.d "
    "only by a file that sorts before 00-nvcr"
)
_BY_TOOLKIT = "whether they do depends on the mode of the container toolkit, and on how the container is started"


def compat_order(image: ImageRequirements, node: NodeCapabilities) -> CompatOrder | None:
    """The order of an image's forward-compatibility libraries on a node; None where it has none, or they cannot be compared."""
    compat, driver = image.compat_driver, node.driver
    if not image.has_compat or compat is None or driver is None or node.is_tegra:
        return None
    age = _age(compat, driver)
    match image.declared.compat_activation:
        case "never":
            return CompatOrder(age, first=False)
        case "always":
            unknown = _comes_after_driver_by_ld_so_conf(node)
            return CompatOrder(age, None if unknown else True, _BY_SEARCH_PATH if unknown else "")
        case "entrypoint":
            return CompatOrder(age, first=age is Age.NEWER and _works(image, node, driver))
        case "toolkit":
            first = _by_toolkit(image, node, compat, driver)
            return CompatOrder(age, first, "" if first is not None else _BY_TOOLKIT)
        case None:
            return CompatOrder(age, None)


def _age(compat: DriverVersion, driver: DriverVersion) -> Age:
    """Where the branch alone is known of one, the other is neither newer nor older if it is of that branch."""
    if compat.may_be(driver):
        return Age.SAME
    return Age.NEWER if compat > driver else Age.OLDER


def _works(image: ImageRequirements, node: NodeCapabilities, driver: DriverVersion) -> bool:
    """What the entry point of an NGC image tests: that the driver accepts the libraries on this GPU."""
    assert image.compat_driver is not None, "compared before"
    accepted = node.accepted_by_compat(image.compat_cuda)
    branches = image.tables.compat_accepts(image.compat_cuda) if image.compat_cuda is not None else frozenset()
    return (
        accepted is not CompatAcceptance.REFUSED
        and node.may_have(image.compat_driver)
        and (not branches or driver.branch in branches)
    )


def _comes_after_driver_by_ld_so_conf(node: NodeCapabilities) -> bool:
    """Whether a folder in ld.so.conf.d comes after the driver's in every mode that the node may have."""

    def after(mode: RuntimeMode) -> bool:
        if mode is RuntimeMode.LEGACY:
            return True
        if mode not in CDI_MODES or node.toolkit is None:
            return False
        return _FIRST_FOLDER_OF_DRIVER <= node.toolkit < _DRIVER_FOLDER_IS_KEPT

    return bool(node.runtime_modes) and all(after(mode) for mode in node.runtime_modes)


def _by_toolkit(
    image: ImageRequirements, node: NodeCapabilities, compat: DriverVersion, driver: DriverVersion
) -> bool | None:
    """Whether the toolkit puts the libraries first: None where the modes that the node may have differ."""
    results = {_in_mode(mode, image, node, compat, driver) for mode in _modes(node)}
    return results.pop() if len(results) == 1 else None


def _modes(node: NodeCapabilities) -> tuple[RuntimeMode, ...]:
    if node.runtime_modes:
        return node.runtime_modes
    if node.toolkit is not None and node.toolkit < JIT_CDI_BY_DEFAULT:
        return (RuntimeMode.LEGACY,)
    return (RuntimeMode.JIT_CDI, RuntimeMode.LEGACY)


def _in_mode(
    mode: RuntimeMode, image: ImageRequirements, node: NodeCapabilities, compat: DriverVersion, driver: DriverVersion
) -> bool | None:
    newer_branch, toolkit = compat.branch > driver.branch, node.toolkit
    if mode in CDI_MODES and node.reported.wsl:
        return False
    if toolkit is None:
        return newer_branch  # the hook is assumed
    if mode is RuntimeMode.LEGACY:
        return _in_legacy_mode(toolkit, image, compat, driver)
    if toolkit < _FIRST_HOOK:
        return False
    if mode is RuntimeMode.CSV:
        return _in_csv_mode(toolkit, image, node, newer_branch=newer_branch)
    return newer_branch if toolkit < _READS_NOTE else _by_note(image, compat, driver)


def _in_legacy_mode(
    toolkit: Release, image: ImageRequirements, compat: DriverVersion, driver: DriverVersion
) -> bool | None:
    newer_branch = compat.branch > driver.branch
    if toolkit <= _LAST_MOUNT:
        behind_link = image.base_cuda is None or image.base_cuda.major >= _LINKS_FROM_CUDA
        mounts = toolkit >= (_MOUNTS_BEHIND_LINKS if behind_link else _FIRST_MOUNT)
        return mounts and compat.branch != driver.branch
    if toolkit < _FIRST_HOOK:
        return False
    if toolkit < _FIRST_LDCONFIG:
        return None if newer_branch else False  # the hook of the nvidia runtime does, that of `--gpus` does not
    return newer_branch


def _in_csv_mode(
    toolkit: Release, image: ImageRequirements, node: NodeCapabilities, *, newer_branch: bool
) -> bool | None:
    if toolkit < _NO_HOOK_IN_CSV:
        return newer_branch
    if toolkit < _HOOK_IN_CSV_AGAIN:
        return False
    if image.compat_cuda is None or node.driver_cuda is None or node.driver_cuda_is_least:
        return None
    return image.compat_cuda.release > node.driver_cuda.release


def _by_note(image: ImageRequirements, compat: DriverVersion, driver: DriverVersion) -> bool | None:
    """By the driver branches that the libraries' note lists, which are taken to be those of the start condition.

    None where the library may have no note, or one that lists the driver's own branch.
    """
    if compat.branch > driver.branch:
        accepted = image.tables.compat_accepts(image.compat_cuda) if image.compat_cuda is not None else frozenset()
        return True if driver.branch in accepted else None
    return None if compat.branch == driver.branch and compat > driver else False
