"""Reconciles the engine with the desired images: pulls missing images, removes those that the agent pulled and are not desired now.

Other images are never removed: those that somebody else pulled, or that a container uses. An image that exceeds the disk budget
is left out, and smaller images after it are still pulled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bayplan.agent import owned_images
from bayplan.agent.desired import DesiredImage, PullFailure
from bayplan.agent.disk_budget import DiskBudget, DiskBudgetExceeded, DiskLimits
from bayplan.agent.engine import Engine, SilenceLimits
from bayplan.agent.engine_errors import OF_THE_MACHINE, EngineFailed, printable
from bayplan.agent.image_tags import ImageTags
from bayplan.agent.local_image import LocalImage
from bayplan.agent.owned_images import OwnedImage, TaggedImage
from bayplan.agent.progress import Progress
from bayplan.domain import units
from bayplan.domain.reference import Reference
from bayplan.errors import BayplanError

if TYPE_CHECKING:
    from bayplan.schemas.prefetch import InventoryEntry, InventoryState

STALL_SECONDS = 120.0  # how long a download may make no progress
DISK_CHECK_SECONDS = 2.0  # from one check of the disk to the next, while an image is pulled
_MAX_DETAIL = 1_000
# With these codes any other image of the same registry would fail as well.
_OF_THE_REGISTRY = frozenset(
    (
        "registry_unreachable",
        "registry_silent",
        "registry_unknown_host",
        "registry_without_tls",
        "registry_certificate",
        "too_many_requests",
    )
)


class Stopped(Exception):  # nothing went wrong
    """The agent ends: the pull in progress is abandoned, and the engine removes its part of the image."""


@dataclass(frozen=True, slots=True)
class ReconcileObserver:
    """Gets the image inventory as it changes, and lines for the log; says whether to stop."""

    report: Callable[[Mapping[int, InventoryEntry]], None]
    log: Callable[[str], None]
    is_stopped: Callable[[], bool]


@dataclass(slots=True)
class Reconciler:
    """Reconciles again and again; keeps the failures from one pass to the next."""

    path: Path
    server: str
    limits: DiskLimits
    interval_seconds: float
    observer: ReconcileObserver
    stall_seconds: float = STALL_SECONDS
    held: frozenset[str] = frozenset()  # the references of the desired images that were here after the last pass
    # The key is all that the server answered of an image: with another digest, or other credentials, it is tried at once.
    failures: dict[DesiredImage, PullFailure] = field(default_factory=dict)
    registry_failures: dict[str, PullFailure] = field(default_factory=dict)

    def reconcile(
        self, engine: Engine, desired: Sequence[DesiredImage], keep: Collection[int]
    ) -> dict[int, InventoryEntry]:
        """Does one pass, one image after the other, and gives the image inventory by image.

        Raises `EngineFailed` where the engine does not answer, `Invalid` where the file of owned images cannot be written, and
        `Stopped`.
        """
        self.failures = {image: self.failures[image] for image in desired if image in self.failures}
        reconcile_pass = _ReconcilePass(self, engine, keep)
        try:
            return reconcile_pass.run(desired)
        finally:
            self.held = reconcile_pass.held

    def is_image_gone(self, engine: Engine) -> bool:
        """Whether an image that was here after the last pass is not here any more."""
        return not self.held <= {str(reference) for image in engine.images() for reference in image.references}


class _ReconcilePass:
    """One pass over the images of an engine. `name` is an image's reference with its digest, as a text."""

    def __init__(self, reconciler: Reconciler, engine: Engine, keep: Collection[int]) -> None:
        self._reconciler, self._engine, self._keep = reconciler, engine, keep
        self._owned = owned_images.read(reconciler.path, reconciler.server, engine.place)
        self._local = {str(reference): image for image in engine.images() for reference in image.references}
        self._in_use = engine.in_use()
        self._inventory: dict[int, InventoryEntry] = {}
        self._held: dict[int, str] = {}
        self._tags = ImageTags(engine, self._owned.tags, self._change_tags, reconciler.observer.log)

    @property
    def held(self) -> frozenset[str]:
        """The references of the images of the inventory that are here."""
        return frozenset(self._held.values())

    def run(self, desired: Sequence[DesiredImage]) -> dict[int, InventoryEntry]:
        """Removes, then pulls, and gives the image inventory."""
        names = {image.image: self._name(image) for image in desired}
        self._disown_tagged({image.tag for image in desired if image.tag is not None})
        desired_names = {name for name in names.values() if name is not None}
        for own in list(self._owned.own.values()):
            if own.reference not in desired_names:
                self._withdraw(own)
        self._change_owned(sizes=owned_images.only(self._owned.sizes, desired_names))
        for image in desired:
            name = names[image.image]
            if name in self._local:
                self._set(image.image, "held", name)
            else:  # of an earlier digest of it, which a container uses, there may be an entry
                self._inventory.pop(image.image, None)
        self._set_tags(desired, names)
        self._keep_budget(desired, names)
        self._report()
        for image in desired:
            if image.image not in self._inventory:
                self._get_safely(image)
                self._report()
        return self._inventory

    def _disown_tagged(self, desired_tags: Collection[str]) -> None:
        """Disowns images that are not here any more, and images that somebody has tagged: those are theirs from then on."""
        present = {name: own for name, own in self._owned.own.items() if name in self._local}
        tagged = {name: self._tags.of_others(self._local[name], desired_tags) for name in present}
        self._change_owned(own={name: own for name, own in present.items() if not tagged[name]})
        for name, tags in tagged.items():
            if tags:
                self._reconciler.observer.log(
                    f"{name} has the tag {', '.join(tags)} of somebody else: it stays until they remove it."
                )

    def _set_tags(self, desired: Sequence[DesiredImage], names: Mapping[int, str | None]) -> None:
        """Tags the owned images, and removes the tags of images that are neither desired nor owned any more."""
        tagged_before = {image.reference for image in self._owned.tags.values()}
        current = {
            self._tag(image, name)
            for image in desired
            if (name := names[image.image]) in self._local and (name in self._owned.own or name in tagged_before)
        }
        kept = self._owned.own.keys() - {name for name in names.values() if name is not None}
        self._tags.withdraw(lambda tag, name: tag not in current and name not in kept)

    def _tag(self, image: DesiredImage, name: str | None) -> str | None:
        if image.tag is None or name is None:
            return None
        return self._tags.set(self._local[name], Reference.parse(name), image.tag)

    def _name(self, desired: DesiredImage) -> str | None:
        """Gives the name by the desired digest; where the catalogue has none, the name of the last pull, if any."""
        if desired.digest is not None:
            return str(desired.pinned(desired.digest))
        repository = f"{desired.reference.registry}/{desired.reference.repository}@"
        before = (own.reference for own in self._owned.own.values() if own.image == desired.image)
        return next((name for name in before if name.startswith(repository)), None)

    def _withdraw(self, own: OwnedImage) -> None:
        """Removes an image that is not desired any more, unless the server keeps it (`keep`), or a container uses it."""
        local = self._local[own.reference]
        if own.image in self._keep:
            self._set(own.image, "held", own.reference)
        elif local.id in self._in_use:
            self._set(own.image, "held", own.reference, "Not desired any more; a container uses it.")
        else:
            try:
                self._remove(own)
            except EngineFailed as error:
                if error.code in OF_THE_MACHINE:
                    raise
                state: InventoryState = "held" if error.code == "image_in_use" else "removing"
                self._set(own.image, state, own.reference, f"Not desired any more. {error.detail}")
            else:
                self._reconciler.observer.log(f"Removed {own.reference}: it is not desired any more.")

    def _remove(self, own: OwnedImage) -> None:
        self._tags.withdraw(lambda _, name: name == own.reference)
        self._engine.remove(Reference.parse(own.reference))
        del self._local[own.reference]
        self._change_owned(own={name: other for name, other in self._owned.own.items() if name != own.reference})

    def _keep_budget(self, desired: Sequence[DesiredImage], names: Mapping[int, str | None]) -> None:
        """Removes the last of the desired images while the disk budget is exceeded."""
        for image in reversed(desired):
            budget = self._budget()
            own = self._owned.own.get(names[image.image] or "")
            if budget.is_within or own is None or self._local[own.reference].id in self._in_use:
                continue
            self._change_owned(sizes={**self._owned.sizes, own.reference: self._local[own.reference].size_bytes})
            try:
                self._remove(own)
            except EngineFailed as error:
                if error.code in OF_THE_MACHINE:
                    raise
                continue
            self._reconciler.observer.log(f"Removed {own.reference}: there is no room for it.")
            self._failed(image, "no_room", budget.shortage)

    def _budget(self) -> DiskBudget:
        own = {self._local[name].id: self._local[name].size_bytes for name in self._owned.own if name in self._local}
        return DiskBudget.of(self._engine.data_root, self._reconciler.limits, sum(own.values()))

    def _get_safely(self, desired: DesiredImage) -> None:
        """Pulls an image; what nobody has foreseen is an error of that image alone, which the server is told."""
        try:
            self._get(desired)
        except (Stopped, BayplanError):
            raise
        except Exception as error:
            detail = f"An error in bayplan itself ({type(error).__name__}: {error}): please report it."
            self._failed(desired, "failed", detail, later=True)

    def _get(self, desired: DesiredImage) -> None:
        """Pulls an image unless its last failure is too recent; an error becomes its state."""
        registry = desired.reference.registry
        for before in (self._reconciler.failures.get(desired), self._reconciler.registry_failures.get(registry)):
            if before is not None and not before.is_due:
                return self._set(desired.image, before.state, None, before.detail)
        began = time.monotonic()
        try:
            if desired.no_credentials is not None and not (
                desired.digest and str(desired.pinned(desired.digest)) in self._local
            ):
                raise EngineFailed(desired.no_credentials)
            digest = desired.digest or self._engine.digest_now(desired.reference, desired.credentials)
            if digest is None:
                raise EngineFailed(
                    f"The catalogue has no digest of {desired.reference}, and {self._engine.name} cannot ask for one: "
                    f"ask staff to run `bayplan images inspect {desired.name} --store`."
                )
            reference = desired.pinned(digest)
            # Read from the engine again: somebody may have pulled it since the pass began.
            local = self._local.get(str(reference)) or self._engine.find(reference) or self._pulled(desired, reference)
            self._local[str(reference)] = local
        except DiskBudgetExceeded as error:
            return self._failed(desired, "no_room", error.detail)
        except EngineFailed as error:
            if error.code in OF_THE_MACHINE:
                raise
            if error.code in _OF_THE_REGISTRY:
                return self._registry_failed(desired, error)
            return self._failed(desired, "no_room" if error.code == "disk_full" else "failed", error.detail, later=True)
        self._reconciler.failures.pop(desired, None)
        if self._reconciler.registry_failures.pop(registry, None) is not None:
            self._reconciler.observer.log(f"{registry} answers again.")
        self._set(desired.image, "held", str(reference))
        return self._reconciler.observer.log(
            f"Pulled {desired.name} as {reference}: {units.size(local.size_bytes)} in {time.monotonic() - began:.0f} s."
        )

    def _pulled(self, desired: DesiredImage, reference: Reference) -> LocalImage:
        """Pulls a missing image, which is entered as owned before the pull begins; raises `DiskBudgetExceeded`."""
        name = str(reference)
        self._budget().require(self._owned.sizes.get(name, 0), desired.size_bytes)
        self._set(desired.image, "pulling", name)
        self._report()
        self._change_owned(own={**self._owned.own, name: OwnedImage(name, desired.image, self._engine.place)})
        budget, next_check, total_bytes = self._budget(), time.monotonic() + DISK_CHECK_SECONDS, 0

        def on_progress(progress: Progress) -> None:
            nonlocal next_check, total_bytes
            if self._reconciler.observer.is_stopped():
                raise Stopped
            total_bytes = progress.total_bytes
            budget.require(0, total_bytes)
            if time.monotonic() >= next_check:
                self._report()
                budget.now().require(0, total_bytes - progress.done_bytes)
                next_check = time.monotonic() + DISK_CHECK_SECONDS

        try:
            limits = SilenceLimits.of(self._reconciler.stall_seconds)
            local = self._engine.pull(reference, desired.credentials, on_progress, limits)
        except DiskBudgetExceeded as error:
            self._engine.remove(reference)  # where only the end of the pull exceeded the budget
            self._change_owned(sizes={**self._owned.sizes, name: total_bytes})
            raise EngineFailed(error.detail, code="disk_full") from None
        # The entry of a failed pull stays until the next pass, which reads whether the image is here after all.
        self._local[name] = local
        after = self._budget()
        if not after.is_within:
            self._change_owned(sizes={**self._owned.sizes, name: local.size_bytes})
            self._remove(self._owned.own[name])
            raise EngineFailed(after.shortage, code="disk_full")
        self._tag(desired, name)
        return local

    def _registry_failed(self, desired: DesiredImage, error: EngineFailed) -> None:
        """Records that a registry fails: its other images would fail as well, each after a while."""
        before = self._reconciler.registry_failures.get(desired.reference.registry)
        failure = PullFailure.after(before, self._reconciler.interval_seconds, "failed", error.detail)
        self._reconciler.registry_failures[desired.reference.registry] = failure
        self._set(desired.image, "failed", None, error.detail)
        if before is None:
            self._reconciler.observer.log(f"{desired.name} is not here. {error.detail}")

    def _failed(self, desired: DesiredImage, state: InventoryState, detail: str, *, later: bool = False) -> None:
        """Records why an image is not here, and logs a new reason; with `later` the image is not tried again at once."""
        before = self._reconciler.failures.get(desired)
        self._set(desired.image, state, None, detail)
        failure = PullFailure.after(before, self._reconciler.interval_seconds if later else 0.0, state, detail)
        self._reconciler.failures[desired] = failure
        # The detail of a full disk changes with every image.
        if before is None or before.state != state or (state != "no_room" and before.detail != detail):
            self._reconciler.observer.log(f"{desired.name} is not here. {detail}")

    def _set(self, image: int, state: InventoryState, name: str | None, detail: str | None = None) -> None:
        if image == 0:  # pulled for another server, so this server has no key for it
            return
        local = self._local.get(name or "")
        if state == "held" and name is not None:
            self._held[image] = name
        else:
            self._held.pop(image, None)
        self._inventory[image] = {
            "image": image,
            "state": state,
            "digest": name.rpartition("@")[2] if name else None,
            "size_bytes": local.size_bytes if local else None,
            "detail": printable(detail, _MAX_DETAIL) if detail else None,
        }

    def _report(self) -> None:
        if self._reconciler.observer.is_stopped():
            raise Stopped
        self._reconciler.observer.report(self._inventory)

    def _change_tags(self, tags: Mapping[str, TaggedImage]) -> None:
        self._change_owned(tags=tags)

    def _change_owned(self, **changes: object) -> None:
        new = replace(self._owned, **changes)  # type: ignore[arg-type]  # its own fields
        if new != self._owned:
            owned_images.write(self._reconciler.path, new, self._engine.place)
            self._owned = new
