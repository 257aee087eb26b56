"""`bayplan images set-facts`: enters facts about an image by hand."""

from typing import Annotated

import typer

from bayplan.cli.options import AsJson, ImageWords, Server, UsageError


def set_facts(
    image: ImageWords,
    architecture: Annotated[
        list[str] | None, typer.Option(metavar="ARCH", help="A platform that it is built for; repeat it.")
    ] = None,
    requirement: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An NVIDIA_REQUIRE_... variable in it; repeat it."),
    ] = None,
    disable_require: Annotated[
        bool | None, typer.Option(help="Whether NVIDIA_DISABLE_REQUIRE is set in it.", show_default=False)
    ] = None,
    compat_package: Annotated[
        str | None, typer.Option(metavar="'CUDA DRIVER'", help="Its cuda-compat package, as '12.4 550.54.15'.")
    ] = None,
    compat_on_loader_path: Annotated[
        bool | None, typer.Option(help="Whether the loader finds that package first.", show_default=False)
    ] = None,
    kernel_architecture: Annotated[
        list[str] | None,
        typer.Option(metavar="X.Y", help="A GPU capability that it has kernels for (9.0, 12.0+PTX); repeat it."),
    ] = None,
    compiles_at_runtime: Annotated[
        bool | None, typer.Option(help="Whether it compiles kernels while it runs.", show_default=False)
    ] = None,
    min_driver: Annotated[str | None, typer.Option(metavar="VERSION", help="The oldest driver for it.")] = None,
    min_compute_capability: Annotated[
        str | None, typer.Option(metavar="X.Y", help="The lowest compute capability for it.")
    ] = None,
    end_of_life: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Its last day of support.")] = None,
    forget: Annotated[
        list[str] | None, typer.Option(metavar="FACT", help="Take an entry back, as in min_driver; repeat it.")
    ] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Enter facts about an image by hand.

    They go before what its registry says.
    """
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _view as image_view

    options: dict[str, object] = {
        "architectures": architecture,
        "requirements": _requirements(requirement),
        "disable_require": disable_require,
        "compat_package": _compat_package(compat_package),
        "compat_on_loader_path": compat_on_loader_path,
        "kernel_architectures": kernel_architecture,
        "compiles_at_runtime": compiles_at_runtime,
        "min_driver": min_driver,
        "min_compute_capability": min_compute_capability,
        "end_of_life": end_of_life,
    }
    entered = {name: value for name, value in options.items() if value not in (None, [])}
    entered |= dict.fromkeys(name.replace("-", "_") for name in forget or ())
    if not entered:
        raise UsageError("Say what is known, as in `--min-driver 570.0`; --help lists what there is.")
    with connection.connect(server) as client:
        image_facts = client.images.set_facts(lookup.image(client, image)["pk"], entered)
    if as_json:
        return output.show_json(image_facts)
    return image_view.show_facts(image_facts)


def _requirements(texts: list[str] | None) -> dict[str, str] | None:
    if not texts:
        return None
    pairs = [text.partition("=") for text in texts]
    if not all(name and sign for name, sign, _ in pairs):
        raise UsageError("--requirement takes NAME=VALUE, as in 'NVIDIA_REQUIRE_CUDA=cuda>=12.4'.")
    return {name: value for name, _, value in pairs}


def _compat_package(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    cuda, _, driver = text.strip().partition(" ")
    if not driver:
        raise UsageError("--compat-package takes its CUDA and its driver, as in '12.4 550.54.15'.")
    return {"cuda": cuda, "driver": driver.strip()}
