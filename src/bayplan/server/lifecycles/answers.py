"""Images that are out of date, and what it would strand to retire images, as the API answers them."""

from collections.abc import Mapping, Sequence
from datetime import date

import orjson

from bayplan.domain.outdated import OutdatedReason
from bayplan.schemas.outdated import NamedImageAnswer, RetirementAnswer
from bayplan.server.lifecycles.outdated import AgedImage
from bayplan.server.lifecycles.queries import Name, OutdatedList, Retirement, first_day
from bayplan.server.what_if.queries import nodes_change_answer


def outdated_answer(listed: OutdatedList) -> bytes:
    """Gives the answer as JSON; there may be ten thousand images."""
    content = {
        "version": listed.version,
        "considered": len(listed.names),
        "inventories": listed.has_inventories,
        "nodes": listed.nodes,
        "counts": {str(code): number for code, number in listed.counts.items()},
        "images": [_image(listed, image, reasons) for image, reasons in listed.images],
    }
    return orjson.dumps(content)


def _image(listed: OutdatedList, image: AgedImage, reasons: Sequence[OutdatedReason]) -> dict[str, object]:
    return {
        "image": image.pk,
        "name": image.name,
        "version": image.version,
        "since": _day(first_day(reasons)),
        "reasons": [
            {
                "code": reason.code,
                "detail": reason.detail,
                "since": _day(reason.since),
                "until": _day(reason.until),
            }
            for reason in reasons
        ],
        "use": None if image.use is None else _named(image.use, listed.names),
        "nodes": image.nodes if listed.nodes else None,
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _named(pk: int, names: Mapping[int, Name]) -> NamedImageAnswer:
    name, version = names[pk]
    return {"image": pk, "name": name, "version": version}


def retirement_answer(retirement: Retirement) -> RetirementAnswer:
    """Gives what it would strand to delete images as the API answers it."""
    return {
        "version": retirement.version,
        "images": [_named(pk, retirement.images) for pk in retirement.images],
        "nodes": [nodes_change_answer(change) for change in retirement.nodes],  # type: ignore[misc]  # grades are words
        "rules": [{"rule": rule, "images": list(images), "left": left} for rule, images, left in retirement.rules],
        "inventories": [{"image": pk, "workers": workers} for pk, workers in retirement.inventories.items()],
        "successors": [
            {**_named(pk, retirement.names), "successor": successor} for pk, successor in retirement.successors
        ],
    }
