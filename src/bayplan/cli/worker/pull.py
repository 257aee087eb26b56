"""`bayplan worker pull`: the image that runs best here, on this machine, and with --run running."""

import signal
from typing import Annotated, NoReturn

import typer

from bayplan.cli.options import AsJson, Domain, Framework, Grades, State, Task, UsageError, worker_state

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
        bool, typer.Option("--next-best", help="Where an image cannot be had, take the next that runs here.")
    ] = False,
    run: Annotated[
        bool, typer.Option("--run", help="Run it with that GPU, in the foreground, and remove it then.")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The container engine [default: DOCKER_HOST, or this machine's]"),
    ] = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Pull the image that runs best on this machine.

    It is pulled by the digest in the catalogue, and its reference is printed, as in:
    docker run --gpus device=0 $(bayplan worker pull --task train --domain od)
    """
    from bayplan.agent import container, membership
    from bayplan.agent.credential import read
    from bayplan.agent.engine import connect
    from bayplan.agent.pull import PullRequest, pull, pull_node_of
    from bayplan.cli import output
    from bayplan.cli.worker import _pull_view as pull_view

    if command and not run:
        raise UsageError("What stands after -- is run with --run alone; leave it out, or add --run.")
    if run and as_json:
        raise UsageError("With --run the output is the container's: leave out --json.")
    signal.signal(signal.SIGTERM, _ended)
    agent_state = read(worker_state(state))
    node = pull_node_of(agent_state, gpu)
    request = PullRequest(task, domain, framework, grade, next_best)
    try:
        with connect(engine) as machine, membership.connect(agent_state) as client:
            pulled = pull(client, machine, agent_state, node, request, pull_view.observer())
            pull_view.say(pulled)
            if run:
                raise typer.Exit(container.run(machine, pulled.reference, command or (), pulled.gpu))
    except KeyboardInterrupt:
        pull_view.say_interrupted()
        raise typer.Exit(INTERRUPTED) from None
    except SystemExit:
        pull_view.say_interrupted()
        raise
    if as_json:
        return output.show_json(pull_view.as_json(pulled))
    return typer.echo(str(pulled.reference))


def _ended(number: int, _frame: object) -> NoReturn:
    """Ends as by Ctrl-C: a terminal is left as it was found."""
    raise SystemExit(128 + number)
