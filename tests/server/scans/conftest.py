"""The registries and the application of the tests of inspections: a scan is of what was inspected."""

from tests.server.inspections.conftest import guarded, registry, service

__all__ = ["guarded", "registry", "service"]
