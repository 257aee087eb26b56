"""Reads YAML into nodes with their lines: refuses duplicate keys, takes `no` for a text, bounds the values that aliases
make, and never constructs an object of Python.

PyYAML's loaders forget the lines, follow YAML 1.1 and take the last of two equal keys. So only its events are used, and a
stack makes the tree.
"""

from dataclasses import dataclass, field

import yaml

from bayplan.cli.document.node import MAX_DEPTH, MAX_VALUES, DocumentNode, Unreadable, scalar

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT_TAGS = ("tag:yaml.org,2002:str", "!")


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end event has not come yet."""

    node: DocumentNode
    anchor: str | None
    values_before: int
    key: DocumentNode | None = None
    merged: list[DocumentNode] = field(default_factory=list)
    levels: int = 1
    """Of lists and mappings in it, itself included; those behind aliases too."""


class _Tree:
    """The tree that the events make. `values` counts the document's values once its aliases are followed."""

    def __init__(self) -> None:
        self.root: DocumentNode | None = None
        self.values = 0
        self._has_aliases = False
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[DocumentNode, int, int] | None] = {}  # with the values and levels of each

    def begin(self, event: yaml.CollectionStartEvent, node: DocumentNode, anchor: str | None) -> None:
        if event.tag is not None:
            raise _at(event, f"The tag {event.tag} is not read here; write the plain list or mapping.")
        self._check_depth(event, 1)
        if anchor:
            self._anchors[anchor] = None
        self._stack.append(_Open(node, anchor, self.values))

    def end(self) -> None:
        ended = self._stack.pop()
        for base in ended.merged:
            _merge(ended.node, base)
        if ended.anchor:
            self._anchors[ended.anchor] = (ended.node, self.values - ended.values_before + 1, ended.levels)
        self._put(ended.node, ended.levels)

    def alias(self, event: yaml.Event, anchor: str) -> None:
        if anchor not in self._anchors:
            raise _at(event, f"*{anchor} is the name of nothing before this line; name it with &{anchor}.")
        target = self._anchors[anchor]
        if target is None:
            raise _at(event, f"*{anchor} stands inside of what it names, so it would never end.")
        node, size, levels = target
        self._check_depth(event, levels)
        self.values += size - 1
        self._has_aliases = True
        self._put(DocumentNode(node.value, *_place(event), node.source), levels)

    def scalar(self, event: yaml.ScalarEvent) -> None:
        if event.tag is not None and event.tag not in _TEXT_TAGS:
            raise _at(event, f"The tag {event.tag} is not read here; write the plain value.")
        plain = event.tag is None and event.implicit[0]
        value = scalar(event.value) if plain else event.value
        node = DocumentNode(value, *_place(event), event.value)
        if event.anchor:
            self._anchors[event.anchor] = (node, 1, 0)
        self._put(node, 0)

    def _check_depth(self, event: yaml.Event, levels: int) -> None:
        if len(self._stack) + levels > MAX_DEPTH:
            raise _at(event, f"This is nested more than {MAX_DEPTH} levels deep.")

    def _put(self, node: DocumentNode, levels: int) -> None:
        self.values += 1
        if self.values > MAX_VALUES:
            if self._has_aliases:
                raise _wrong(node, f"The aliases make more than {MAX_VALUES:,} values of this file; write fewer.")
            raise _wrong(node, f"A file holds at most {MAX_VALUES:,} values; write the rest to another.")
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        is_merged = parent.key is not None and parent.key.source == "<<"
        parent.levels = max(parent.levels, levels + (not is_merged))
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
        elif parent.key is None:
            if isinstance(node.value, (list, dict)):
                raise _wrong(node, "A list or a mapping cannot be a key here.")
            parent.key = node
        else:
            self._put_at_key(parent, parent.key, node)
            parent.key = None

    def _put_at_key(self, parent: _Open, key: DocumentNode, node: DocumentNode) -> None:
        assert isinstance(parent.node.value, dict)
        if key.source == "<<":
            parent.merged += node.value if isinstance(node.value, list) else [node]
            return
        earlier = parent.node.value.get(key.source)
        if earlier is not None:
            raise _wrong(key, f"{key.source!r} was given already on line {earlier.line}.")
        parent.node.value[key.source] = DocumentNode(node.value, key.line, key.column, node.source)


def _merge(into: DocumentNode, base: DocumentNode) -> None:
    if not isinstance(base.value, dict):
        raise _wrong(base, "<< takes a mapping, as in `<<: *name`.")
    assert isinstance(into.value, dict)
    for key, node in base.value.items():
        into.value.setdefault(key, node)


def read_yaml(text: str) -> DocumentNode:
    """The document in the text; empty ones around it do not count. Raises `Unreadable` with the place of the first mistake."""
    tree = _Tree()
    root = DocumentNode(None, 1, 1)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            match event:
                case yaml.ScalarEvent():
                    tree.scalar(event)
                case yaml.AliasEvent():
                    tree.alias(event, str(event.anchor))
                case yaml.MappingStartEvent():
                    tree.begin(event, DocumentNode({}, *_place(event)), event.anchor)
                case yaml.SequenceStartEvent():
                    tree.begin(event, DocumentNode([], *_place(event)), event.anchor)
                case yaml.CollectionEndEvent():
                    tree.end()
                case yaml.DocumentStartEvent():
                    tree = _Tree()
                    start = event
                case yaml.DocumentEndEvent() if tree.root is not None and not _is_empty(tree.root):
                    if not _is_empty(root):
                        raise _at(start, "A second document begins here; one file holds one.")
                    root = tree.root
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        assert mark is not None
        line, column = mark.line + 1, mark.column + 1
        raise Unreadable(line, column, f"This is not YAML: {error.problem or error.context}.") from None
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode(errors="ignore")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        raise Unreadable(line, column, f"This is not YAML: {error.reason}.") from None
    return root


def _is_empty(node: DocumentNode) -> bool:
    """Whether a document has nothing: no value, null, or a mapping without fields."""
    return node.value is None or node.value == {}


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    assert mark is not None
    return mark.line + 1, mark.column + 1


def _wrong(node: DocumentNode, detail: str) -> Unreadable:
    return Unreadable(node.line, node.column, detail)


def _at(event: yaml.Event, detail: str) -> Unreadable:
    return Unreadable(*_place(event), detail)
