"""The server's log: one line for each entry on standard error, with time (UTC), level and process; and each request at `debug`."""

import logging
import logging.config
import time
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("bayplan.requests")

_LINE = "%(asctime)s %(levelname)s %(message)s"
_LINE_OF_A_PROCESS = "%(asctime)s %(levelname)s process {process}: %(message)s"


class LineFormatter(logging.Formatter):
    """Writes the time as RFC 3339 in UTC, and the message on one line, so that a client's text cannot forge an entry."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802  # logging's name and signature
        """Gives the time of the entry to the millisecond: `2026-11-23T10:00:00.000Z`."""
        moment = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
        return f"{moment.isoformat(timespec='milliseconds')}Z"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """Gives the line, with control characters escaped; a traceback follows on lines of its own."""
        line = super().formatMessage(record)
        return line if line.isprintable() else "".join(_escaped(letter) for letter in line)


def _escaped(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode()


def configure(level: str, process: int | None = None) -> None:
    """Sends the entries of bayplan and uvicorn from `level` on to standard error, and warnings of everything else.

    `process` is the number that the entries carry where several processes write to one log.
    """
    chosen = level.upper()
    line = _LINE if process is None else _LINE_OF_A_PROCESS.format(process=process)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": LineFormatter, "fmt": line}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"level": "ERROR" if chosen == "ERROR" else "WARNING", "handlers": ["stderr"]},
            "loggers": {name: {"level": chosen} for name in ("bayplan", "uvicorn")},
        }
    )


class RequestLog:
    """Writes an entry for each request at `debug`: method, path, status, milliseconds; no query, header or body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, and writes its entry once it is answered or has failed."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begun = time.monotonic()
        try:
            await self._app(scope, receive, noting_status)
        finally:
            milliseconds = 1000 * (time.monotonic() - begun)
            path = scope["raw_path"].decode("ascii", "backslashreplace")  # as it was sent: percent-encoded
            _log.debug("%s %s %s %.1f ms", scope["method"], path, status or "no answer", milliseconds)
