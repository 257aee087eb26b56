"""`bayplan explain WORD`: says what a reason code, a grade, a field, a fact or a setting means."""

from collections.abc import Sequence
from typing import Annotated

import typer

from bayplan.cli.explanations import _words
from bayplan.cli.options import TABLE, Output
from bayplan.errors import NotFound


def explain(
    word: Annotated[
        str | None,
        typer.Argument(
            metavar="WORD",
            help="A reason code, a grade, a field, a fact or a setting; or a kind: images, nodes, grades, reasons, facts, settings.",
            show_default=False,
        ),
    ] = None,
    output_format: Output = TABLE,
) -> None:
    """Say what a code, grade, field or setting means.

    WORD is a reason code, a grade, a field or a setting. Without it, all are listed.

    Fields are those of images and nodes, and the facts about images; settings are the BAYPLAN_... variables.
    """
    from bayplan.cli import output
    from bayplan.cli.node_facts import NODE_FACTS, option_of
    from bayplan.domain.nearest import mean, nearest

    words = _words.words()
    kinds = None if word is None else _words.KINDS.get(word.lower().removesuffix("s"))
    if word is None or kinds:
        entries = [entry for entry in words.values() if kinds is None or {*entry["kind"].split(", ")} & {*kinds}]
        return output.render(
            entries, output_format, view=lambda _answer: _show_all(entries), name=lambda entry: entry["word"]
        )
    key = word.removeprefix("{").removesuffix("}").replace("-", "_")
    key = key.upper() if key.lower().startswith("bayplan_") else key.lower().rpartition(".")[2]
    if key not in words:
        key = next((name for name in NODE_FACTS if option_of(name) == f"--{key.replace('_', '-')}"), key)
    if key not in words:
        near = nearest(word, words)
        advice = mean(near) if near else "`bayplan explain` lists all words."
        raise NotFound(f"There is no reason code, grade, field or setting {word!r}; {advice}")
    return output.render(
        words[key], output_format, view=lambda entry: output.show(output.fields(entry.items())), name=lambda _entry: key
    )


def _show_all(entries: Sequence[_words.Explanation]) -> None:
    from bayplan.cli import output

    columns = (output.Column("word"), output.Column("kind", spare=1), output.Column("meaning", gives_way=True))
    output.show(output.table(columns, [(entry["word"], entry["kind"], entry["meaning"]) for entry in entries]))
