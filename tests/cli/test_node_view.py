"""Nodes on the screen: which are marked."""

from datetime import UTC, datetime, timedelta

import pytest

from bayplan.cli.nodes._view import SILENT_AFTER_SECONDS, seen
from bayplan.clock import timestamp


@pytest.mark.parametrize(
    ("passed_seconds", "said"),
    [
        (0, "just now"),
        (SILENT_AFTER_SECONDS - 10, "4 minutes ago"),
        (SILENT_AFTER_SECONDS + 10, "5 minutes ago, silent"),
        (90_000, "1 day ago, silent"),
    ],
)
def test_a_node_that_has_stopped_pinging_is_marked(passed_seconds: int, said: str) -> None:
    assert seen(timestamp(datetime.now(UTC) - timedelta(seconds=passed_seconds))).plain == said


def test_a_node_that_never_pinged_is_not_called_silent() -> None:
    assert seen(None).plain == "never"
