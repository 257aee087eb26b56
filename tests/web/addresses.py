"""The addresses at which the tests open each page of the table: with the example catalogue and fleet, whose keys begin at 1."""

from collections.abc import Mapping

from bayplan.web.page import PageRoute
from bayplan.web.routes import PAGES

MORE: Mapping[str, tuple[str, ...]] = {
    "/ask": ("/ask?worker=RTX+4090%2C+550.120", "/ask?node=1&task=train&framework=pytorch"),
    "/nodes": ("/nodes?gpu=a&driver=%3E%3D535&sort=-driver&silent=true&label=zone&host=example",),
    "/history": ("/history?resource=docker&object=1&user=admin&since=7d", "/history?user=nobody-of-that-name"),
    "/audit": ("/audit?image=1&kind=user&name=admin&since=2026-01-01",),
    "/nodes/workers": ("/nodes/workers?q=no-such-worker",),
    "/tokens": ("/tokens?ended=true&everyone=true",),
    "/users": ("/users?q=a&sort=-user",),
    "/login": ("/login?next=/images",),
    "/images": ("/images?q=pytorch&framework=PyTorch&cuda=none&sort=-nodes", "/images?q=nothing-is-called-so"),
    "/matrix": ("/matrix?framework=torch&gpu=A6000&driver=%3C600", "/matrix?gpu=none"),
    "/plan": (
        "/plan?gpu=A100",
        "/plan?gpu=A100&to=580.95.05&add=8x+H100+SXM%2C580.95&remove=5&retire=1&image=CUDA+12.8%2C+train",
    ),
    "/prefetch/machines": ("/prefetch/machines?host=a&only=missing",),
    "/images/outdated": ("/images/outdated?reason=end_of_life",),
    "/images/new": ("/images/new?reference=nvidia/cuda:12.4.1-base-ubuntu22.04",),
    "/images/{pk}": ("/images/31?grade=no", "/images/28"),
}
"""By a page's path, addresses beside its own: with a query, of another object."""
OWN: Mapping[str, str] = {
    "/matrix/{group}/{kind}": "/matrix/c7a4e4f8a6e7/bd7b4a57f9e2",
    "/registries/rotate": "/registries/rotate?registry=public.aml-repo.cms.waikato.ac.nz&username=public",
    "/plan/{group}/{kind}": "/plan/c7a4e4f8a6e7/bd7b4a57f9e2?to=580.95.05",
    "/users/{pk}/password": "/users/2/password",
    "/nodes/workers/{worker}": "/nodes/workers/cpu.example.org",
}
"""By a page's path, its address where that is not the path with 1 for `{pk}`."""
FILES = frozenset({"/matrix.svg", "/matrix.csv", "/matrix.md"})
"""Addresses of the table that give a file, and no page."""


def addresses_of(page: PageRoute) -> tuple[str, ...]:
    """The addresses of a page that is shown by `GET`."""
    return (OWN.get(page.path, page.path.replace("{pk}", "1")), *MORE.get(page.path, ()))


SHOWN = tuple(
    (page, address)
    for page in PAGES
    if page.method == "GET" and page.path not in FILES
    for address in addresses_of(page)
)
"""Every page that is shown, with each of its addresses."""
