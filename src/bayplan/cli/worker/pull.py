"""`bayplan worker pull`: pulls the image that runs best on this machine, or the one that is named, and with --run runs it."""

import signal
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bayplan.cli.options import TABLE, Domain, Framework, Grades, Output, State, Task, UsageError, worker_state
from bayplan.cli.plain_command import AFTER_DASHES
from bayplan.errors import NotFound

if TYPE_CHECKING:
    from bayplan.client import Client

INTERRUPTED = 130  # 128 and SIGINT, as shells have it


def pull(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE",
            help="Its key, name:version, or what docker pulls; with --run, after --, a command for it.",
            show_default=False,
        ),
    ] = None,
    task: Task = None,
    domain: Domain = None,
    framework: Framework = None,
    grade: Grades = None,
    gpu: Annotated[
        int | None,
        typer.Option("--gpu", min=0, metavar="INDEX", help="For the GPU with that number [default: the lowest]"),
    ] = None,
    next_best: Annotated[
        bool, typer.Option("--next-best", help="If an image cannot be pulled, try the next best.")
    ] = False,
    run: Annotated[
        bool,
        typer.Option(
            "--run", help="Run the image on that GPU, in the foreground, and remove the container at its end."
        ),
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
    """Pull the image that runs best here, or the named IMAGE.

    It pulls the image by the digest in the catalogue, and prints its reference, as in:
    docker run --gpus device=0 $(bayplan worker pull --task train --domain od)
    """
    from bayplan.agent import container, membership, orphans
    from bayplan.agent.credential import read
    from bayplan.agent.engine import connect
    from bayplan.agent.no_match import DoesNotRunHere
    from bayplan.agent.pull import PullRequest, judge_named, pull, pull_judged, pull_node_of, shared_memory_of
    from bayplan.agent.scan_queue import ScanQueue
    from bayplan.cli import error_output, exit_codes, output
    from bayplan.cli.worker import _pull_view as pull_view

    words = words or []
    after = context.meta[AFTER_DASHES]
    image, command = words[: len(words) - after], words[len(words) - after :]
    if command and not run:
        raise UsageError("The words after -- are a command for --run: add --run, or leave them out.")
    if run and output_format is not TABLE:
        raise UsageError(f"With --run the output is the container's: leave out -o {output_format}.")
    query = {"--task": task, "--domain": domain, "--framework": framework, "--next-best": next_best or None}
    if image and (with_image := [option for option, value in query.items() if value is not None]):
        raise UsageError(f"IMAGE names the image: leave out {' and '.join(with_image)}, or IMAGE.")
    signal.signal(signal.SIGTERM, _end)
    agent_state = read(worker_state(state))
    node = pull_node_of(agent_state, gpu)
    request = PullRequest(task, domain, framework, grade, next_best)
    try:
        with ExitStack() as stack:
            client = stack.enter_context(membership.connect(agent_state))
            judged = judge_named(client, node, _key_of(client, image, run=run), grade) if image else None
            container_engine = stack.enter_context(connect(engine, pull_view.show_warning))
            orphans.remove_orphans(container_engine, pull_view.show_warning)
            here = (client, container_engine, agent_state, node)
            observer = pull_view.observer()
            pulled = pull(*here, request, observer) if judged is None else pull_judged(*here, judged, observer)
            pull_view.show_pulled(pulled)
            ScanQueue.beside(worker_state(state)).add([str(pulled.reference)])  # for the agent, where it runs
            if run:
                shared_memory_bytes = shared_memory_of(client, pulled)
                raise typer.Exit(
                    container.run(container_engine, pulled.reference, command, pulled.device, shared_memory_bytes)
                )
    except DoesNotRunHere as error:
        code = exit_codes.of_grade(error.grade) or exit_codes.NO
        error_output.print_error(error, code)
        raise typer.Exit(code) from None
    except KeyboardInterrupt:
        pull_view.show_interrupted()
        raise typer.Exit(INTERRUPTED) from None
    except SystemExit:
        pull_view.show_interrupted()
        raise
    reference = str(pulled.reference)
    return output.render(pull_view.as_json(pulled), output_format, view=reference, name=lambda _answer: [reference])


def _key_of(client: "Client", words: Sequence[str], *, run: bool) -> int:
    """The key of the image that the words name. Raises `NotFound` and `Invalid`."""
    from bayplan.cli import lookup

    try:
        return lookup.image(client, words)["pk"]
    except NotFound as error:
        if run and len(words) > 1:
            raise NotFound(f"{error.detail} A command for the container stands after --.", code=error.code) from None
        raise


def _end(number: int, _frame: object) -> NoReturn:
    """Ends the command as Ctrl-C does, so that the terminal is as before."""
    raise SystemExit(128 + number)
