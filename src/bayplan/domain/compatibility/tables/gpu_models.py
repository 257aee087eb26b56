"""The names of GPUs: which models of the table a name may mean, and what is true of all of them.

A name is compared word by word, so that "A100" is no "A1000" and "RTX 4060" no "RTX 4060 Ti" that has rows of its own.
Where a name may mean several models, all of them are given: what they agree on is known, and the rest is not.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import TypeVar

from bayplan.domain.compatibility.tables.machine_rows import GpuModel
from bayplan.domain.versions import ComputeCapability

T = TypeVar("T")

_NO_WORD = re.compile(r"[^a-z0-9+]+")
# Where people leave out a blank: "RTX4090", "GT710", "RX7900XT", "TeslaT4", "4070TiSuper", "4090D", "H100x8".
_JOINED = re.compile(
    r"(?<=[rg]tx)(?=a?[0-9])|(?<=\bgt)(?=[0-9])|(?<=\brx)(?=[0-9])|(?<=\btesla)(?=[a-z][0-9])|(?<=\bquadro)(?=[a-z])"
    r"|(?<=\bgeforce)(?=[gr]tx?)|(?<=\bnvidia)(?=[a-z])|(?<=\bgaudi)(?=[0-9])|(?<=[0-9]{4})(?=ada\b|d\b)"
    r"|(?<=[0-9]{3})(?=ti(?:super)?\b|super\b|xtx?\b|gre\b|x[0-9]{1,2}\b)|(?<=[0-9]ti)(?=super\b)|(?<=pro)(?=w[0-9])"
)
_NUMBER = re.compile(r"[a-z]*[0-9]{3,}[a-z]*")
_VENDORS = frozenset({"nvidia", "geforce", "tesla", "amd", "instinct", "gpu"})
_SIZE = re.compile(r"([0-9]{1,4})gb?")


@dataclass(frozen=True, slots=True)
class NamedGpu:
    """What a GPU's name tells; where the name may mean several models, each value that one of them has."""

    models: tuple[str, ...] = ()
    """The words of the models; none where the name has a family's or a vendor's only."""
    accelerator: str | None = None
    capabilities: tuple[ComputeCapability, ...] = ()
    targets: tuple[str, ...] = ()
    memory_gib: tuple[int, ...] = ()
    data_centre: bool | None = None
    brands: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class GpuNames:
    """The lookup of names in the table of models; `generation_words` gives the words of a capability's generation."""

    models: Sequence[GpuModel]
    generation_words: Callable[[ComputeCapability], frozenset[str]]
    all_generation_words: frozenset[str]

    @cached_property
    def find(self) -> Callable[[str], NamedGpu]:
        """The function that tells what a name says; it keeps its last answers."""
        return lru_cache(maxsize=1024)(lambda name: self._find(_words(name)))

    @cached_property
    def nearest(self) -> Callable[[str], tuple[str, ...]]:
        """The function that gives the models whose names are written most like a name, nearest first; none for none alike."""
        compact = {"".join(_words(model.words)): model.words for model in self.models if model.is_board}
        return lru_cache(maxsize=256)(
            lambda name: tuple(compact[near] for near in get_close_matches("".join(_own_words(name)), compact))
        )

    @cached_property
    def _order(self) -> dict[str, int]:
        return {model.words: number for number, model in enumerate(self.models)}

    @cached_property
    def _by_word(self) -> dict[str, list[tuple[tuple[str, ...], GpuModel]]]:
        """The rows by each of their words."""
        rows: dict[str, list[tuple[tuple[str, ...], GpuModel]]] = {}
        for model in self.models:
            words = _words(model.words)
            for word in dict.fromkeys(words):
                rows.setdefault(word, []).append((words, model))
        return rows

    def _find(self, name: tuple[str, ...]) -> NamedGpu:
        rows = {words: model for word in name for words, model in self._by_word.get(word, ())}
        families = [model for words, model in rows.items() if not model.is_board and _has(name, words)]
        vendors = {model.accelerator for model in families}
        family = sorted(families, key=lambda model: self._order[model.words])[:1]
        boards = [
            (words, model)
            for words, model in rows.items()
            if model.is_board and (not vendors or model.accelerator in vendors)
        ]
        by_words = _longest((words, model) for words, model in boards if _has(name, words))
        by_ends = _longest((end, model) for words, model in boards for end in _ends(words) if _has(name, end))
        for found in (by_words, by_ends):
            capabilities = self._of_generation(name, found)
            if found and capabilities is not None:
                return _told_by(found, capabilities, name)
        return _told_by(family, (), name)

    def _of_generation(self, name: tuple[str, ...], models: Sequence[GpuModel]) -> tuple[ComputeCapability, ...] | None:
        """The models' capabilities that fit a generation that the name has; None where none of them does."""
        capabilities = tuple(sorted({capability for model in models for capability in model.capabilities}))
        generations = self.all_generation_words.intersection(name)
        if not generations or not capabilities:
            return capabilities
        fitting = tuple(each for each in capabilities if generations & self.generation_words(each))
        return fitting or None


def _told_by(models: Sequence[GpuModel], capabilities: tuple[ComputeCapability, ...], name: Iterable[str]) -> NamedGpu:
    sizes = {int(size[1]) for word in name if (size := _SIZE.fullmatch(word)) is not None}
    memory = {gib for model in models for gib in model.memory_gib}
    return NamedGpu(
        models=tuple(model.words for model in models if model.is_board),
        accelerator=_one({model.accelerator for model in models}),
        capabilities=capabilities,
        targets=tuple(dict.fromkeys(target for model in models for target in model.targets)),
        memory_gib=tuple(sorted(memory & sizes or memory)),
        data_centre=_one({model.data_centre for model in models}),
        brands=tuple(dict.fromkeys(brand for model in models for brand in model.brands)),
    )


def _words(name: str) -> tuple[str, ...]:
    return tuple(_JOINED.sub(" ", _NO_WORD.sub(" ", name.casefold())).split())


def _own_words(name: str) -> tuple[str, ...]:
    """The words of a name without those of vendors, which say nothing of the model."""
    words = _words(name)
    return tuple(word for word in words if word not in _VENDORS) or words


def _has(name: tuple[str, ...], words: tuple[str, ...]) -> bool:
    size = len(words)
    return any(name[at : at + size] == words for at in range(len(name) - size + 1))


def _ends(words: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    """The ends of a model's words by which people call it, from its number on: "4090" of "RTX 4090"."""
    return [words[at:] for at in range(1, len(words)) if _NUMBER.fullmatch(words[at])]


def _longest(found: Iterable[tuple[tuple[str, ...], GpuModel]]) -> list[GpuModel]:
    """The models with the most words, each once."""
    by_size: dict[int, dict[str, GpuModel]] = {}
    for words, model in found:
        by_size.setdefault(len(words), {})[model.words] = model
    return list(by_size[max(by_size)].values()) if by_size else []


def _one(values: set[T]) -> T | None:
    return next(iter(values)) if len(values) == 1 else None
