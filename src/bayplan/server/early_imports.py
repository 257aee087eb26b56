"""Imports at the start what is otherwise imported at its first use: a module cannot be read when no file can be opened."""

from importlib import import_module

_MODULES = (
    # The registry client, which other commands do without.
    "bayplan.registry.client",
    "bayplan.registry.contradictions",
    "bayplan.registry.diff",
    "bayplan.registry.inspect",
    "bayplan.registry.interpret",
    "bayplan.registry.resolve",
    "bayplan.registry.settings",
    # The grammar of references, which is loaded when one is read.
    "docker_image.reference",
    # What it imports with its first connection.
    "httpcore2",
    "anyio.lowlevel",
    "anyio.streams.stapled",
    "anyio.streams.memory",
    "anyio.streams.tls",
    "anyio._core._sockets",
    "anyio._core._streams",
    "anyio._core._testing",
    "encodings.idna",
    # What templates of pages are compiled with.
    "encodings.unicode_escape",
)


def import_all() -> None:
    """Imports them."""
    for module in _MODULES:
        import_module(module)
