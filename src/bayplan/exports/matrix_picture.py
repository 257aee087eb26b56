"""The matrix as people see it: a row for each group of images, a column for each kind of nodes, with titles and totals."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bayplan.domain.units import count
from bayplan.exports.docker_run import RUNS
from bayplan.schemas.matrix import MatrixAnswer

SIGNS: Mapping[str, str] = {
    "native": "\N{HEAVY CHECK MARK}",
    "minor": "\N{ALMOST EQUAL TO}",
    "forward": "\N{UPWARDS ARROW}",
    "cpu": "\N{WHITE CIRCLE}",
    "jit": "\N{BLACK LOWER RIGHT TRIANGLE}",
    "unknown": "?",
    "no": "\N{BALLOT X}",
}
"""The sign of each grade; it never stands without the grade's word."""
MEANINGS: Mapping[str, str] = {
    "native": "runs",
    "minor": "runs, by minor-version compatibility",
    "forward": "runs, by its forward-compatibility package",
    "cpu": "runs without using a GPU",
    "jit": "runs perhaps: the driver must compile its kernels at start",
    "unknown": "not known: a fact is missing",
    "no": "does not run",
}
_NAMED_AT_MOST = 3
# Facts that tell kinds with the same title apart, with their words.
_DETAILS: Mapping[str, str] = {
    "architecture": "",
    "driver_cuda_version": "CUDA",
    "gpu_mem": "memory",
    "gpu_brand": "",
    "compute_capability": "capability",
    "target": "",
    "toolkit_version": "toolkit",
    "runtime_mode": "mode",
    "cdi_driver_version": "CDI for",
    "l4t_version": "L4T",
    "kernel_version": "kernel",
    "machine_gpus": "GPUs of the machine:",
    "shared_memory_bytes": "shared memory",
    "fabric_ready": "fabric ready:",
    "vgpu_licensed": "licensed:",
    "wsl": "WSL:",
    "hardware_generation": "",
    "accelerator": "",
}
_IN_BYTES = ("gpu_mem", "shared_memory_bytes")


@dataclass(frozen=True, slots=True)
class PicturedImage:
    """What the picture shows of an image."""

    name: str
    framework: str
    """With its version: "PyTorch 2.4"."""
    cuda: str | None


@dataclass(frozen=True, slots=True)
class PictureColumn:
    """A kind of nodes, and how many there are; `images` counts those that run on it."""

    identifier: str
    title: str
    nodes: int
    images: int

    @property
    def label(self) -> str:
        """The title, with how many nodes there are."""
        return f"{self.title} ({count(self.nodes, 'node')})"

    @property
    def is_stranded(self) -> bool:
        """Whether no image runs there."""
        return not self.images


@dataclass(frozen=True, slots=True)
class PictureCell:
    """A grade, and the codes of its reasons, each once."""

    grade: str
    codes: tuple[str, ...]

    @property
    def text(self) -> str:
        """The sign and the word."""
        return f"{SIGNS.get(self.grade, '')} {self.grade}".strip()

    @property
    def reasons(self) -> str:
        """The word, and why."""
        return f"{self.grade}: {', '.join(self.codes)}" if self.codes else self.grade


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A group of images, and how many there are; `nodes` counts those that run it. A cell for each column."""

    identifier: str
    title: str
    images: int
    nodes: int
    cells: Sequence[PictureCell]

    @property
    def is_stranded(self) -> bool:
        """Whether no node runs it."""
        return not self.nodes


@dataclass(frozen=True)
class MatrixPicture:
    """The rows and columns of a matrix, in the order of the answer."""

    version: int
    columns: Sequence[PictureColumn]
    rows: Sequence[PictureRow]

    @cached_property
    def images(self) -> int:
        """How many images there are."""
        return sum(row.images for row in self.rows)

    @cached_property
    def nodes(self) -> int:
        """How many nodes there are."""
        return sum(column.nodes for column in self.columns)

    @cached_property
    def grades(self) -> list[str]:
        """The grades that occur, best first."""
        occurring = {cell.grade for row in self.rows for cell in row.cells}
        return [grade for grade in SIGNS if grade in occurring]

    @property
    def summary(self) -> str:
        """The totals in two sentences."""
        groups, kinds = count(len(self.rows), "group"), count(len(self.columns), "kind")
        whole = f"{count(self.images, 'image')} in {groups} on {count(self.nodes, 'node')} of {kinds}."
        images = sum(row.images for row in self.rows if row.is_stranded)
        nodes = sum(column.nodes for column in self.columns if column.is_stranded)
        if not self.images or not self.nodes:
            return whole
        if not images and not nodes:
            return f"{whole} Every image runs on some node, and every node runs some image."
        on_none = f"{count(images, 'image')} {'runs' if images == 1 else 'run'} on no node"
        run_none = f"{count(nodes, 'node')} {'runs' if nodes == 1 else 'run'} no image"
        parts = [on_none] if images else []
        return f"{whole} {', '.join([*parts, run_none] if nodes else parts)}."


def picture(answer: MatrixAnswer, images: Mapping[int, PicturedImage]) -> MatrixPicture:
    """The picture of an answer; an image that is not among `images` has its key for a name."""
    cells: dict[tuple[str, str], PictureCell] = {}
    shared: dict[tuple[str, tuple[str, ...]], PictureCell] = {}
    for verdict in answer["verdicts"]:
        key = (verdict["grade"], tuple(dict.fromkeys(verdict["codes"])))
        cells[verdict["group"], verdict["kind"]] = shared.setdefault(key, PictureCell(*key))
    return drawn(
        answer["version"],
        [(kind["kind"], kind["worker"], len(kind["nodes"])) for kind in answer["kinds"]],
        [(group["group"], group["images"]) for group in answer["groups"]],
        [[cells[group["group"], kind["kind"]] for kind in answer["kinds"]] for group in answer["groups"]],
        images,
    )


def drawn(
    version: int,
    kinds: Sequence[tuple[str, Mapping[str, Any], int]],
    groups: Sequence[tuple[str, Sequence[int]]],
    rows: Sequence[Sequence[PictureCell]],
    images: Mapping[int, PicturedImage],
) -> MatrixPicture:
    """The picture of these kinds (identifier, facts, number of nodes), groups (identifier, images) and rows of cells."""
    running_images, running_nodes = [0] * len(kinds), [0] * len(groups)
    for at, row in enumerate(rows):
        for number, cell in enumerate(row):
            if cell.grade in RUNS:
                running_images[number] += len(groups[at][1])
                running_nodes[at] += kinds[number][2]
    titles = kind_titles([worker for _, worker, _ in kinds])
    of_groups = group_titles([_shown(pks, images) for _, pks in groups])
    return MatrixPicture(
        version,
        [
            PictureColumn(identifier, title, nodes, running)
            for (identifier, _, nodes), title, running in zip(kinds, titles, running_images, strict=True)
        ],
        [
            PictureRow(identifier, title, len(pks), running, cells)
            for (identifier, pks), title, running, cells in zip(groups, of_groups, running_nodes, rows, strict=True)
        ],
    )


def kind_title(worker: Mapping[str, Any]) -> str:
    """What people call nodes with these facts: "NVIDIA L4, driver 550.54.15"."""
    gpu = worker["gpu_name"] or worker["target"] or worker["compute_capability"]
    if gpu is None and worker["driver_version"] is None:
        return "no GPU"
    slice_ = f" {worker['mig_profile']}" if worker["mig_profile"] else ""
    driver = worker["driver_version"]
    return f"{gpu or 'unknown GPU'}{slice_}, {f'driver {driver}' if driver else 'unknown driver'}"


def kind_titles(workers: Sequence[Mapping[str, Any]]) -> list[str]:
    """The titles of kinds of nodes, with what tells those apart that would have the same."""
    return _distinct([(kind_title(worker), _details(worker)) for worker in workers])


def group_title(images: Sequence[PicturedImage]) -> str:
    """What people call these images: "PyTorch 2.4, 2.5, CUDA 12.4.1"."""
    versions: dict[str, list[str]] = {}
    for image in images:
        name, _, version = image.framework.rpartition(" ")
        of_framework = versions.setdefault(name or version, [])
        if name and version not in of_framework:
            of_framework.append(version)
    frameworks = [f"{name} {_some(of_framework)}".rstrip() for name, of_framework in versions.items()]
    cudas = dict.fromkeys("no CUDA" if image.cuda is None else f"CUDA {image.cuda}" for image in images)
    return ", ".join(dict.fromkeys((_some(frameworks), _some(list(cudas)))))


def group_titles(groups: Sequence[Sequence[PicturedImage]]) -> list[str]:
    """The titles of groups of images, with the names of the images where they would have the same."""
    return _distinct([(group_title(images), _names(images)) for images in groups])


def _shown(pks: Iterable[int], images: Mapping[int, PicturedImage]) -> list[PicturedImage]:
    return [images.get(pk) or PicturedImage(f"image {pk}", "unknown", None) for pk in pks]


def _names(images: Sequence[PicturedImage]) -> list[str]:
    return [_some([image.name for image in images])]


def _details(worker: Mapping[str, Any]) -> list[str]:
    return [
        f"{word} {_detail(name, worker[name])}".strip() if worker[name] is not None else ""
        for name, word in _DETAILS.items()
    ]


def _detail(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value >> 20:,} MiB" if name in _IN_BYTES else str(value)


def _distinct(titles: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Titles, with those of their details in brackets that tell equal ones apart, and a number where none does."""
    alike: dict[str, list[Sequence[str]]] = {}
    for title, details in titles:
        alike.setdefault(title, []).append(details)
    told = []
    for title, details in titles:
        differing = {at for at in range(len(details)) if len({other[at] for other in alike[title]}) > 1}
        words = ", ".join(detail for at, detail in enumerate(details) if at in differing and detail)
        told.append(f"{title} ({words})" if words else title)
    return _numbered(told)


def _numbered(titles: Sequence[str]) -> list[str]:
    times = Counter[Hashable](titles)
    seen = Counter[str]()
    numbered = []
    for title in titles:
        seen[title] += 1
        numbered.append(f"{title} [{seen[title]}]" if times[title] > 1 else title)
    return numbered


def _some(words: Sequence[str]) -> str:
    more = f" and {len(words) - _NAMED_AT_MOST:,} more" if len(words) > _NAMED_AT_MOST else ""
    return ", ".join(words[:_NAMED_AT_MOST]) + more
