"""The AMD GPUs that compiled code runs on: code for a target, with its features, and for LLVM's generic targets.

There is no portable form as PTX is: code runs on the target that it was made for, and code for a generic target on those
that LLVM lists for it. Code that names a feature (xnack, sramecc) runs only where the GPU's is set so; code that does not,
on both.
Source: LLVM, User Guide for AMDGPU Backend, Target ID and Generic processors.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from bayplan.domain.compatibility.image import FRAMEWORK, Image, KernelArchitectures
from bayplan.domain.compatibility.tables import GfxTarget, Tables
from bayplan.domain.compatibility.tables.libraries import library_name
from bayplan.domain.compatibility.verdict import Grade

_TARGET = re.compile(r"(gfx[0-9a-f]{3,5}|gfx[0-9]{1,2}(?:-[0-9])?-generic)((?::[a-z]+[+-])*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class TargetId:
    """A target with the features that are named: "gfx90a:sramecc+:xnack-"."""

    processor: str
    features: tuple[tuple[str, bool], ...]


@lru_cache(maxsize=1024)
def parse_target(text: str) -> TargetId | None:
    """The target in a text; None for anything else."""
    parts = _TARGET.fullmatch(text.strip().lower())
    if parts is None:
        return None
    features = [(word[:-1], word[-1] == "+") for word in parts[2].split(":") if word]
    return TargetId(parts[1], tuple(sorted(features)))


def is_target(text: str) -> bool:
    """Whether an entry of an architecture list is one of AMD's."""
    return parse_target(text) is not None


def amd_code(image: Image, tables: Tables) -> KernelArchitectures | None:
    """The targets that an image's libraries were built for: its own facts, and the table's for its framework's build."""
    own = image.kernel_architectures or ()
    names = {FRAMEWORK, library_name(image.framework or FRAMEWORK)}
    if not any(library_name(library) in names for library, _ in own):
        row = tables.arch_list(image.framework, image.framework_version, None, "amd64")
        if row is not None and all(map(is_target, row.kernel_architectures)):
            return (*own, (FRAMEWORK, row.kernel_architectures))
    return image.kernel_architectures


def grade_on_targets(code: Iterable[str], targets: Iterable[str], tables: Tables) -> Grade:
    """The grade that all the targets have which a GPU may be; UNKNOWN where they differ."""
    code = tuple(code)
    grades = {grade_on_target(code, target, tables) for target in targets}
    return grades.pop() if len(grades) == 1 else Grade.UNKNOWN


def grade_on_target(code: Iterable[str], target: str, tables: Tables) -> Grade:
    """NATIVE where some of the code runs on the target, NO where none does; UNKNOWN where a feature or a table decides it."""
    gpu = parse_target(target)
    if gpu is None:
        return Grade.UNKNOWN
    row = tables.machines.gfx.get(gpu.processor)
    objects = [parsed for text in code if (parsed := parse_target(text)) is not None]
    results = {any(_runs(each, state, row) for each in objects) for state in _states(gpu, objects)}
    if len(results) == 1:
        if results == {True}:
            return Grade.NATIVE
        may_be_listed = row is None and any(_may_list(each.processor, gpu.processor) for each in objects)
        return Grade.UNKNOWN if may_be_listed else Grade.NO
    return Grade.UNKNOWN


def _states(gpu: TargetId, objects: Iterable[TargetId]) -> Iterator[TargetId]:
    """The GPU with each setting of the features that code names and the GPU does not report."""
    known = dict(gpu.features)
    names = sorted({name for each in objects for name, _ in each.features} - known.keys())
    for settings in product((False, True), repeat=len(names)):
        yield TargetId(gpu.processor, tuple({**known, **dict(zip(names, settings, strict=True))}.items()))


def _runs(code: TargetId, gpu: TargetId, row: GfxTarget | None) -> bool:
    if code.processor != gpu.processor and (row is None or code.processor != row.generic):
        return False
    settings = dict(gpu.features)
    return all(settings.get(name) is setting for name, setting in code.features)


def _may_list(generic: str, processor: str) -> bool:
    """Whether a generic target may list a processor that no table has: a later LLVM may have added it."""
    name, is_generic, _ = generic.partition("-generic")
    return bool(is_generic) and processor.startswith(name.replace("-", ""))
