"""An image as a batch script of Slurm that imports and runs it with enroot.

Sources: Slurm, sbatch (--gpus, --constraint: features are the site's own names); NVIDIA/enroot doc/cmd/import.md: the registry
stands before `#`, and no digest is taken. Features here are named `cc86` by compute capability and `gfx942` by target.
"""

import shlex

from bayplan.domain.reference import DOCKER_HUB, Reference
from bayplan.exports.documents import dns_name
from bayplan.exports.needs import GpuTerm, exported_platforms, gpu_terms, notes, uses_gpu
from bayplan.schemas.floors import FloorAnswer, PlatformFloorAnswer


def slurm(floor: FloorAnswer) -> str:
    """A script for `sbatch`; raises `Invalid` for an image of which it is not known what it needs."""
    platforms = exported_platforms(floor)
    platform = next(filter(uses_gpu, platforms), platforms[0])
    name = dns_name(floor["name"])
    reference = Reference.parse(floor["url"])
    host = "" if reference.registry == DOCKER_HUB else f"{reference.registry}#"
    uri = f"docker://{host}{reference.repository}:{reference.tag or 'latest'}"
    lines = ["#!/bin/bash", *(f"# {line}" for line in notes(floor)), f"#SBATCH --job-name={name}"]
    lines += _sbatch(platform)
    lines += ["set -eu", *_driver_check(platform)]
    if floor["digest"] is not None:
        lines.append(f"# enroot imports by the tag; the catalogue expects {floor['digest']}.")
    file = shlex.quote(f"{name}.sqsh")
    lines.append(f"[ -f {file} ] || enroot import --output {file} {shlex.quote(uri)}")
    lines.append(f'srun --container-image=./{file} "$@"')
    return "\n".join(lines) + "\n"


def features(platform: PlatformFloorAnswer) -> tuple[str, ...]:
    """The features of nodes of which a node needs one."""
    if platform["rocm"] is not None:
        return tuple(dict.fromkeys(target.partition(":")[0] for target in platform["rocm"]["targets"]))
    return tuple(f"cc{term.major}{minor}" for term in gpu_terms(platform) for minor in term.minors)


def _sbatch(platform: PlatformFloorAnswer) -> list[str]:
    if not uses_gpu(platform):
        return []
    return [
        f"#SBATCH --gpus={platform['gpu_count'] or 1}",
        "# Features are a site's own names: here a node has that of its GPU's compute capability (cc86), or target (gfx942).",
        f'#SBATCH --constraint="{"|".join(features(platform))}"',
    ]


_OLDER = """older() {
  local first second part
  IFS=. read -ra first <<< "$1"
  IFS=. read -ra second <<< "$2"
  for part in 0 1 2 3; do
    if (( 10#${first[part]:-0} != 10#${second[part]:-0} )); then
      (( 10#${first[part]:-0} < 10#${second[part]:-0} ))
      return
    fi
  done
  return 1
}"""
"""Compares versions number by number: 535.104.05 is not older than 535.104.5, which `sort -V` has before it."""


def _driver_check(platform: PlatformFloorAnswer) -> list[str]:
    """Lines that end the job where the driver of the node is in no range of its GPU."""
    terms = gpu_terms(platform)
    if not terms:
        return []
    lines = [
        "# Slurm knows no drivers: the job ends here where the node's does not run the image.",
        *_OLDER.split("\n"),
        "IFS=', ' read -r capability driver < <(nvidia-smi --query-gpu=compute_cap,driver_version --format=csv,noheader) || true",
        '[[ "$driver" =~ ^[0-9]+(\\.[0-9]+)*$ ]] || { echo "nvidia-smi says no driver on this node." >&2; exit 1; }',
        "runs=no",
        'case "$capability" in',
    ]
    for term in terms:
        lines.append(f"  {'|'.join(f'{term.major}.{minor}' for minor in term.minors)})")
        lines += [f"    {test}" for test in _tests(term)]
        lines.append("    ;;")
    lines += [
        "esac",
        '[ "$runs" = yes ] || { echo "The driver $driver with compute capability $capability does not run this image." >&2; exit 1; }',
    ]
    return lines


def _tests(term: GpuTerm) -> list[str]:
    tests = []
    for drivers in term.drivers:
        parts = []
        if drivers.first is not None:
            parts.append(f'! older "$driver" {_text(drivers.first)}')
        if drivers.below is not None:
            parts.append(f'older "$driver" {_text(drivers.below)}')
        tests.append(f"if {' && '.join(parts) or 'true'}; then runs=yes; fi")
    return tests


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
