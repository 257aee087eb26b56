"""`bayplan worker pull`: pulls the image that runs best on this machine, and with --run runs it."""

import signal
from typing import Annotated, NoReturn

import typer

from bayplan.cli.options import TABLE, Domain, Framework, Grades, Output, State, Task, UsageError, worker_state

INTERRUPTED = 130  # 128 and SIGINT, as shells have it


def pull(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="ARGS", help="With --run: what to run in it, after --.", show_default=False),
    ] = None,
    task: Task = None,
    domain: Domain = None,
    framework: Framework = None,
    grade: Grades = None,
    gpu: Annotated[
        int | None, typer.Option("--gpu", min=0, metavar="INDEX", help="For that GPU of it [default: the lowest]")
    ] = None,
    next_best: Annotated[
        bool, typer.Option("--next-best", help="Where an image cannot be pulled, try the next best.")
    ] = False,
    run: Annotated[
        bool, typer.Option("--run", help="Run it on that GPU, in the foreground; remove the container at its end.")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The container engine [default: DOCKER_HOST, docker's context, or this machine's]"
        ),
    ] = None,
    state: State = None,
    output_format: Output = TABLE,
) -> None:
    """Pull the image that runs best on this machine.

    It is pulled by the digest in the catalogue, and its reference is printed, as in:
    docker run --gpus device=0 $(bayplan worker pull --task train --domain od)
    """
    from bayplan.agent import container, membership, orphans
    from bayplan.agent.credential import read
    from bayplan.agent.engine import connect
    from bayplan.agent.pull import PullRequest, pull, pull_node_of, shared_memory_of
    from bayplan.agent.scan_queue import ScanQueue
    from bayplan.cli import output
    from bayplan.cli.worker import _pull_view as pull_view

    if command and not run:
        raise UsageError("What stands after -- is run with --run alone; leave it out, or add --run.")
    if run and output_format is not TABLE:
        raise UsageError(f"With --run the output is the container's: leave out -o {output_format}.")
    signal.signal(signal.SIGTERM, _end)
    agent_state = read(worker_state(state))
    node = pull_node_of(agent_state, gpu)
    request = PullRequest(task, domain, framework, grade, next_best)
    try:
        with connect(engine, pull_view.show_warning) as container_engine, membership.connect(agent_state) as client:
            orphans.remove_orphans(container_engine, pull_view.show_warning)
            pulled = pull(client, container_engine, agent_state, node, request, pull_view.observer())
            pull_view.show_pulled(pulled)
            ScanQueue.beside(worker_state(state)).add([str(pulled.reference)])  # for the agent, where it runs
            if run:
                shared_memory_bytes = shared_memory_of(client, pulled)
                raise typer.Exit(
                    container.run(container_engine, pulled.reference, command or (), pulled.device, shared_memory_bytes)
                )
    except KeyboardInterrupt:
        pull_view.show_interrupted()
        raise typer.Exit(INTERRUPTED) from None
    except SystemExit:
        pull_view.show_interrupted()
        raise
    reference = str(pulled.reference)
    return output.render(pull_view.as_json(pulled), output_format, view=reference, name=lambda _answer: [reference])


def _end(number: int, _frame: object) -> NoReturn:
    """Ends the command as Ctrl-C does, so that the terminal is as before."""
    raise SystemExit(128 + number)
