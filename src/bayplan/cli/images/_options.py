"""The options for the fields of an image, which several commands take, and the request bodies made of them."""

import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from bayplan.cli import prompt
from bayplan.cli.options import NONE, UsageError
from bayplan.errors import Invalid

Url = typer.Option(metavar="REFERENCE", help="What `docker pull` takes.", show_default=False)
Framework = typer.Option(metavar="'NAME VERSION'", help="The image's framework, as 'PyTorch 2.4'.", show_default=False)
DomainName = typer.Option("--domain", metavar="NAME", help="The image's domain: ic, od, ...", show_default=False)
Tasks = typer.Option(
    "--task", metavar="TASK", help="A task of the image: train, ...; repeat the option for more.", show_default=False
)
LicenceName = typer.Option(
    "--licence", metavar="NAME", help="The image's licence: MIT, Apache-2.0, ...", show_default=False
)
Registry = Annotated[str | None, typer.Option(metavar="HOST", help="The registry [default: the one that --url names]")]
Cuda = Annotated[
    str | None, typer.Option("--cuda", metavar="VERSION", help="The image's CUDA release: 12.4, 12.4.1, or none.")
]
MinGeneration = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The oldest GPU generation that the image runs on: Ampere, ..., or none."),
]
Cpu = Annotated[
    bool | None, typer.Option("--cpu/--no-cpu", help="Whether the image runs without a GPU.", show_default=False)
]
RegistryUser = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The user name for the registry, or none; bayplan asks for the password."),
]
RegistryPasswordStdin = Annotated[
    bool, typer.Option("--registry-password-stdin", help="Read the registry's password from standard input.")
]


def body(options: Mapping[str, object]) -> dict[str, object]:
    """The fields for the options that have a value; the word "none" makes a field null."""
    return {name: None if value == NONE else value for name, value in options.items() if value not in (None, [])}


def registry_credentials(username: str | None, password_stdin: bool) -> dict[str, str | None]:
    """The fields for the registry's credentials; the password is never on the command line, where others can see it."""
    if username is None:
        if password_stdin:
            raise UsageError("--registry-password-stdin needs --registry-username.")
        return {}
    if username == NONE:
        return {"registry_username": None, "registry_password": None}
    if password_stdin:
        password = prompt.password_from_input()
    elif sys.stdin.isatty():
        password = prompt.text(f"Password of {username} at the registry", hidden=True)
    else:
        raise Invalid("There is no terminal to ask for the registry's password: add --registry-password-stdin.")
    return {"registry_username": username, "registry_password": password}
