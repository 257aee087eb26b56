"""`bayplan worker run`: runs the agent until it is stopped."""

from typing import Annotated

import typer

from bayplan.cli.options import State, duration, size, worker_state


def run(
    interval: Annotated[
        int, typer.Option(metavar="DURATION", parser=duration, help="Time between heartbeats.")
    ] = "60s",  # type: ignore[assignment]  # the parser reads the default too
    probe_every: Annotated[
        int,
        typer.Option("--look", metavar="DURATION", parser=duration, help="Time between probes of the hardware."),
    ] = "10m",  # type: ignore[assignment]  # the parser reads the default too
    prefetch: Annotated[
        bool, typer.Option("--prefetch/--no-prefetch", help="Keep the desired images of this machine pulled.")
    ] = True,
    prefetch_every: Annotated[
        int,
        typer.Option(metavar="DURATION", parser=duration, help="Time between requests for the desired images."),
    ] = "5m",  # type: ignore[assignment]  # the parser reads the default too
    disk_budget: Annotated[
        int | None,
        typer.Option(
            metavar="SIZE", parser=size, help="The most disk space that desired images may use together, like 200GiB."
        ),
    ] = None,
    keep_free: Annotated[
        str,
        typer.Option(
            metavar="SHARE", help="The part of the engine's disk that desired images leave free: 10%, or a size."
        ),
    ] = "10%",
    stall_timeout: Annotated[
        int,
        typer.Option(metavar="DURATION", parser=duration, help="End a pull that makes no progress for that long."),
    ] = "2m",  # type: ignore[assignment]  # the parser reads the default too
    scan: Annotated[
        bool,
        typer.Option(
            "--scan/--no-scan", help="Read the files of images that were pulled here, and report their facts."
        ),
    ] = True,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The container engine [default: DOCKER_HOST, docker's context, or this machine's]"
        ),
    ] = None,
    state: State = None,
) -> None:
    """Send heartbeats and changes, prefetch and scan images.

    It runs until it is stopped.

    The desired images of this machine are those that prefetch rules name for its nodes.
    """
    from bayplan.agent.disk_budget import share
    from bayplan.agent.process import AgentOptions, become
    from bayplan.client.settings import client_settings

    free_share = share(keep_free)
    become(
        AgentOptions(
            state=str(worker_state(state).absolute()),
            heartbeat_seconds=interval,
            probe_seconds=probe_every,
            prefetch_seconds=prefetch_every if prefetch else None,
            budget_bytes=disk_budget,
            free_bytes=size(keep_free) if free_share is None else 0,
            free_share=free_share or 0.0,
            engine=engine,
            stall_seconds=stall_timeout,
            scans=scan,
            shows_traceback=client_settings().traceback is not None,
        )
    )
