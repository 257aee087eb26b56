"""What an image's facts are read from, and the facts themselves. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from bayplan.registry.build_history import BuildHistory
from bayplan.registry.installations import Installation, installations

Value = str | bool | int | list[str] | dict[str, str] | dict[str, str | None] | dict[str, list[str]]
Where = Literal["env", "label", "annotation"]
Certainty = Literal["stated", "derived"]


@dataclass(frozen=True, slots=True)
class ObservedFact:
    """A fact that an image states about itself, its source, and its certainty."""

    value: Value
    source: str
    certainty: Certainty

    @property
    def is_of_tag(self) -> bool:
        """Whether the image's name alone has it: such a fact contradicts nothing."""
        return self.source.startswith(("tag ", "repository "))


Facts = dict[str, ObservedFact]
NamedFact = tuple[str, ObservedFact]


@dataclass(frozen=True)
class Evidence:
    """All that an image's manifest, configuration and name say of it."""

    env: Mapping[str, str] = field(default_factory=dict)
    label: Mapping[str, str] = field(default_factory=dict)
    annotation: Mapping[str, str] = field(default_factory=dict)
    history: BuildHistory = field(default_factory=BuildHistory)
    start: tuple[str, ...] = ()
    """The words of the entry point and of the command."""
    repository: str = ""
    """Registry and repository, as in nvcr.io/nvidia/pytorch."""
    tag: str = ""

    def by(self, where: Where) -> Mapping[str, str]:
        """The texts of one of the three places."""
        return {"env": self.env, "label": self.label, "annotation": self.annotation}[where]

    @cached_property
    def installations(self) -> tuple[Installation, ...]:
        """What the build installed, in its order."""
        return installations(self.history, self.env)


def stated(value: Value, source: str) -> ObservedFact:
    """A fact that a variable or a label says."""
    return ObservedFact(value, source, "stated")


def derived(value: Value, source: str) -> ObservedFact:
    """A fact that is worked out of the history, the entry point or the tag."""
    return ObservedFact(value, source, "derived")
