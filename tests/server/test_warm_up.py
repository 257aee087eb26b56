"""What is made ready after the start: whoever asks then waits for nothing."""

from bayplan.server.app import close, open_context
from bayplan.server.warm_up import warm_up
from tests.conftest import Service


def test_what_runs_where_is_known_of_a_large_catalogue(service: Service) -> None:
    service.make("docker")
    service.make("nodes", driver_version="580.65.06")
    context, small = (open_context(service.settings) for _ in range(2))
    run = service.loop.run
    try:
        version = run(context.db.version())
        run(warm_up(context, least_images=1))
        run(warm_up(small, least_images=2))
        service.make("nodes", driver_version="535.104.05")
        ready, read_now = run(context.kinds.summary(version)), run(small.kinds.summary(version))
        assert ready is not None
        assert read_now is not None
        assert (ready.kinds, read_now.kinds) == (1, 2), (
            "what was made ready is of that version, what was not is read now"
        )
    finally:
        for each in (context, small):
            run(close(each))
