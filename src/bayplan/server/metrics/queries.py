"""The numbers that a monitoring system collects."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

import bayplan
from bayplan.server.checks import queries as checks
from bayplan.server.context import Context
from bayplan.server.fleet import queries as fleet


class _Collected(Collector):
    """Metrics that are collected already."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Sequence[Metric]:
        """Gives them."""
        return self._metrics


async def metrics(context: Context, version: int) -> bytes:
    """Gives the state of the catalogue and the fleet, as of a version of the catalogue, in the text format of Prometheus."""
    images = await checks.counts(context.db, None)
    states = await fleet.states(context)
    registry = CollectorRegistry()
    registry.register(
        _Collected(
            [
                _gauge("bayplan_info", "The version of the server.", {bayplan.__version__: 1}, "version"),
                _gauge(
                    "bayplan_catalogue_version",
                    "The version of the catalogue, which rises with every write.",
                    {"": version},
                ),
                _gauge("bayplan_images", "Images by the state of their last check.", images["states"], "state"),
                _gauge("bayplan_checks_waiting", "Checks that wait to be made.", {"": images["waiting"]}),
                _gauge("bayplan_nodes", "Nodes by their last heartbeat.", states["nodes"], "state"),
                _gauge("bayplan_workers", "Workers by what their agent reports.", states["workers"], "state"),
            ]
        )
    )
    return generate_latest(registry)


def _gauge(name: str, text: str, values: dict[str, int], *labels: str) -> Metric:
    gauge = GaugeMetricFamily(name, text, labels=labels)
    for value, number in values.items():
        gauge.add_metric([value] if labels else [], number)
    return gauge
