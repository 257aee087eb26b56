"""The last heartbeat of nodes, and the errors of workers: what has stopped is marked."""

from datetime import UTC, datetime, timedelta

import pytest

from bayplan.cli.nodes._view import SILENT_AFTER_SECONDS, heartbeat, show_workers
from bayplan.clock import timestamp
from bayplan.schemas.workers import WorkerAnswer


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


def test_a_worker_that_cannot_probe_its_hardware_is_named_with_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    joined = timestamp(datetime.now(UTC))
    failing = WorkerAnswer(
        worker="w-1", ip="192.0.2.1", joined=joined, last_seen=joined, nodes=[1, 2], fault="GPU 1 does not answer \x1b"
    )
    show_workers([failing, WorkerAnswer(worker="w-2", ip="192.0.2.2", joined=joined, last_seen=None, nodes=[])])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["2 workers", "192.0.2.1: GPU 1 does not answer \N{REPLACEMENT CHARACTER}"]
