"""How far a pull is, from what engines say."""

from bayplan.agent.progress import Progress


def progress_of(*lines: tuple[str, str, int | None, int | None]) -> Progress:
    """The progress after lines: the layer, the status, the current and the total number of bytes where there are any."""
    progress = Progress()
    for name, status, current, total in lines:
        detail = {} if total is None else {"current": current, "total": total}
        progress.take({"id": name, "status": status, "progressDetail": detail})
    return progress


def test_what_is_here_already_is_not_downloaded() -> None:
    begun = progress_of(("a", "Already exists", None, None), ("b", "Pulling fs layer", None, None))
    assert begun.of_bytes(1000) == 1000, "how large the layer is that waits is not known yet"
    begun.take({"id": "b", "status": "Downloading", "progressDetail": {"current": 10, "total": 80}})
    assert (begun.done_bytes, begun.of_bytes(1000)) == (10, 80)
    begun.end()
    assert (begun.done_bytes, begun.of_bytes(1000)) == (80, 80)


def test_nothing_to_download() -> None:
    there = progress_of(("a", "Already exists", None, None))
    there.end()
    assert (there.layers_done, there.done_bytes, there.of_bytes(1000)) == (1, 0, 0)


def test_what_is_not_known_yet() -> None:
    assert Progress().of_bytes(1000) == 1000
    assert progress_of(("a", "Pulling fs layer", None, None)).of_bytes(0) == 0
    assert progress_of(("a", "Downloading", 1, 90), ("b", "Waiting", None, None)).of_bytes(50) == 90


def test_lines_that_are_not_about_layers_change_nothing() -> None:
    assert (
        progress_of(("latest", "Pulling from team/image", None, None), ("", "Digest: sha256:1", None, None)).layers
        == {}
    )
