"""The rules: a table of small pure functions from a pairing to a reason or nothing, each with the facts that it reads.

All rules of a kind are run, and every reason is kept; which rule comes first decides only the order of reasons of
equal grade. docs/rules.md describes each, with examples.
"""

from bayplan.domain.compatibility.pairing import needs_jit_on_older_driver, runs
from bayplan.domain.compatibility.rules import driver, environment, gpu, start
from bayplan.domain.compatibility.rules.rule import CAPABILITY, DRIVER, GPU, KERNELS, Rule, RuleSet

__all__ = ["RULES", "Rule", "RuleSet"]

RULES = RuleSet(
    general=(
        Rule(environment.withdrawn, image=("deleted", "withdrawn_reason")),
        Rule(environment.missing_in_registry, image=("missing_in_registry",)),
        Rule(environment.platform, image=("architectures",), node=("architecture",)),
        Rule(environment.needs_gpu, image=("cpu",), node=("driver_version",)),
        Rule(environment.end_of_life, image=("end_of_life",)),
    ),
    gpu=(
        Rule(driver.driver, image=DRIVER, node=("driver_version", *GPU)),
        Rule(gpu.generation, image=("min_generation",), node=CAPABILITY),
        Rule(gpu.kernels, image=KERNELS, node=(*CAPABILITY, "gpu_name")),
        Rule(gpu.jit, image=("cuda",), node=("driver_version", *GPU), by_grades=needs_jit_on_older_driver),
        Rule(gpu.own_capability, image=("min_compute_capability",), node=(*CAPABILITY, "gpu_name")),
        Rule(
            start.start_condition,
            image=("requirements", "disable_require", "cuda"),
            node=("driver_version", *GPU, "runtime_mode"),
            by_grades=runs,
        ),
        Rule(driver.compat_libraries, image=DRIVER, node=("driver_version", *GPU)),
        Rule(driver.compiles_at_runtime, image=(*DRIVER, "compiles_at_runtime"), node=("driver_version", *GPU)),
        Rule(driver.own_driver, image=("min_driver",), node=("driver_version", *CAPABILITY, "gpu_name")),
        Rule(environment.fabric, node=("fabric_ready",)),
        Rule(environment.tegra, image=("requirements", "cuda"), node=("driver_version", *CAPABILITY, "gpu_name")),
        Rule(environment.virtual_gpu, node=("gpu_name", "gpu_brand")),
        Rule(environment.wsl, node=("driver_version", "architecture")),
        Rule(gpu.arch_list, image=("builds",), node=CAPABILITY),
    ),
)
"""Every rule of bayplan."""
