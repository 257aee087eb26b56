"""The rules: a table of small pure functions from a pairing to a reason or nothing, each with the facts that it reads.

All rules of a kind are run, and every reason is kept; which rule comes first decides only the order of reasons of
equal grade. docs/rules.md describes each, with examples.
"""

from bayplan.domain.compatibility.pairing import needs_jit_on_older_driver, runs
from bayplan.domain.compatibility.rules import (
    accelerator,
    compat,
    compiling,
    driver,
    environment,
    gpu,
    minimums,
    node_state,
    start,
    tegra,
)
from bayplan.domain.compatibility.rules.rule import (
    ACCELERATOR,
    CAPABILITY,
    DRIVER,
    GPU,
    KERNELS,
    MEMORY,
    NODE_DRIVER,
    Rule,
    RuleSet,
)

__all__ = ["RULES", "Rule", "RuleSet"]

RULES = RuleSet(
    general=(
        Rule(environment.withdrawn, image=("deleted", "withdrawn_reason")),
        Rule(environment.missing_in_registry, image=("missing_in_registry",)),
        Rule(environment.platform, image=("architectures",), node=("architecture",)),
        Rule(accelerator.needs_gpu, image=("works_on_cpu", "needs_driver"), node=ACCELERATOR),
        Rule(environment.end_of_life, image=("end_of_life",)),
        Rule(environment.deprecated, image=("deprecation",)),
        Rule(gpu.cpu_build, image=("is_cpu_build",), node=ACCELERATOR),
        Rule(minimums.shared_memory, image=("min_shared_memory_bytes",), node=("shared_memory_bytes",)),
    ),
    gpu=(
        Rule(
            accelerator.wrong_accelerator,
            image=("accelerator", "framework_accelerator"),
            node=(*ACCELERATOR, *GPU),
            accelerator=None,
        ),
        Rule(driver.driver, image=DRIVER, node=NODE_DRIVER),
        Rule(gpu.generation, image=("min_generation",), node=("target", *CAPABILITY)),
        Rule(gpu.kernels, image=KERNELS, node=("driver_version", *CAPABILITY)),
        Rule(compiling.jit, image=DRIVER, node=NODE_DRIVER, by_grades=needs_jit_on_older_driver),
        Rule(gpu.own_capability, image=("own_capability",), node=("target", *CAPABILITY)),
        Rule(
            start.start_condition,
            image=("requirements", "disable_require", "cuda_text"),
            node=NODE_DRIVER,
            by_grades=runs,
        ),
        Rule(compat.compat_libraries, image=DRIVER, node=NODE_DRIVER),
        Rule(
            compiling.compiles_at_runtime,
            image=(*DRIVER, "compilation", "has_xla"),
            node=NODE_DRIVER,
        ),
        Rule(driver.own_driver, image=("min_driver",), node=("driver_version", *CAPABILITY, "gpu_name")),
        Rule(minimums.gpu_memory, image=("min_gpu_memory_bytes",), node=("target", *MEMORY, *GPU), accelerator=None),
        Rule(minimums.gpus, image=("min_gpus",), node=("machine_gpus",), accelerator=None),
        Rule(node_state.fabric, node=("fabric_ready",)),
        Rule(
            node_state.cdi_specification,
            node=(
                "driver_version",
                "cdi_driver_version",
                "runtime_mode",
                "toolkit_version",
                "l4t_version",
                *CAPABILITY,
            ),
        ),
        Rule(
            node_state.toolkit_fault,
            node=("driver_version", "runtime_mode", "toolkit_version", "l4t_version", "mig_profile", *CAPABILITY),
        ),
        Rule(
            tegra.tegra,
            image=("requirements", "built_for_tegra", *DRIVER),
            node=("driver_version", "driver_cuda_version", "l4t_version", *CAPABILITY),
        ),
        Rule(node_state.virtual_gpu, node=("gpu_name", "gpu_brand", "vgpu_licensed")),
        Rule(node_state.wsl, node=("wsl", *ACCELERATOR), accelerator=None),
        Rule(
            accelerator.amd_driver,
            image=("rocm",),
            node=("driver_version", "kernel_version", "target", *GPU),
            accelerator="rocm",
        ),
        Rule(
            accelerator.amd_target,
            image=("amd_code",),
            node=("target", *GPU),
            accelerator="rocm",
        ),
        Rule(driver.native_unknown, image=DRIVER, node=NODE_DRIVER),
        Rule(compat.compat_activation, image=DRIVER, node=NODE_DRIVER),
        Rule(compat.compat_by_brand, image=DRIVER, node=NODE_DRIVER),
        Rule(compat.compat_branch, image=DRIVER, node=NODE_DRIVER),
        Rule(gpu.tegra_kernels, image=KERNELS, node=("l4t_version", *CAPABILITY)),
        Rule(gpu.narrow_kernels, image=("builds",), node=CAPABILITY),
        Rule(gpu.arch_list, image=("builds", "needs_driver_only"), node=CAPABILITY),
    ),
)
"""Every rule of bayplan."""
