"""Arguments that several commands about prefetch rules take."""

from typing import Annotated

import typer

RuleName = Annotated[str, typer.Argument(metavar="RULE", help="Its name, or its key.", show_default=False)]
