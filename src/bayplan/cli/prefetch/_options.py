"""Arguments that several commands about prefetch rules take."""

from typing import Annotated

import typer

RuleNames = Annotated[list[str], typer.Argument(metavar="RULE", help="Each its name, or its key.", show_default=False)]
RuleName = Annotated[str, typer.Argument(metavar="RULE", help="Its name, or its key.", show_default=False)]
