"""`bayplan context list`: lists the contexts."""

from bayplan.cli.options import TABLE, Output, SortBy


def list_(sort_by: SortBy = None, output_format: Output = TABLE) -> None:
    """List the servers that you use."""
    from bayplan.cli import output, sorting
    from bayplan.cli.context import _view as view
    from bayplan.client import contexts

    paths = sorting.order("context list", sort_by)
    existing = contexts.load()
    entries = [view.entry(existing, name) for name in existing.servers]
    return output.render(sorting.in_order(entries, paths), output_format, view=view.show_list, name=view.name)
