"""The classes and brands of GPUs, and which of them may use forward-compatibility libraries.

Source: NVML API reference, nvmlBrandType_t; NVIDIA CUDA Compatibility, Forward Compatibility; the table of brands.
"""

import re
from enum import Enum

# NVML's brands, in its enumeration's and in its tools' spelling, as the words of start conditions.
_BRANDS = {
    "nvidiavapps": "vapps",
    "nvidiavirtualapplications": "vapps",
    "virtualapplications": "vapps",
    "nvidiavpc": "vpc",
    "nvidiavirtualpc": "vpc",
    "virtualpc": "vpc",
    "nvidiavcs": "vcs",
    "nvidiavirtualcomputeserver": "vcs",
    "virtualcomputeserver": "vcs",
    "nvidiavws": "vws",
    "nvidiartxvirtualworkstation": "vws",
    "rtxvirtualworkstation": "vws",
    "nvidiacloudgaming": "cloudgaming",
    "nvidiavgaming": "cloudgaming",
    "vgaming": "cloudgaming",
    "rtx": "nvidiartx",
}
DATA_CENTRE_BRANDS = frozenset({"tesla"})
REFUSED_BRANDS = frozenset({"geforce", "geforcertx", "titan", "titanrtx"})
"""Those that the libraries refuse with error 804, whatever the start condition of the release lists."""
OTHER_BRANDS = REFUSED_BRANDS | {"quadro", "quadrortx", "nvidiartx", "nvs", "cloudgaming"}
VIRTUAL_BRANDS = frozenset({"grid", "vapps", "vpc", "vcs", "vws"})
# A vGPU's name ends in its memory and series (GRID A100-40C, NVIDIA L40S-48Q) or says what it is.
_VIRTUAL_NAME = re.compile(r"\b(?:v?grid|vgpu|vws|vcs|virtual)\b|-[0-9]{1,3}[abcq]\b", re.IGNORECASE | re.ASCII)


class CompatAcceptance(Enum):
    """Whether the forward-compatibility libraries of a release accept a GPU, and by what that is known."""

    BY_CLASS = "class"
    BY_BRAND = "brand"
    REFUSED = "refused"
    UNKNOWN = "unknown"


def brand_word(reported: str | None) -> str | None:
    """The brand that NVML reports as a start condition's word."""
    if reported is None:
        return None
    word = re.sub(r"[^a-z0-9]", "", reported.casefold()).removeprefix("nvmlbrand")
    return _BRANDS.get(word, word) or None


def names_virtual_gpu(gpu_name: str | None) -> bool:
    """Whether the name is that of a virtual GPU."""
    return gpu_name is not None and _VIRTUAL_NAME.search(gpu_name) is not None


def compat_acceptance(
    *, data_centre: bool | None, brand: str | None, named: tuple[str, ...], listed: frozenset[str]
) -> CompatAcceptance:
    """Whether libraries whose release lists these brands accept a GPU of that class and brand.

    `named` are the brands that the GPU's name allows; they count where no brand is reported.
    """
    if data_centre:
        return CompatAcceptance.BY_CLASS
    brands = frozenset((brand,)) if brand is not None else frozenset(named)
    if brands and (brands <= REFUSED_BRANDS or (named and REFUSED_BRANDS.issuperset(named))):
        return CompatAcceptance.REFUSED
    if brands and brands <= listed:
        return CompatAcceptance.BY_BRAND
    if data_centre is None or (len(brands) > 1 and brands & listed):
        return CompatAcceptance.UNKNOWN
    return CompatAcceptance.REFUSED
