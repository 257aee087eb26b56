"""A machine that has joined, and rules for what is prefetched on it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import Service
from tests.joining import Joined, joined

Object = dict[str, Any]
LOGIN = {"registry_username": "robot", "registry_password": "s3cret"}
DIGEST = f"sha256:{'ab' * 32}"


@pytest.fixture
def worker(service: Service) -> Iterator[Joined]:
    """A machine with two RTX A6000 that has joined."""
    with joined(service) as member:
        yield member


@pytest.fixture
def rule(service: Service) -> Callable[..., Object]:
    """Makes a rule; `images`: expressions, in the order of names unless `order_by` says otherwise."""

    def made(*images: Object, nodes: tuple[Object, ...] = (), order_by: str = "name", **more: Any) -> Object:
        chosen = {"expressions": list(images), "order_by": [{"field": order_by}]}
        return service.make("prefetch", nodes={"expressions": list(nodes)}, images=chosen, **more)

    return made


def exact(field: str, value: object) -> Object:
    return {"type": "exact", "field": field, "value": value}
