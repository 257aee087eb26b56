"""The server that is measured: Python starts anew for it, as it does for people, but where nothing is measured."""

import sys
from contextlib import AbstractContextManager
from pathlib import Path

from tests import process
from tests.forks import ANEW
from tests.process import Server


def running_server(home: Path, *arguments: str, **settings: str) -> AbstractContextManager[Server]:
    """A server as `tests.process.running_server` gives it."""
    before = () if "--quick" in sys.argv else ANEW
    return process.running_server(home, *arguments, command=(*before, *process.SERVE), **settings)
