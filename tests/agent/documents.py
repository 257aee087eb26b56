"""What `nvidia-smi -q -x` prints, written from its documented form: NVIDIA's nvsmi_device_v12.dtd and v13.dtd.

The elements that bayplan reads are all there, with a good part of those between, in the DTD's order and nesting. What drivers
of real machines printed is in `recorded.csv`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """A GPU as nvidia-smi words it."""

    name: str
    brand: str
    memory: str
    capability: str
    architecture: str = "Ampere"
    fabric: str | None = None


A6000 = Card("NVIDIA RTX A6000", "NVIDIA RTX", "49140 MiB", "8.6")
T4 = Card("Tesla T4", "NVIDIA", "15360 MiB", "7.5", "Turing")
H100 = Card("NVIDIA H100 80GB HBM3", "NVIDIA", "81559 MiB", "9.0", "Hopper", "Completed")
RTX5090 = Card("NVIDIA GeForce RTX 5090", "GeForce", "32607 MiB", "12.0", "Blackwell")
ORIN = Card("Orin (nvgpu)", "N/A", "N/A", "8.7")


def log(driver: str, *cards: Card) -> str:
    """The whole document, as the driver of that version words it."""
    branch = int(driver.partition(".")[0])
    version = 13 if branch >= 560 else 12
    # v13 says that `driver_version` and `cuda_version` are deprecated, and names what replaces them.
    later = (
        f"\n\t<kmd_version>{driver}</kmd_version>\n\t<cuda_umd_version>13.0</cuda_umd_version>" if branch >= 580 else ""
    )
    return (
        f'<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v{version}.dtd">\n<nvidia_smi_log>\n'
        f"\t<timestamp>Mon Nov 23 10:00:00 2026</timestamp>\n\t<driver_version>{driver}</driver_version>\n"
        f"\t<cuda_version>12.2</cuda_version>{later}\n\t<attached_gpus>{len(cards)}</attached_gpus>\n"
        + "".join(_gpu(number, card, branch) for number, card in enumerate(cards))
        + "</nvidia_smi_log>\n"
    )


def _gpu(number: int, card: Card, branch: int) -> str:
    addressing = "\t\t<addressing_mode>None</addressing_mode>\n" if branch >= 550 else ""
    state = card.fabric or "N/A"
    return f"""\t<gpu id="00000000:0{number + 1}:00.0">
\t\t<product_name>{card.name}</product_name>
\t\t<product_brand>{card.brand}</product_brand>
\t\t<product_architecture>{card.architecture}</product_architecture>
\t\t<display_mode>Disabled</display_mode>
\t\t<persistence_mode>Enabled</persistence_mode>
{addressing}\t\t<mig_mode>
\t\t\t<current_mig>N/A</current_mig>
\t\t\t<pending_mig>N/A</pending_mig>
\t\t</mig_mode>
\t\t<mig_devices>
\t\t\tNone
\t\t</mig_devices>
\t\t<serial>N/A</serial>
\t\t<uuid>GPU-00000000-0000-0000-0000-00000000000{number}</uuid>
\t\t<minor_number>{number}</minor_number>
\t\t<fabric>
\t\t\t<state>{state}</state>
\t\t\t<status>{"Success" if card.fabric == "Completed" else "N/A"}</status>
\t\t</fabric>
\t\t<fb_memory_usage>
\t\t\t<total>{card.memory}</total>
\t\t\t<reserved>450 MiB</reserved>
\t\t\t<used>1 MiB</used>
\t\t\t<free>{card.memory}</free>
\t\t</fb_memory_usage>
\t\t<bar1_memory_usage>
\t\t\t<total>256 MiB</total>
\t\t\t<used>1 MiB</used>
\t\t\t<free>255 MiB</free>
\t\t</bar1_memory_usage>
\t\t<processes>
\t\t</processes>
\t</gpu>
"""


def capabilities(*cards: Card) -> str:
    """What `nvidia-smi --query-gpu=index,compute_cap --format=csv,noheader` prints."""
    return "".join(f"{index}, {card.capability}\n" for index, card in enumerate(cards))
