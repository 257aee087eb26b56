"""The images that this machine is to hold, and its engine: pulls what is missing, removes what it pulled itself and is wanted no more.

Nothing else is ever touched: what somebody else pulled, or a container uses, stays. What there is no room for is left out, and
smaller images behind it still go.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bayplan.agent import owned_images
from bayplan.agent.desired import DesiredImage, Failure
from bayplan.agent.disk_budget import DiskBudget, DiskLimits, NoRoom
from bayplan.agent.engine import Engine, LocalImage
from bayplan.agent.engine_errors import EngineFailed, printable
from bayplan.agent.owned_images import OwnedImage
from bayplan.agent.progress import Progress
from bayplan.agent.pull import OF_THE_MACHINE, gigabytes
from bayplan.domain.reference import Reference

if TYPE_CHECKING:
    from bayplan.schemas.prefetch import InventoryEntry, State

LOOK_SECONDS = 2.0  # at the disk, while something is pulled
_LONGEST_DETAIL = 1_000
# Of these any other image of the same registry would fail as well.
_OF_THE_REGISTRY = frozenset(
    (
        "registry_unreachable",
        "registry_unknown_host",
        "registry_without_tls",
        "registry_certificate",
        "too_many_requests",
    )
)


class Stopped(Exception):  # nothing went wrong
    """The worker ends: what is being pulled is abandoned, and the engine takes back what was begun."""


@dataclass(frozen=True, slots=True)
class ReconcileObserver:
    """Who is told of what the machine holds, and what is worth a line in a log; and who says that it ends."""

    holds: Callable[[Mapping[int, InventoryEntry]], None]
    say: Callable[[str], None]
    is_stopped: Callable[[], bool]


@dataclass(slots=True)
class Reconciler:
    """What the machine holds, from round to round."""

    path: Path
    server: str
    limits: DiskLimits
    interval_seconds: float
    watch: ReconcileObserver
    # By target, with all that was known of it: another digest, or another log-in, is tried at once.
    failures: dict[DesiredImage, Failure] = field(default_factory=dict)
    registries: dict[str, Failure] = field(default_factory=dict)

    def reconcile(
        self, engine: Engine, targets: Sequence[DesiredImage], keep: Collection[int]
    ) -> dict[int, InventoryEntry]:
        """Makes it so, one image after the other, and gives what is here then, by image.

        Raises `EngineFailed` where the engine does not answer, `Invalid` where what was pulled cannot be kept, and `Stopped`.
        """
        self.failures = {target: self.failures[target] for target in targets if target in self.failures}
        return ReconcilePass(self, engine, keep).go(targets)


class ReconcilePass:
    """One round: what the engine has, and what is done about it. Images go by their reference with the digest, as a text."""

    def __init__(self, hold: Reconciler, engine: Engine, keep: Collection[int]) -> None:
        self._hold, self._engine, self._keep = hold, engine, keep
        self._kept = owned_images.read(hold.path, hold.server, engine.place)
        self._here = {str(reference): one for one in engine.images() for reference in one.references}
        self._in_use = engine.in_use()
        self._states: dict[int, InventoryEntry] = {}

    def go(self, targets: Sequence[DesiredImage]) -> dict[int, InventoryEntry]:
        """Removes, then pulls, and gives what is here then."""
        self._leave_to_others()
        names = {target.image: self._name(target) for target in targets}
        wanted = {name for name in names.values() if name is not None}
        for own in list(self._kept.own.values()):
            if own.reference not in wanted:
                self._withdraw(own)
        self._remember(sizes=owned_images.only(self._kept.sizes, wanted))
        for target in targets:
            name = names[target.image]
            if name in self._here:
                self._set(target.image, "held", name)
        self._make_room(targets, names)
        self._tell()
        for target in targets:
            if target.image not in self._states:
                self._get(target)
                self._tell()
        return self._states

    def _leave_to_others(self) -> None:
        """Forgets what is not here any more, and what somebody has given a tag: it is theirs from then on."""
        here = {name: own for name, own in self._kept.own.items() if name in self._here}
        tagged = {name: self._here[name].tags for name in here if self._here[name].tags}
        self._remember(own={name: own for name, own in here.items() if name not in tagged})
        for name, tags in tagged.items():
            self._hold.watch.say(f"{name} is tagged {', '.join(tags)}: it stays until whoever did that removes it.")

    def _name(self, target: DesiredImage) -> str | None:
        """The image by its digest; where the catalogue knows none, by that with which it was pulled before, if it was."""
        if target.digest is not None:
            return str(target.pinned(target.digest))
        place = f"{target.reference.registry}/{target.reference.repository}@"
        before = (one.reference for one in self._kept.own.values() if one.image == target.image)
        return next((name for name in before if name.startswith(place)), None)

    def _withdraw(self, own: OwnedImage) -> None:
        """Removes what is wanted no more, unless its registry only does not have it now, or a container uses it."""
        held = self._here[own.reference]
        if own.image in self._keep:
            self._set(own.image, "held", own.reference)
        elif held.id in self._in_use:
            self._set(own.image, "held", own.reference, "Wanted no more; a container uses it.")
        else:
            try:
                self._remove(own)
            except EngineFailed as error:
                if error.code in OF_THE_MACHINE:
                    raise
                self._set(own.image, "removing", own.reference, error.detail)
            else:
                self._hold.watch.say(f"Removed {own.reference}: it is wanted no more.")

    def _remove(self, own: OwnedImage) -> None:
        self._engine.remove(Reference.parse(own.reference))
        del self._here[own.reference]
        self._remember(own={name: one for name, one in self._kept.own.items() if name != own.reference})

    def _make_room(self, targets: Sequence[DesiredImage], names: Mapping[int, str | None]) -> None:
        """Removes the last of what is wanted while there is too much of it: after all that is wanted no more."""
        for target in reversed(targets):
            room = self._room()
            own = self._kept.own.get(names[target.image] or "")
            if room.is_kept or own is None or self._here[own.reference].id in self._in_use:
                continue
            self._remember(sizes={**self._kept.sizes, own.reference: self._here[own.reference].size_bytes})
            try:
                self._remove(own)
            except EngineFailed as error:
                if error.code in OF_THE_MACHINE:
                    raise
                continue
            self._hold.watch.say(f"Removed {own.reference}: there is no room for it any more.")
            self._failed(target, "no_room", room.why)

    def _room(self) -> DiskBudget:
        own = {self._here[name].id: self._here[name].size_bytes for name in self._kept.own if name in self._here}
        return DiskBudget.of(self._engine.data_root, self._hold.limits, sum(own.values()))

    def _get(self, target: DesiredImage) -> None:
        """Pulls an image unless it failed lately; what keeps it away is its state then."""
        registry = target.reference.registry
        for before in (self._hold.failures.get(target), self._hold.registries.get(registry)):
            if before is not None and not before.is_due:
                return self._set(target.image, before.state, None, before.detail)
        began = time.monotonic()
        try:
            digest = target.digest or self._engine.digest_now(target.reference, target.login)
            if digest is None:
                raise EngineFailed(
                    f"Which digest {target.reference} has cannot be found out by {self._engine.name}, and the catalogue has none: "
                    f"have staff run `bayplan images inspect {target.name} --store`."
                )
            reference = target.pinned(digest)
            # Asked again: since the round began, somebody may have pulled it.
            held = self._here.get(str(reference)) or self._engine.held(reference) or self._pulled(target, reference)
            self._here[str(reference)] = held
        except NoRoom as error:
            return self._failed(target, "no_room", error.detail)
        except EngineFailed as error:
            if error.code in OF_THE_MACHINE:
                raise
            if error.code in _OF_THE_REGISTRY:
                return self._registry_failed(target, error)
            return self._failed(target, "no_room" if error.code == "disk_full" else "failed", error.detail, later=True)
        self._hold.failures.pop(target, None)
        if self._hold.registries.pop(registry, None) is not None:
            self._hold.watch.say(f"{registry} serves images again.")
        self._set(target.image, "held", str(reference))
        return self._hold.watch.say(
            f"Holds {target.name} as {reference}, {gigabytes(held.size_bytes)}, after {time.monotonic() - began:.0f} s."
        )

    def _pulled(self, target: DesiredImage, reference: Reference) -> LocalImage:
        """Pulls what is not here, and keeps that it was pulled before anything else can happen; raises `NoRoom`."""
        name = str(reference)
        self._room().must_take(self._kept.sizes.get(name, 0), target.size_bytes)
        self._set(target.image, "pulling", name)
        self._tell()
        self._remember(own={**self._kept.own, name: OwnedImage(name, target.image, self._engine.place)})
        room, looks, total_bytes = self._room(), time.monotonic() + LOOK_SECONDS, 0

        def goes_on(progress: Progress) -> None:
            nonlocal looks, total_bytes
            if self._hold.watch.is_stopped():
                raise Stopped
            total_bytes = progress.total_bytes
            room.must_take(0, total_bytes)
            if time.monotonic() >= looks:
                self._tell()
                room.now().must_take(0, total_bytes - progress.done_bytes)
                looks = time.monotonic() + LOOK_SECONDS

        try:
            held = self._engine.pull(reference, target.login, goes_on)
        except NoRoom as error:
            self._engine.remove(reference)  # where the very end of it was too much
            self._remember(sizes={**self._kept.sizes, name: total_bytes})
            raise EngineFailed(error.detail, code="disk_full") from None
        # What failed stays entered until the next round, which sees whether it is here after all.
        self._here[name] = held
        after = self._room()
        if not after.is_kept:
            self._remember(sizes={**self._kept.sizes, name: held.size_bytes})
            self._remove(self._kept.own[name])
            raise EngineFailed(after.why, code="disk_full")
        return held

    def _registry_failed(self, target: DesiredImage, error: EngineFailed) -> None:
        """Keeps that a registry serves nothing now: its other images would fail as well, and each take its time for it."""
        before = self._hold.registries.get(target.reference.registry)
        failure = Failure.after(before, self._hold.interval_seconds, "failed", error.detail)
        self._hold.registries[target.reference.registry] = failure
        self._set(target.image, "failed", None, error.detail)
        if before is None:
            self._hold.watch.say(f"{target.name} is not here. {error.detail}")

    def _failed(self, target: DesiredImage, state: State, detail: str, *, later: bool = False) -> None:
        """Keeps why an image is not here, says it where that is new, and with `later` does not try it at once again."""
        before = self._hold.failures.get(target)
        self._set(target.image, state, None, detail)
        failure = Failure.after(before, self._hold.interval_seconds if later else 0.0, state, detail)
        self._hold.failures[target] = failure
        # How much room there is changes with every image.
        if before is None or before.state != state or (state != "no_room" and before.detail != detail):
            self._hold.watch.say(f"{target.name} is not here. {detail}")

    def _set(self, image: int, state: State, name: str | None, detail: str | None = None) -> None:
        if image == 0:  # another server's: this one has no key for it
            return
        held = self._here.get(name or "")
        self._states[image] = {
            "image": image,
            "state": state,
            "digest": name.rpartition("@")[2] if name else None,
            "size_bytes": held.size_bytes if held else None,
            "detail": printable(detail)[:_LONGEST_DETAIL] if detail else None,
        }

    def _tell(self) -> None:
        if self._hold.watch.is_stopped():
            raise Stopped
        self._hold.watch.holds(self._states)

    def _remember(self, **changes: object) -> None:
        new = replace(self._kept, **changes)  # type: ignore[arg-type]  # its own fields
        if new != self._kept:
            owned_images.write(self._hold.path, new)
            self._kept = new
