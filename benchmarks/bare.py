"""The floor: a plain ASGI application on the same server that answers with bytes that lie ready, and does nothing else.

`python -m benchmarks.bare FOLDER` answers `/NAME` with the file NAME of the folder; NAME ends in the status, `load-200`.
"""

import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def ready(folder: Path) -> Callable[[dict[str, Any], Receive, Send], Awaitable[None]]:
    """An application that answers with the files of a folder."""
    answers: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for file in folder.iterdir():
        body, status = file.read_bytes(), int(file.name.rsplit("-", 1)[1])
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        start = {"type": "http.response.start", "status": status, "headers": headers if body else []}
        answers[f"/{file.name}"] = (start, {"type": "http.response.body", "body": body})

    async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        start, body = answers[scope["path"]]
        await send(start)
        await send(body)

    return application


def main() -> None:
    """Serves until it is ended; prints its port first."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        ready(Path(sys.argv[1])), loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="warning"
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
