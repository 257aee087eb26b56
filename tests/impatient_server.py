"""`bayplan serve` that gives its clients little time, for tests of what happens when they take longer."""

import sys

from bayplan.config import load_settings
from bayplan.server.http.connection import Deadlines
from bayplan.server.process import serve

serve(load_settings(port=0), deadlines=Deadlines(*map(float, sys.argv[1:])))
