"""`bayplan prefetch add`: adds a rule that names the desired images of nodes."""

from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output, Server, UsageError
from bayplan.cli.prefetch._options import Domains, Filter, Frameworks, Generations, Images, Labels, Nodes, Tasks


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The rule's name.", show_default=False)],
    task: Tasks = None,
    domain: Domains = None,
    framework: Frameworks = None,
    image: Images = None,
    images_filter: Filter = None,
    node: Nodes = None,
    generation: Generations = None,
    label: Labels = None,
    nodes_filter: Filter = None,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Add a rule: its images are desired on its nodes.

    An image is desired only on nodes that run it. Without an option about nodes, the rule is for all nodes. If you repeat an
    option, one of its values must fit (of --label each); different options must all fit. Unknown names are refused, but not labels.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.prefetch import _options as options
    from bayplan.cli.prefetch import _view as prefetch_view

    words = ((task, domain, framework, image), images_filter, (node, generation, label), nodes_filter)
    options.require_one_way(*words)
    if images_filter is None and not any(words[0]):
        raise UsageError("Say which images: --task, --domain, --framework or --image; --images-filter '{}' is all.")
    with connection.connect(server) as client:
        rule = client.prefetch.create({"name": name, **options.filters_of(client, *words)})
        hint = options.hint_of_nothing(client, rule)
    sentence = f"Added the rule {rule['name']!r} ({rule['pk']}); `bayplan prefetch status` shows what comes of it."
    return output.render(rule, output_format, view=f"{sentence}{hint}", name=prefetch_view.name)
