"""The rules: a table of small pure functions from a case to a reason or nothing.

All rules of a kind are run, and every reason is kept; which rule comes first decides only the order of reasons of
equal grade. What each says, with examples, is in docs/rules.md.
"""

from collections.abc import Callable

from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules import driver, environment, gpu, start
from bayplan.domain.compatibility.verdict import Reason

Rule = Callable[[Pairing], Reason | None]

GENERAL_RULES: tuple[Rule, ...] = (
    environment.withdrawn,
    environment.missing_in_registry,
    environment.platform,
    environment.needs_gpu,
    environment.end_of_life,
)
"""What holds with and without a GPU."""

GPU_RULES: tuple[Rule, ...] = (
    driver.driver,
    gpu.generation,
    gpu.kernels,
    gpu.jit,
    gpu.own_capability,
    start.start_condition,
    driver.compat_libraries,
    driver.compiles_at_runtime,
    driver.own_driver,
    environment.fabric,
    environment.tegra,
    environment.virtual_gpu,
    environment.wsl,
    gpu.arch_list,
)
"""What holds for an image that uses the GPU of its worker."""

RULES = GENERAL_RULES + GPU_RULES
