"""Writes YAML that reads back as exactly what was written: texts that look like numbers get quotes."""

from collections.abc import Mapping, Sequence

import yaml

from bayplan.cli.document.node import scalar

_HEAD = "# A bayplan catalogue. `bayplan apply FILE` makes a server's catalogue like it.\n"


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # only at run time is it known which of the two there is
    """A writer of plain data that puts a text into quotes where YAML 1.1 or 1.2 would read another type, and writes
    out what occurs twice: nobody looks for an anchor in an answer."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    quoted = not isinstance(scalar(text), str)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if quoted else None)


_Dumper.add_representer(str, _text)
# Answers of the client draw themselves in a notebook, and are plain data otherwise.
_Dumper.add_multi_representer(dict, yaml.SafeDumper.represent_dict)
_Dumper.add_multi_representer(list, yaml.SafeDumper.represent_list)


def as_yaml(catalogue: Mapping[str, Sequence[Mapping[str, object]]]) -> str:
    """The catalogue as YAML: one section after another, with an empty line between entries."""
    text = _HEAD
    for section, entries in catalogue.items():
        entry_texts = [_entry(entry) for entry in entries]
        text += f"\n{section}:\n" + "\n".join(entry_texts) if entry_texts else f"\n{section}: []\n"
    return text


def _entry(entry: Mapping[str, object]) -> str:
    return data_as_yaml([dict(entry)])


def data_as_yaml(data: object) -> str:
    """Any plain data as YAML."""
    text: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000, default_flow_style=False
    )
    return text
