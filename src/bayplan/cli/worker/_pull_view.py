"""A pull on the screen: bars on a terminal, a line now and then elsewhere, and all of it beside the output.

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
from bayplan.cli.output import words
from bayplan.domain import units
from bayplan.domain.reference import Reference

LINE_EVERY_SECONDS = 10.0
_ROWS_AROUND = 4
_WORDS = {"waiting": "waits", "downloading": "downloads", "extracting": "unpacks", "done": "done", "there": "was here"}


def observer() -> PullObserver:
    """Gives what shows the progress of a pull: bars where the errors go to a terminal, else lines there."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    shown: _Bars | _Lines = _Bars(console) if console.is_terminal else _Lines()
    return PullObserver(_say, shown.begin, shown.show, shown.end)


def say(pulled: Pulled) -> None:
    """One line on what is here now, and why this."""
    image, grade = pulled.judged["image"], pulled.judged["grade"]
    how = "was here already" if pulled.was_there else "is here"
    _say(f"{image['name']}:{image['version']} ({grade} on {pulled.node.name}) {how}.")


def say_interrupted() -> None:
    """One line on what an interrupted pull leaves: the engine takes back what was begun."""
    _say("Interrupted; nothing of it is kept.")


def as_json(pulled: Pulled) -> dict[str, Any]:
    """The whole answer, for programs. Of the image no log-in is in it."""
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


def _say(text: str) -> None:
    sys.stderr.write(words(text) + "\n")
    sys.stderr.flush()


def _whole(reference: Reference) -> str:
    return f"Pulling {reference.registry}/{reference.repository}"


@dataclass
class _Lines:
    """A line at the start, at the end, and now and then between."""

    _what: str = ""
    _began: float = 0.0
    _said: float = 0.0
    _size_bytes: int = 0
    _last: Layers = field(default_factory=Layers)

    def begin(self, reference: Reference, size_bytes: int | None) -> None:
        self._what, self._size_bytes, self._last = _whole(reference), size_bytes or 0, Layers()
        self._began = self._said = time.monotonic()
        _say(f"{self._what}@{reference.digest}{f', {units.size(size_bytes)}' if size_bytes else ''}")

    def show(self, layers: Layers) -> None:
        self._last = layers
        if time.monotonic() - self._said >= LINE_EVERY_SECONDS:
            self._said = time.monotonic()
            total_bytes = layers.of_bytes(self._size_bytes)
            _say(
                f"{self._what}: {layers.layers_done} of {len(layers.layers)} layers, "
                f"{units.size(layers.done_bytes)} of {units.size(total_bytes)}"
            )

    def end(self) -> None:
        layers = self._last
        if layers.layers and layers.layers_done == len(layers.layers):
            seconds, count = time.monotonic() - self._began, len(layers.layers)
            here = "its one layer is here" if count == 1 else f"all {count} layers are here"
            _say(f"{self._what}: {here}" + (f" after {seconds:.0f} s" if seconds >= LINE_EVERY_SECONDS else ""))


class _Bars:
    """A bar for the whole and one for each layer, those that are done first to give way where there are too many."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Progress | None = None
        self._whole: TaskID | None = None
        self._size_bytes = 0
        self._rows: dict[str, TaskID] = {}

    def begin(self, reference: Reference, size_bytes: int | None) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[amount]}", justify="right"),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            expand=True,
        )
        self._size_bytes, self._rows = size_bytes or 0, {}
        self._whole = self._bars.add_task(_whole(reference), total=size_bytes, amount="", state="")
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
            state=f"{layers.layers_done} of {len(layers.layers)} layers",
        )

    def end(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
