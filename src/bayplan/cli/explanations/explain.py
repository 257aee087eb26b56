"""`bayplan explain WORD`: says what a reason code, a grade or a field of a node means."""

from collections.abc import Mapping
from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output
from bayplan.errors import NotFound


def explain(
    word: Annotated[
        str | None, typer.Argument(metavar="WORD", help="A reason code, a grade, or a field.", show_default=False)
    ] = None,
    output_format: Output = TABLE,
) -> None:
    """Say what a reason code, a grade or a field of a node means; without WORD list them all."""
    from bayplan.cli import output
    from bayplan.domain.nearest import nearest

    words = _words()
    if word is None:
        return output.render(
            list(words.values()), output_format, view=lambda _answer: _show_all(words), name=lambda entry: entry["word"]
        )
    key = word.lower().replace("-", "_")
    if key not in words:
        near = nearest(word, words)
        advice = f"did you mean {' or '.join(near)}?" if near else "`bayplan explain` lists all words."
        raise NotFound(f"There is no reason code, grade or field {word!r}; {advice}")
    return output.render(
        words[key], output_format, view=lambda entry: output.show(output.fields(entry.items())), name=lambda _entry: key
    )


def _show_all(words: Mapping[str, Mapping[str, str]]) -> None:
    from bayplan.cli import output

    columns = (output.Column("word"), output.Column("kind", spare=1), output.Column("meaning", gives_way=True))
    output.show(output.table(columns, [list(entry.values()) for entry in words.values()]))


def _words() -> dict[str, dict[str, str]]:
    """Every word with its kind and its meaning, from the tables that docs/rules.md and the options are made of."""
    from bayplan.cli.matching._view import MEANINGS
    from bayplan.cli.node_facts import NODE_FACTS
    from bayplan.domain.compatibility.verdict import ReasonCode

    rows = [
        *((str(grade), "grade", meaning) for grade, meaning in MEANINGS.items()),
        *((str(code), "reason code", code.meaning) for code in ReasonCode),
        *(
            (name, "field of nodes", fact.option.__metadata__[0].help or fact.title)
            for name, fact in NODE_FACTS.items()
        ),
    ]
    return {word: {"word": word, "kind": kind, "meaning": meaning} for word, kind, meaning in rows}
