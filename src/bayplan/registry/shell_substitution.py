"""The usual command substitutions of build commands, worked out without running anything. Pure.

`$(echo $CUDA_VERSION | cut -d. -f1,2 | tr -d .)` and its like: text through cut, tr, sed and awk in their simplest forms.
"""

import re

UNKNOWN = "\x00"
"""Stands for text that cannot be worked out."""


def substitution(parts: list[list[str] | str]) -> str:
    """The output of the commands between `$(` and `)`; words are lists, operators texts."""
    commands: list[list[str]] = [[]]
    for part in parts:
        if isinstance(part, list):
            commands[-1] += part
        elif part == "|":
            commands.append([])
        else:
            return UNKNOWN
    if not commands[0] or commands[0][0] not in ("echo", "printf"):
        return UNKNOWN
    arguments = [word for word in commands[0][1:] if not word.startswith("-")]
    if commands[0][0] == "printf":
        arguments = arguments[1:] if arguments[:1] in (["%s"], ["%s\\n"]) else [UNKNOWN]
    text = " ".join(arguments)
    for command in commands[1:]:
        text = UNKNOWN if UNKNOWN in text or len(text) > 256 else _filtered(text, command)
    return text


def _filtered(text: str, command: list[str]) -> str:
    match command:
        case ["cut", *options]:
            return _cut(text, options)
        case ["tr", "-d", characters] if not re.search(r"[\\\[-]", characters):
            return "".join(character for character in text if character not in characters)
        case ["tr", old, new] if len(old) == len(new) == 1:
            return text.replace(old, new)
        case ["sed", *flags, script] if all(flag in ("-E", "-e", "-r") for flag in flags):
            return _sed(text, script)
        case ["awk", *options]:
            return _awk(text, options)
    return UNKNOWN


def _cut(text: str, options: list[str]) -> str:
    joined = " ".join(options)
    separator = re.search(r"-d ?(\S)", joined)
    fields = re.search(r"-f ?([0-9](?:[,-][0-9])?)(?: |$)", joined)
    if separator is None or fields is None:
        return UNKNOWN
    first, last = int(fields[1][0]), int(fields[1][-1])
    parts = text.split(separator[1])
    chosen = parts[first - 1 : last] if "-" in fields[1] else [parts[n - 1] for n in (first, last) if n <= len(parts)]
    return separator[1].join(chosen[:1] if len(fields[1]) == 1 else chosen)


def _sed(text: str, script: str) -> str:
    """`s/old/new/g` of text that has no pattern in it but a dot with a backslash."""
    parts = re.fullmatch(r"s(.)(.*?)\1(.*?)\1(g?)", script)
    if parts is None or re.search(r"[*+?\[\](){}^$|]", parts[2]) or re.search(r"(?<!\\)\.", parts[2]):
        return UNKNOWN
    old = parts[2].replace("\\.", ".")
    if not old or "\\" in old + parts[3] or "&" in parts[3]:
        return UNKNOWN
    return text.replace(old, parts[3]) if parts[4] else text.replace(old, parts[3], 1)


def _awk(text: str, options: list[str]) -> str:
    """`-F. '{print $1"."$2}'`: fields, and texts between them."""
    separator = re.search(r"-F ?(\S)", " ".join(options[:-1]))
    program = re.fullmatch(r"\s*\{\s*print\s+(.*?);?\s*\}\s*", options[-1]) if options else None
    if separator is None or program is None:
        return UNKNOWN
    fields, result = text.split(separator[1]), []
    for part in re.findall(r"\$[0-9]|\"[^\"]*\"|\S", program[1]):
        if part[0] == "$":
            number = int(part[1])
            result.append(text if number == 0 else fields[number - 1] if number <= len(fields) else "")
        elif part[0] == '"':
            result.append(part[1:-1])
        else:
            return UNKNOWN
    return "".join(result)
