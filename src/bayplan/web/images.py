"""The list of images: searched, narrowed and sorted by its address."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from bayplan.domain.versions import sort_key
from bayplan.server.context import Context
from bayplan.server.http.parameters import LINE, Offset, Parameters, one_of
from bayplan.server.images import queries
from bayplan.server.images.queries import ORDER_NAMES, ImageListQuery
from bayplan.web.listing import ROWS, Facet, FacetOption, TableColumn, address_with, pager, sorted_column
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered

_MOST_WORDS = 10
_MOST_OPTIONS = 60
"""The values of a facet that are shown: those of most images."""
_LABELS = {
    "framework": "Framework",
    "cuda": "CUDA",
    "accelerator": "Accelerator",
    "domain": "Domain",
    "task": "Task",
    "state": "State",
    "licence": "Licence",
    "registry": "Registry",
}
_WORDS = {
    ("cuda", "none"): "no CUDA",
    ("accelerator", "none"): "no GPU",
    ("accelerator", "cuda"): "CUDA",
    ("accelerator", "rocm"): "ROCm",
    ("licence", "none"): "not known",
    ("state", "unchecked"): "not checked yet",
}
_BY_VERSION = ("cuda",)
STATE_TONES = {"ok": "good", "moved": "warn", "missing": "bad", "denied": "bad", "unreachable": "warn"}
"""By check state: how its badge is coloured; `plain` for others."""
_COLUMNS = (
    ("Image", "name", False),
    ("Runs on", "nodes", True),
    ("Framework", "framework", False),
    ("CUDA", "cuda", False),
    ("Domain", "domain", False),
    ("Tasks", "", False),
    ("Size", "size", True),
    ("State", "state", False),
    ("Last check", "checked", False),
)


class ImagesParameters(Parameters):
    """Which images, and in which order."""

    q: Annotated[str, LINE] = Field("", description="Words that the name, the reference, the framework, ... contain.")
    framework: Annotated[str, LINE] = Field("", description="The framework, with or without its version.")
    cuda: Annotated[str, LINE] = Field("", description="The CUDA release, or `none`.")
    accelerator: Annotated[str, LINE] = Field("", description="What it is for: `cuda`, `rocm`, ..., or `none`.")
    domain: Annotated[str, LINE] = Field("", description="The domain.")
    task: Annotated[str, LINE] = Field("", description="The task.")
    state: Annotated[str, LINE] = Field("", description="The check state, or `deleted`.")
    licence: Annotated[str, LINE] = Field("", description="The licence, or `none`.")
    registry: Annotated[str, LINE] = Field("", description="The host of its registry.")
    sort: Annotated[str, one_of(*ORDER_NAMES, *(f"-{name}" for name in ORDER_NAMES))] = Field("name", description="")
    offset: Offset = Field(0, description="")


async def images(context: Context, call: PageCall[ImagesParameters]) -> Response:
    """Shows the images that the address chooses."""
    query = call.query
    chosen = {name: value for name in _LABELS if (value := getattr(query, name))}
    words = query.q.split()[:_MOST_WORDS]
    asked = ImageListQuery(words, chosen, query.sort, query.offset, ROWS)
    listed = await queries.image_list(context, asked, call.version)
    return await rendered(
        context,
        call,
        "images.html",
        "Images",
        query=query,
        chosen=[
            (label, _word(name, chosen[name]), address_with(call.request, **{name: None}))
            for name, label in _LABELS.items()
            if name in chosen
        ],
        hidden=[(name, value) for name, value in (*chosen.items(), ("sort", query.sort)) if value != "name"],
        facets=[
            _facet(call, name, label, chosen.get(name, ""), listed.counts[name]) for name, label in _LABELS.items()
        ],
        columns=_columns(call),
        listed=listed,
        tones=STATE_TONES,
        pager=pager(call.request, listed.total, query.offset, len(listed.images)),
    )


def _columns(call: PageCall[ImagesParameters]) -> list[TableColumn]:
    return [
        sorted_column(call.request, label, name, call.query.sort, is_number=is_number)
        if name
        else TableColumn(label, is_number)
        for label, name, is_number in _COLUMNS
    ]


def _facet(call: PageCall[ImagesParameters], name: str, label: str, chosen: str, counts: Mapping[str, int]) -> Facet:
    values = _shown_values(name, chosen, counts)
    options = [
        FacetOption(
            _word(name, value),
            address_with(call.request, **{name: None if is_chosen else value}),
            counts.get(value, 0),
            is_chosen,
        )
        for value in values
        for is_chosen in (value.casefold() == chosen.casefold(),)
    ]
    return Facet(label, options, is_open=name == "framework")


def _shown_values(name: str, chosen: str, counts: Mapping[str, int]) -> Sequence[str]:
    """The values of a facet that are shown, the one that is chosen among them; of frameworks the versions of that alone."""
    values = [value for value in counts if name != "framework" or _is_shown(value, chosen, counts)]
    values = sorted(sorted(values, key=lambda value: (-counts[value], value))[:_MOST_OPTIONS], key=str.casefold)
    if name in _BY_VERSION:
        values.sort(key=lambda value: (value == "none", sort_key(value)), reverse=True)
    if chosen and chosen.casefold() not in map(str.casefold, values):
        return [chosen, *values]
    return values


def _is_shown(value: str, chosen: str, counts: Mapping[str, int]) -> bool:
    """Whether a framework is shown: with its version where the framework is chosen, or another of its versions."""
    framework = next((name for name in _shorter(value) if name in counts), None)
    if framework is None:
        return True
    return bool(chosen) and f"{chosen.casefold()} ".startswith(f"{framework.casefold()} ")


def _shorter(value: str) -> Sequence[str]:
    words = value.split(" ")
    return [" ".join(words[:length]) for length in range(len(words) - 1, 0, -1)]


def _word(name: str, value: str) -> str:
    return _WORDS.get((name, value.casefold()), value)


PAGES = (PageRoute("GET", "/images", images, label="Images", query=ImagesParameters),)
