"""What people type who know kubectl, gh, docker or terraform, and the command or option of `bayplan` for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

VERBS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("ls", "get", "all", "ps"), ("list",)),
    **dict.fromkeys(("describe", "view", "info", "cat"), ("show",)),
    **dict.fromkeys(("delete", "remove", "del", "destroy", "rm"), ("rm", "revoke")),
    **dict.fromkeys(("create", "new", "register"), ("add", "create")),
    **dict.fromkeys(("update", "set", "modify", "patch", "label"), ("edit", "set")),
    **dict.fromkeys(("restore", "undelete", "undo", "rollback"), ("reinstate",)),
    **dict.fromkeys(("prune", "gc", "stale", "old"), ("outdated", "retire")),
    **dict.fromkeys(("archive", "sunset"), ("retire", "deprecate")),
    **dict.fromkeys(("plan", "preview", "validate"), ("diff",)),
    **dict.fromkeys(("import", "load"), ("apply",)),
    **dict.fromkeys(("dump", "backup", "state"), ("export",)),
    **dict.fromkeys(("start", "server", "up"), ("serve",)),
    **dict.fromkeys(("signin", "auth"), ("login",)),
    **dict.fromkeys(("passwd",), ("password",)),
    **dict.fromkeys(("switch", "use-context"), ("use",)),
}
"""The verbs of `bayplan` for a verb, the usual one first."""

NOUNS: Mapping[str, str] = {
    **dict.fromkeys(("image", "img"), "images"),
    **dict.fromkeys(("node", "machine", "machines", "host", "hosts", "gpu", "gpus"), "nodes"),
    **dict.fromkeys(("workers", "agent"), "worker"),
    **dict.fromkeys(("rule", "rules"), "prefetch"),
    **dict.fromkeys(("credential",), "credentials"),
    **dict.fromkeys(("contexts", "ctx", "config"), "context"),
    **dict.fromkeys(("tokens",), "token"),
    **dict.fromkeys(("users", "account"), "user"),
    **dict.fromkeys(("secret",), "secrets"),
}
"""The group of commands for a noun."""

PHRASES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("auth", "logout"): ("logout",),
    ("auth", "status"): ("whoami",),
    ("config", "current-context"): ("context show",),
    ("config", "get-contexts"): ("context list",),
    ("config", "set-context"): ("context add",),
    ("config", "view"): ("context list",),
    ("get", "workers"): ("nodes workers",),
    ("workers", "list"): ("nodes workers",),
    ("worker", "list"): ("nodes workers",),
    ("images", "pull"): ("worker pull",),
    ("cluster-info",): ("version", "context show"),
    ("doctor",): ("probe", "check-database"),
    ("init",): ("login", "serve"),
    ("api-resources",): ("explain",),
    ("rmi",): ("images rm", "images retire"),
    ("plan",): ("diff", "what-if"),
    ("repo",): ("images list",),
    ("repo", "list"): ("images list",),
    ("workspace",): ("context list", "context use"),
    ("workspace", "list"): ("context list",),
    ("workspace", "select"): ("context use",),
    ("workspace", "show"): ("context show",),
    ("logs",): ("history", "audit", "worker status"),
    ("nvidia-smi",): ("probe",),
    ("ps",): ("nodes list", "worker status"),
    ("run",): ("worker pull --run", "worker run"),
    ("search",): ("images list --name", "match"),
    ("top",): ("matrix", "nodes list"),
}
"""The commands for words that are no verb or noun of a group, or mean another one together."""

LISTED_BY_LIST = ("cuda", "hardware", "frameworks", "domains", "licences")
"""What `bayplan list` lists."""

OPTIONS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("-n", "-L", "--max", "--head", "--tail"), ("--limit",)),
    **dict.fromkeys(("--selector", "--labels"), ("--label",)),
    **dict.fromkeys(("--format", "--template", "--jq"), ("-o json",)),
    **dict.fromkeys(("--no-trunc", "--show-labels", "--digests", "--wide"), ("-o wide",)),
    **dict.fromkeys(("--no-headers",), ("-o name", "-o json")),
    **dict.fromkeys(("--auto-approve", "--force", "--assume-yes", "--no-input", "-f"), ("--yes",)),
    **dict.fromkeys(("--sort", "--order-by"), ("--sort-by",)),
    **dict.fromkeys(("--follow", "-f"), ("--watch", "--yes")),
    **dict.fromkeys(("--host", "--url", "-H", "--kubeconfig"), ("--server",)),
    **dict.fromkeys(("-p", "--password"), ("--password-stdin",)),
    **dict.fromkeys(("--name-only", "--names"), ("-o name",)),
    **dict.fromkeys(("--filter", "--search"), ("--name",)),
    **dict.fromkeys(("--scopes",), ("--scope",)),
    **dict.fromkeys(("-v", "-V"), ("--version",)),
}
"""The options of `bayplan` for an option; those count that the command has."""

FILES = ("-f", "--file", "--filename", "--from-file")
EVERYTHING = ("-a", "-A", "--all", "--all-namespaces", "--namespace")


def commands_for(words: Sequence[str], commands: Mapping[str, Any]) -> list[str]:
    """The commands that somebody may have meant who typed these words after `bayplan`, at most three."""
    for length in (2, 1):
        if phrase := PHRASES.get(tuple(words[:length])):
            return list(phrase)
    groups = {name: command.commands for name, command in commands.items() if getattr(command, "commands", None)}
    if pair := _pair(words, groups):
        return [pair]
    if len(words) > 1 and words[1] in LISTED_BY_LIST and "list" in VERBS.get(words[0], ()):
        return [f"list {words[1]}"]
    if words[0] in groups:
        return [f"{words[0]} {verb}" for verb in get_close_matches(words[1], groups[words[0]], 3)]
    if words[0] in NOUNS:
        return [NOUNS[words[0]]]
    verbs = VERBS.get(words[0], (words[0],))
    return (
        [verb for verb in verbs if verb in commands and verb != "list"]
        or [f"{name} {verb}" for name, group in groups.items() for verb in verbs if verb in group][:3]
        or get_close_matches(words[0], commands, 3)
    )


def _pair(words: Sequence[str], groups: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The command that the first two words name, noun and verb in either order."""
    for noun, verb in (words[:2], words[1::-1]) if len(words) > 1 else ():
        group = NOUNS.get(noun, noun)
        verbs = (verb, *VERBS.get(verb, ()))
        if verb == "get" and len(words) > 2:
            verbs = ("show", *verbs)
        names = [name for name in verbs if name in groups.get(group, ())]
        if names:
            return f"{group} {names[0]}"
    return None


def option_for(option: str, context: Any, typed: Sequence[str]) -> str:
    """What to type in place of an option that the command of the context has not, as a sentence; empty where nothing is near."""
    parameters = context.command.params
    options = [name for parameter in parameters if parameter.param_type_name == "option" for name in parameter.opts]
    options += [name for parameter in parameters for name in parameter.secondary_opts]
    arguments = [parameter.display_name_raw for parameter in parameters if parameter.param_type_name == "argument"]
    if len(option) == 2:  # of `-auto-approve` the parser names the first letter alone
        option = next((f"-{word}" for word in typed if word.startswith(option) and f"-{word}" in OPTIONS), option)
    argument = "FILE" if option in FILES else option.lstrip("-").upper()
    if argument in arguments:
        return f"{argument} is an argument: leave the option out."
    if option in ("--server", "--context") and hasattr(context.command, "commands"):
        return f"Write it after the command, as in `bayplan images list {option} ...`."
    if option in EVERYTHING and "--sort-by" in options:
        if any(parameter.name == "limit" and parameter.default is not None for parameter in parameters):
            return "--limit says how many there are at most."
        return "The list has everything without it: leave it out."
    meant = [other for other in OPTIONS.get(option, ()) if other.partition(" ")[0] in options]
    near = meant or [other for other in options if len(other) > 3 and option.startswith(f"{other}-")]
    near = near or [other for other in options if len(option) > 3 and other.startswith(option)][:3]
    near = near or get_close_matches(option, [other for other in options if other.startswith("--")], 3, 0.75)
    return f"Did you mean {' or '.join(near)}?" if near else ""


def sentence_of_value(option: str, detail: str) -> str:
    """The sentence for an option that lacks its value, or has one that it does not take; empty for other errors."""
    if detail.endswith("requires an argument."):
        return f"{option} needs a value after it."
    if detail.endswith("does not take a value."):
        return f"{option} takes no value: leave out what stands after its =."
    return ""


def sentence_of_arguments(extra: str, context: Any) -> str:
    """The sentence for words that a command does not take, and what to type."""
    group, _space, verb = context.command_path.rpartition(" ")
    if verb == "list" and "show" in getattr(context.parent.command, "commands", ()):
        return (
            f"`{context.command_path}` takes no {extra!r}: `{group} show {extra}` shows one, and options choose some."
        )
    return f"`{context.command_path}` takes no {extra!r}: put quotes around a value with spaces; -h has the arguments."
