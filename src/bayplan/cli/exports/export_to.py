"""`bayplan export-to`: prints images, with what they need, as files of other programs."""

from enum import StrEnum
from typing import Annotated

import typer

from bayplan.cli.options import Server, UsageError


class ExportTarget(StrEnum):
    """The programs that images are exported to."""

    KUBERNETES = "kubernetes"
    DRA = "dra"
    SLURM = "slurm"
    COMPOSE = "compose"
    NFD = "nfd"


_ONE_EACH = (ExportTarget.SLURM, ExportTarget.NFD)


def export_to(
    target: Annotated[
        ExportTarget,
        typer.Argument(metavar="PROGRAM", help="kubernetes, dra, slurm, compose or nfd.", show_default=False),
    ],
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE", help="Each its key, name:version, or what docker pulls.", show_default=False),
    ],
    server: Server = None,
) -> None:
    """Print images, with what they need, for a scheduler.

    kubernetes: Pods for `kubectl apply -f -`, with a node affinity. dra: Pods that claim their GPU. slurm: a batch script with
    enroot. compose: services for `docker compose -f`. nfd: an image compatibility specification, to be attached to the image.
    """
    from bayplan.cli import connection
    from bayplan.exports.compose import compose
    from bayplan.exports.dra import dra
    from bayplan.exports.kubernetes import kubernetes
    from bayplan.exports.nfd import nfd
    from bayplan.exports.slurm import slurm

    if target in _ONE_EACH and len(images) > 1:
        raise UsageError(f"A file for {target.value} has one image; export each by itself.")
    with connection.connect(server) as client:
        floors = [client.images.floor(image) for image in images]
    match target:
        case ExportTarget.COMPOSE:
            text = compose(floors)
        case ExportTarget.KUBERNETES:
            text = "---\n".join(map(kubernetes, floors))
        case ExportTarget.DRA:
            text = "---\n".join(map(dra, floors))
        case ExportTarget.SLURM:
            text = slurm(floors[0])
        case ExportTarget.NFD:
            text = nfd(floors[0])
    typer.echo(text, nl=False)
