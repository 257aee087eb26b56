"""The server that is measured: Python starts anew for it, as it does for people."""

from functools import partial

from tests import process
from tests.forks import ANEW

running_server = partial(process.running_server, command=(*ANEW, *process.SERVE))
