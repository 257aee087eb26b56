"""`bayplan serve` on a free port, with a scheduler of checks that polls every few milliseconds: for tests that wait for checks."""

from bayplan.config import load_settings
from bayplan.server.checks.intervals import CheckIntervals
from bayplan.server.process import serve

INTERVALS = CheckIntervals(poll_seconds=0.05, batch_seconds=0.05, stop_seconds=0.5)

if __name__ == "__main__":
    serve(load_settings(port=0), check_intervals=INTERVALS)
