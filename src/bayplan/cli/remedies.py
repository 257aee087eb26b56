"""A remedy in the words of the command line: a fact that the judge names by its field, as the option that gives it."""

from __future__ import annotations

import re

from bayplan.cli.images._fact_options import option_of as option_of_image
from bayplan.cli.node_facts import NODE_FACTS, option_of

_REPORT = re.compile(r"\b[Rr]eport (?=the )")
_NODE_FIELD = re.compile(
    rf"\b(?:the node's |its )({'|'.join(NODE_FACTS)})\b|\b(?:the )?({'|'.join(name for name in NODE_FACTS if '_' in name)})\b"
)
_ENTER = re.compile(
    r"\b(scan the image, or )?enter (?:the CUDA of )?(?:the image's|its) ([a-z]+(?:_[a-z]+)+|accelerator|architectures)\b",
    re.IGNORECASE,
)
_ENTER_CUDA = re.compile(r"\benter (?:the image's|its) (?:CUDA version|full CUDA release)\b", re.IGNORECASE)


def at_command_line(remedy: str, *, in_catalogue: bool = True) -> str:
    """The remedy with options and commands in place of fields. Facts of an image that is in no catalogue are entered in one first."""

    def enter(match: re.Match[str]) -> str:
        scan, name = (match[1] or "").lower(), match[2]
        entered = (
            f"enter {'them' if name.endswith('s') else 'it'} with `bayplan images set-facts {option_of_image(name)}`"
        )
        return _cased(f"{'' if in_catalogue else 'in a catalogue, '}{scan}{entered}", match)

    def cuda(match: re.Match[str]) -> str:
        return _cased("enter it with `bayplan images edit --cuda`" if in_catalogue else "give it with --cuda", match)

    asked = _REPORT.sub(lambda match: _cased("give ", match), remedy)
    if asked != remedy:
        asked = _NODE_FIELD.sub(lambda match: option_of(match[1] or match[2]), asked)
    return _ENTER.sub(enter, _ENTER_CUDA.sub(cuda, asked))


def _cased(phrase: str, replaced: re.Match[str]) -> str:
    """The phrase with a capital where what it replaces has one."""
    return phrase[0].upper() + phrase[1:] if replaced[0][0].isupper() else phrase
