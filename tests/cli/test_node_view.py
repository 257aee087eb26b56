"""The last heartbeat of nodes: a node that has stopped is marked."""

from datetime import UTC, datetime, timedelta

import pytest

from bayplan.cli.nodes._view import SILENT_AFTER_SECONDS, heartbeat
from bayplan.clock import timestamp


@pytest.mark.parametrize(
    ("passed_seconds", "text"),
    [
        (0, "just now"),
        (SILENT_AFTER_SECONDS - 10, "4 minutes ago"),
        (SILENT_AFTER_SECONDS + 10, "5 minutes ago, silent"),
        (90_000, "1 day ago, silent"),
    ],
)
def test_a_node_that_has_stopped_pinging_is_marked(passed_seconds: int, text: str) -> None:
    assert heartbeat(timestamp(datetime.now(UTC) - timedelta(seconds=passed_seconds))).plain == text


def test_a_node_that_never_pinged_is_not_called_silent() -> None:
    assert heartbeat(None).plain == "never"
