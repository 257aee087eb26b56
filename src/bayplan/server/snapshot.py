"""Every docker image as ready JSON, as of a version of the catalogue: what loads, lists and matches answer with.

The bytes are those for principals who do not see credentials. Staff and workers get the same bytes of images without any; an
image with credentials is read from the database for them, so that the audit log has what was disclosed.
"""

import asyncio
import gc
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson
import sqlalchemy as sa

from bayplan.db.as_of import AsOf
from bayplan.db.change_log import ChangedObjects, changes_since
from bayplan.db.compiled import CompiledStatement, is_one_of, pks_parameter
from bayplan.db.database import Database, Rows
from bayplan.db.disclosure import Disclosure
from bayplan.db.keyring import Keyring
from bayplan.db.principal import EVERYBODY, Principal
from bayplan.db.projection import projection
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.server.http.responses import Parts

IMAGES = RESOURCE_TYPES["docker"]
_OPEN = projection(IMAGES.name, EVERYBODY)
# Rows that are read and rendered at once: more would hold the event loop, and cost hundreds of megabytes while they last.
_ROWS_AT_ONCE = 300
# So many images are worth a word with the garbage collector.
MANY_IMAGES = 10_000
# Objects that are joined: copying 40 MB in one go holds the event loop.
_MOST_JOINED = 10_000

_CREDENTIALS = [IMAGES.column(name).is_not(None) for name in ("registry_username", "registry_password")]
_ROWS = _OPEN.statement.add_columns(IMAGES.column("deletion_time").is_(None), sa.or_(*_CREDENTIALS))
_AFTER = CompiledStatement(
    _ROWS.where(IMAGES.column("pk") > sa.bindparam("after", type_=sa.BigInteger))
    .order_by(IMAGES.column("pk"))
    .limit(_ROWS_AT_ONCE)
)


_BY_PK = CompiledStatement(_ROWS.where(is_one_of(IMAGES.column("pk"))))
# Images show their domain by name.
_OF_DOMAINS = CompiledStatement(sa.select(IMAGES.column("pk")).where(is_one_of(IMAGES.column("domain"))))


class RenderedImage(NamedTuple):
    """An image as JSON, and what it takes to answer with it."""

    revision: int
    json: bytes
    is_live: bool
    has_credentials: bool


class ImageSnapshot:
    """All images by pk, deleted ones too, and the live ones in the order of their pks."""

    def __init__(self, images: dict[int, RenderedImage]) -> None:
        self._images = images
        self._whole: bytes | Parts | None = None
        self._joining = asyncio.Lock()
        self._changes = 0
        self.live = sorted(pk for pk, image in images.items() if image.is_live)
        self.with_credentials = {pk for pk, image in images.items() if image.has_credentials}

    def __len__(self) -> int:
        return len(self._images)

    def get(self, pk: int) -> RenderedImage | None:
        """Gives the image with that pk, None where there is none."""
        return self._images.get(pk)

    def json(self, pks: Iterable[int]) -> list[bytes]:
        """Gives the images with these pks, in their order; those that are gone are left out."""
        images = map(self._images.get, pks)
        return [image.json for image in images if image is not None]

    def apply(self, changed: Collection[int], images: Mapping[int, RenderedImage]) -> None:
        """Puts `images` in place of the `changed` ones; those that it does not have are gone."""
        self._whole = None
        self._changes += 1
        for pk in changed:
            image = images.get(pk)
            if image is None:
                self._images.pop(pk, None)
                self.with_credentials.discard(pk)
                self._set_live(pk, is_live=False)
                continue
            self._images[pk] = image
            self._set_live(pk, is_live=image.is_live)
            if image.has_credentials:
                self.with_credentials.add(pk)
            else:
                self.with_credentials.discard(pk)

    def _set_live(self, pk: int, *, is_live: bool) -> None:
        place = bisect_left(self.live, pk)
        was_live = place < len(self.live) and self.live[place] == pk
        if is_live and not was_live:
            self.live.insert(place, pk)
        elif was_live and not is_live:
            del self.live[place]

    async def whole(self) -> bytes | Parts:
        """Gives the list of all live images; joined once for all who wait."""
        async with self._joining:
            if self._whole is not None:
                return self._whole
            objects, changes = self.json(self.live), self._changes
            whole = await json_array(objects)
            if self._changes == changes:
                self._whole = whole
            return whole


async def json_array(objects: Sequence[bytes]) -> bytes | Parts:
    """Gives a JSON array of these objects; a long one in parts, between which others get their turn."""
    if len(objects) <= _MOST_JOINED:
        return b"[%b]" % b",".join(objects)
    parts = []
    for at in range(0, len(objects), _MOST_JOINED):
        parts.append((b"," if at else b"[") + b",".join(objects[at : at + _MOST_JOINED]))
        await asyncio.sleep(0)
    return Parts((*parts, b"]"))


def spare_collector() -> None:
    """Takes what lives now out of the sight of Python's garbage collector.

    It looks through everything again and again for circles, and with 100,000 images that holds up every request for 0.1 s.
    What is frozen is freed as before when nobody refers to it.
    """
    gc.freeze()


class ImageSnapshots:
    """The snapshot of one server process, brought up to a version by the change log."""

    def __init__(self, db: Database, keyring: Keyring) -> None:
        self._db, self._keyring = db, keyring
        self._latest: AsOf[ImageSnapshot] = AsOf(self._update)

    async def at(self, version: int) -> ImageSnapshot:
        """Gives the images as of `version` or a later one."""
        return await self._latest.at(version)

    @property
    def version(self) -> int:
        """The version that the images are as of."""
        return self._latest.version

    async def load(self, principal: Principal, pk: int, version: int) -> tuple[bytes, str] | None:
        """Gives an image as JSON and its entity tag; None where only the database can tell what the principal gets."""
        image = (await self.at(version)).get(pk)
        if image is None or (image.has_credentials and principal.sees_credentials):
            return None
        return image.json, f"{image.revision}-secret" if principal.sees_credentials else str(image.revision)

    async def shown(
        self, principal: Principal, pks: Sequence[int], version: int, disclosure: Disclosure
    ) -> dict[int, bytes]:
        """Gives the images with these pks as JSON, in their order, as the principal sees them; what is gone is left out."""
        snapshot = await self.at(version)
        shown = {pk: image.json for pk in pks if (image := snapshot.get(pk)) is not None}
        if not principal.sees_credentials or snapshot.with_credentials.isdisjoint(shown):
            return shown
        disclosed = [pk for pk in shown if pk in snapshot.with_credentials]
        for at in range(0, len(disclosed), _ROWS_AT_ONCE):
            some = disclosed[at : at + _ROWS_AT_ONCE]
            with_credentials = await self._with_credentials(principal, some, disclosure)
            for pk in some:
                if pk in with_credentials:
                    shown[pk] = with_credentials[pk]
                else:
                    del shown[pk]
        return shown

    async def _with_credentials(
        self, principal: Principal, pks: Sequence[int], disclosure: Disclosure
    ) -> dict[int, bytes]:
        """Gives images with their credentials, decrypted in this order."""
        chosen = projection(IMAGES.name, principal)
        rows = await self._db.fetch(chosen.by_pks, lambda rows: {row[0]: row for row in rows}, pks_parameter(pks))
        objects = chosen.objects([rows[pk] for pk in pks if pk in rows], disclosure)
        return {item["pk"]: orjson.dumps(item) for item in objects}

    async def _update(self, last: ImageSnapshot | None, version: int) -> tuple[ImageSnapshot, int]:
        changed = None if last is None else await changes_since(self._db, version)
        if last is None or changed is None:
            version = await self._db.version()
            return ImageSnapshot(await self._all()), version
        pks = await self._changed_images(changed)
        images: dict[int, RenderedImage] = {}
        for at in range(0, len(pks), _ROWS_AT_ONCE):
            images |= await self._db.fetch(_BY_PK, self._rendered, pks_parameter(pks[at : at + _ROWS_AT_ONCE]))
            await asyncio.sleep(0)  # others get their turn between two parts
        if pks:
            last.apply(pks, images)  # all of a transaction at once: nobody reads half of it
        return last, changed.version

    async def _changed_images(self, changed: ChangedObjects) -> list[int]:
        pks = set(changed.pks.get(IMAGES.name, ()))
        domains = changed.pks.get("domains")
        if domains:
            pks |= await self._db.fetch(_OF_DOMAINS, lambda rows: {row[0] for row in rows}, pks_parameter(domains))
        return sorted(pks)

    async def _all(self) -> dict[int, RenderedImage]:
        images: dict[int, RenderedImage] = {}
        after = 0
        while True:
            some = await self._db.fetch(_AFTER, self._rendered, {"after": after})
            images |= some
            if len(images) // MANY_IMAGES > (len(images) - len(some)) // MANY_IMAGES:
                spare_collector()
            if len(some) < _ROWS_AT_ONCE:
                return images
            after = max(some)
            await asyncio.sleep(0)  # others get their turn between two parts

    def _rendered(self, rows: Rows) -> dict[int, RenderedImage]:
        objects = _OPEN.objects(rows, Disclosure(self._keyring))
        return {
            item["pk"]: RenderedImage(
                row[_OPEN.revision_at],
                bytes(memoryview(orjson.dumps(item))),  # orjson's own bytes keep a buffer of some kilobytes
                bool(row[-2]),
                bool(row[-1]),
            )
            for item, row in zip(objects, rows, strict=True)
        }
