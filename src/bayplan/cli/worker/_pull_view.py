"""Shows the progress of a pull on stderr: bars on a terminal, a line now and then elsewhere.

The output itself is the reference by digest alone, so that `docker run $(bayplan worker pull ...)` works.
"""

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from bayplan.agent.progress import Progress as Layers
from bayplan.agent.pull import Pulled, PullObserver
from bayplan.cli import output
from bayplan.cli.output import words
from bayplan.domain import units
from bayplan.domain.reference import Reference

LINE_EVERY_SECONDS = 10.0
_ROWS_AROUND = 5
_LEAST_WIDTH_FOR_TIMES = 72
"""Columns of a terminal below which the time that is left gives way to the bars."""
_WORDS = {"waiting": "waits", "downloading": "downloads", "extracting": "unpacks", "done": "done", "there": "was here"}


def observer() -> PullObserver:
    """Gives the observer that shows the progress of a pull: by bars where stderr is a terminal, else by lines."""
    console = output.console(stderr=True)
    display: _Bars | _Lines = _Bars(console) if console.is_terminal else _Lines()
    return PullObserver(_print, display.begin, display.show, display.end)


def show_pulled(pulled: Pulled) -> None:
    """Prints which image is here now, with its grade on the node."""
    image, grade = pulled.judged["image"], pulled.judged["grade"]
    how = "was here already" if pulled.was_there else "is here"
    _print(f"{image['name']}:{image['version']} ({grade} on {pulled.node.name}) {how}.")


def show_warning(text: str) -> None:
    """Prints a sentence about what goes on all the same."""
    _print(text)


def show_interrupted() -> None:
    """Prints that an interrupted pull leaves nothing: the engine removes the layers that it began."""
    _print("Interrupted; nothing of it is kept.")


def as_json(pulled: Pulled) -> dict[str, Any]:
    """The result of a pull as JSON, without the credentials of the image."""
    image = pulled.judged["image"]
    return {
        "reference": str(pulled.reference),
        "digest": pulled.status.digest,
        "image": {name: image[name] for name in ("pk", "name", "version")},
        "grade": pulled.judged["grade"],
        "reasons": pulled.judged["reasons"],
        "node": pulled.node.pk,
        "gpu": pulled.gpu,
        "size_bytes": pulled.local.size_bytes,
        "pulled": not pulled.was_there,
        "digest_from_catalogue": pulled.status.from_catalogue,
        "passed_over": [
            {
                "image": {name: judged["image"][name] for name in ("pk", "name", "version")},
                "code": error.code,
                "detail": error.detail,
            }
            for judged, error in pulled.passed_over
        ],
    }


def _print(text: str) -> None:
    sys.stderr.write(words(text) + "\n")
    sys.stderr.flush()


def _title(reference: Reference) -> str:
    return f"Pulling {reference.registry}/{reference.repository}"


@dataclass
class _Lines:
    """A line at the start, one at the end, and one now and then between."""

    _title: str = ""
    _began_at: float = 0.0
    _printed_at: float = 0.0
    _size_bytes: int = 0
    _last: Layers = field(default_factory=Layers)

    def begin(self, reference: Reference, size_bytes: int | None) -> None:
        self._title, self._size_bytes, self._last = _title(reference), size_bytes or 0, Layers()
        self._began_at = self._printed_at = time.monotonic()
        _print(f"{self._title}@{reference.digest}{f', {units.size(size_bytes)}' if size_bytes else ''}")

    def show(self, layers: Layers) -> None:
        self._last = layers
        if time.monotonic() - self._printed_at >= LINE_EVERY_SECONDS:
            self._printed_at = time.monotonic()
            total_bytes = layers.of_bytes(self._size_bytes)
            _print(
                f"{self._title}: {layers.layers_done} of {units.count(len(layers.layers), 'layer')}, "
                f"{units.size(layers.done_bytes)} of {units.size(total_bytes)}"
            )

    def end(self) -> None:
        layers = self._last
        if layers.layers and layers.layers_done == len(layers.layers):
            seconds, count = time.monotonic() - self._began_at, len(layers.layers)
            here = "its one layer is here" if count == 1 else f"all {count} layers are here"
            _print(f"{self._title}: {here}" + (f" after {seconds:.0f} s" if seconds >= LINE_EVERY_SECONDS else ""))


class _Bars:
    """A bar for the image and one for each layer; where there are too many, layers that are done lose theirs.

    The image's name stands on a line of its own above them, where no terminal is too narrow for it.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Progress | None = None
        self._whole: TaskID | None = None
        self._size_bytes = 0
        self._rows: dict[str, TaskID] = {}

    def begin(self, reference: Reference, size_bytes: int | None) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[amount]}", justify="right"),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(compact=True),
        )
        kept = columns if self._console.width >= _LEAST_WIDTH_FOR_TIMES else columns[:-1]
        self._bars = Progress(*kept, console=self._console, expand=True)
        self._size_bytes, self._rows = size_bytes or 0, {}
        self._whole = self._bars.add_task("image", total=size_bytes, amount="", state="")
        self._console.print(_title(reference))
        self._bars.start()

    def show(self, layers: Layers) -> None:
        assert self._bars is not None
        assert self._whole is not None
        room = max(1, self._console.height - _ROWS_AROUND)
        done = [name for name, layer in layers.layers.items() if layer.state in ("done", "there")]
        hidden = set(done[: max(0, len(layers.layers) - room)])
        for name, layer in layers.layers.items():
            if name not in self._rows:
                self._rows[name] = self._bars.add_task(f"  {name[:12]}", total=None, amount="", state="")
            ended = layer.state in ("done", "there")
            total = layer.total_bytes or (1 if ended else None)
            self._bars.update(
                self._rows[name],
                total=total,
                completed=total if ended else layer.done_bytes,
                amount=units.size(layer.total_bytes) if layer.total_bytes else "",
                state=_WORDS[layer.state],
                visible=name not in hidden,
            )
        total_bytes = layers.of_bytes(self._size_bytes)
        self._bars.update(
            self._whole,
            total=total_bytes or (1 if layers.has_ended else None),
            completed=layers.done_bytes or layers.has_ended,
            amount=f"{units.size(layers.done_bytes)} of {units.size(total_bytes)}" if total_bytes else "",
            state=f"{layers.layers_done} of {units.count(len(layers.layers), 'layer')}" if layers.layers else "",
        )

    def end(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
