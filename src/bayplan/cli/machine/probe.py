"""`bayplan probe`: shows the hardware of this machine, its driver, its container toolkit, and what cannot be read."""

from bayplan.cli.options import TABLE, Output


def probe(*, output_format: Output = TABLE) -> None:
    """Show what this machine has: GPUs, driver, toolkit.

    It also shows what could not be read, and why.

    It needs no server and changes nothing. The exit code is 0 also without a GPU.
    The JSON has a `worker`, which `bayplan check IMAGE -` and the API's match take.
    """
    from bayplan.agent import here
    from bayplan.agent.probe_process import RunningProbe
    from bayplan.clock import now

    with RunningProbe(without_gpu=False) as probing:
        from bayplan.cli import output
        from bayplan.cli.machine import _probe_view as probe_view

        machine = here.read(probing, now())
    return output.render(
        probe_view.as_json(machine), output_format, view=lambda _answer: probe_view.show_machine(machine)
    )
