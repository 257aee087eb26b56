"""The frameworks of the catalogue that a text names, as filters for lists and for prefetch rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from bayplan.client.collection import Collection
from bayplan.client.filters import any_of, both, compare, exact
from bayplan.errors import Invalid, NotFound

if TYPE_CHECKING:
    from bayplan.client.filters import Expression
    from bayplan.schemas.frameworks import FrameworkAnswer

    CatalogueFrameworks: TypeAlias = Collection[FrameworkAnswer, FrameworkAnswer]

_NAMED_AT_MOST = 10
_VERSION = re.compile(r"[<>=!~:\d]")


def frameworks(catalogue: CatalogueFrameworks, text: str) -> list[FrameworkAnswer]:
    """The frameworks that a text names; raises `NotFound`, which names the nearest ones, and `Invalid`."""
    from bayplan.domain.framework_spec import FrameworkSpec
    from bayplan.domain.nearest import did_you_mean

    spec = FrameworkSpec.parse(text)
    existing = catalogue.list(order_by=("name", "version"))
    named = [each for each in existing if spec.accepts(each["name"], each["version"])]
    if named:
        return named
    name = _VERSION.split(text)[0].strip() or text
    of_name = FrameworkSpec.parse(name)
    same = [each for each in existing if of_name.accepts(each["name"], each["version"])]
    if same:
        raise NotFound(f"There is no framework {text!r}; there are {_listed(same)}.")
    near = did_you_mean(name, sorted({each["name"] for each in existing}))
    raise NotFound(f"There is no framework {text!r}; {near or '`bayplan list frameworks` lists all frameworks.'}")


def framework(catalogue: CatalogueFrameworks, text: str) -> FrameworkAnswer:
    """The one framework that a text names: "PyTorch 2.4" before its patches. Raises as `frameworks` does, and `Invalid` for several."""
    named = frameworks(catalogue, text)
    exactly = [each for each in named if f"{each['name']} {each['version']}".casefold() == text.casefold()]
    if len(exactly or named) == 1:
        return (exactly or named)[0]
    raise Invalid(f"{text!r} may be any of {len(named)} frameworks; say which version: {_listed(named)}.")


def of_frameworks(catalogue: CatalogueFrameworks, text: str) -> Expression:
    """The images with one of the frameworks that a text names now; raises as `frameworks` does."""
    return any_of(*(exact("framework", each["pk"]) for each in frameworks(catalogue, text)))


def of_frameworks_to_come(catalogue: CatalogueFrameworks, text: str) -> Expression:
    """The same for a rule: new versions are in it as well, where the text is a name, a release or a comparison."""
    from bayplan.domain.framework_spec import FrameworkSpec

    named = frameworks(catalogue, text)
    bounds = FrameworkSpec.parse(text).bounds()
    if bounds is None:
        return any_of(*(exact("framework", each["pk"]) for each in named))
    names = [exact("framework.name", name) for name in dict.fromkeys(each["name"] for each in named)]
    of_name = names[0] if len(names) == 1 else any_of(*names)
    return both(of_name, *(_compared(operator, version) for operator, version in bounds)) if bounds else of_name


def _listed(named: Sequence[FrameworkAnswer]) -> str:
    from bayplan.domain.versions import sort_key

    newest_first = sorted(named, key=lambda framework: sort_key(framework["version"]), reverse=True)
    newest_first.sort(key=lambda framework: framework["name"].casefold())
    listed = ", ".join(f"{framework['name']} {framework['version']}" for framework in newest_first[:_NAMED_AT_MOST])
    return listed + (f" and {len(named) - _NAMED_AT_MOST} more" if len(named) > _NAMED_AT_MOST else "")


def _compared(operator: str, version: str) -> Expression:
    return compare("framework.version", operator, version)  # type: ignore[arg-type]  # of `FrameworkSpec.bounds`
