"""The registries and the application of the tests of inspections: a scan is of what was inspected."""

from tests.server.inspections.conftest import registry, service

__all__ = ["registry", "service"]
