"""The rules: a table of small pure functions from a case to a reason or nothing.

All rules of a kind are run, and every reason is kept; which rule comes first decides only the order of reasons of
equal grade. What each says, with examples, is in docs/rules.md.
"""

from collections.abc import Callable

from bayplan.domain.case import Case
from bayplan.domain.rules import driver, gpu, start, state
from bayplan.domain.verdict import Reason

Rule = Callable[[Case], Reason | None]

GENERAL_RULES: tuple[Rule, ...] = (
    state.withdrawn,
    state.missing_in_registry,
    state.platform,
    state.needs_gpu,
    state.end_of_life,
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
    state.fabric,
    state.tegra,
    state.virtual_gpu,
    state.wsl,
    gpu.arch_list,
)
"""What holds for an image that uses the GPU of its worker."""

RULES = GENERAL_RULES + GPU_RULES
