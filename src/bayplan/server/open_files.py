"""How many files and connections a process may have open: raised at the start, and kept within."""

import logging
import resource

_log = logging.getLogger("bayplan")

MOST_CONNECTIONS = 10_000
"""Of one server process, where its files allow them."""
FEW_FILES = 4_096
_FILES_OF_ITS_OWN = 100
"""For the program, its log, its listening socket and the embedded database; connections to PostgreSQL and registries come on top."""
_LEAST_CONNECTIONS = 16


def raise_limit() -> int:
    """Raises the limit of open files as far as the system allows, and gives it; logs where it is low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (ValueError, OSError) as error:  # more than the system's own limit
            _log.warning("The limit of open files could not be raised and stays at %d: %s.", soft, error)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS * 2
    if soft < FEW_FILES:
        _log.warning(
            "This process may have %d files open, and so about as many connections. Raise the limit (LimitNOFILE= in a "
            "unit of systemd, ulimit -Hn in a shell).",
            soft,
        )
    return soft


def most_connections(files: int, others: int) -> int:
    """Gives how many connections of clients fit beside `others`, those of the server to other programs."""
    return max(_LEAST_CONNECTIONS, min(MOST_CONNECTIONS, files - _FILES_OF_ITS_OWN - others))
