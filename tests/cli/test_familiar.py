"""What people type who know other programs leads them to the command or the option for it."""

import re

import pytest
import typer.main
from typer.exceptions import TyperException

from bayplan.cli import app
from bayplan.cli.error_output import usage_sentence
from bayplan.cli.familiar import NOUNS, OPTIONS, PHRASES, VERBS
from tests.cli.test_conventions import commands


def sentence_for(typed: str) -> str:
    """The sentence that is printed for a command line that is typed wrongly."""
    with pytest.raises(TyperException) as raised:
        typer.main.get_command(app).main(typed.split(), "bayplan", standalone_mode=False)
    return usage_sentence(raised.value, typed.split())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("get images", "images list"),
        ("get node t4", "nodes show"),
        ("get nodes -o json", "nodes list"),
        ("get domains", "list domains"),
        ("get workers", "nodes workers"),
        ("images ls", "images list"),
        ("image rm a b c", "images rm"),
        ("images delete a", "images rm"),
        ("tokens delete a", "token revoke"),
        ("delete image a", "images rm"),
        ("describe node t4", "nodes show"),
        ("create token a", "token create"),
        ("label node t4 zone=a", "nodes edit"),
        ("config use-context prod", "context use"),
        ("config get-contexts", "context list"),
        ("ctx", "context"),
        ("auth status", "whoami"),
        ("auth login", "login"),
        ("plan", "diff, what-if"),
        ("rmi a", "images rm, images retire"),
        ("token rm a", "token revoke"),
        ("workspace list", "context list"),
        ("workspace select a", "context use"),
        ("repo list", "images list"),
        ("api-resources", "explain"),
        ("pull a", "worker pull"),
        ("run a", "worker pull --run, worker run"),
        ("logs", "history, audit, worker status"),
        ("describe a", "images show, nodes show, prefetch show"),
        ("edit a", "images edit, nodes edit, prefetch edit"),
        ("help get images", "images list"),
        ("imgaes", "images, migrate"),
        ("images lst", "images list"),
        ("image prune", "images outdated"),
        ("images archive a", "images retire"),
        ("xyzzy", ""),
    ],
)
def test_commands_of_other_programs(typed: str, meant: str) -> None:
    sentence = sentence_for(typed)
    assert sentence.startswith("No such command ")
    assert ", ".join(re.findall("`bayplan (.*?)`", sentence)) == meant


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("apply -f a", "No such option: -f. FILE is an argument: leave the option out."),
        ("diff --filename=a", "No such option: --filename. FILE is an argument: leave the option out."),
        ("apply -auto-approve a", "No such option: -a. Did you mean --yes?"),
        ("apply --auto-approve a", "No such option: --auto-approve. Did you mean --yes?"),
        ("apply --dry-run=client a", "--dry-run takes no value: leave out what stands after its =."),
        ("images rm a --force", "No such option: --force. Did you mean --yes?"),
        ("images list -n 5", "No such option: -n. Did you mean --limit?"),
        ("images list -A", "No such option: -A. The list has everything without it: leave it out."),
        ("history --all", "No such option: --all. --limit says how many there are at most."),
        ("nodes list --selector a=b", "No such option: --selector. Did you mean --label?"),
        ("nodes list --format json", "No such option: --format. Did you mean -o json?"),
        ("fit --image a", "No such option: --image. IMAGE is an argument: leave the option out."),
        ("login -p a", "No such option: -p. Did you mean --password-stdin?"),
        ("--context a nodes list", ("No such option: --context. Write it after the command, as in "
         "`bayplan images list --context ...`.")),
        ("why a --nod b", "No such option: --nod. Did you mean --node?"),
        ("why a --xyzzy b", "No such option: --xyzzy."),
        ("images list --limit", "--limit needs a value after it."),
        ("images list -o jsonpath={.a}", ("-o jsonpath={.a}: choose table, wide, json, yaml or name. "
         "A program such as jq picks fields out of -o json.")),
        ("images list a",
         "`bayplan images list` takes no 'a': `bayplan images show a` shows one, and options choose some."),
        ("match a", "`bayplan match` takes no 'a': put quotes around a value with spaces; -h has the arguments."),
    ],
)  # fmt: skip
def test_options_of_other_programs(typed: str, sentence: str) -> None:
    assert sentence_for(typed) == sentence


def test_what_the_tables_name_is_there() -> None:
    names = {name for name, _command in commands()}
    words = {word for name in names for word in name.split()}
    options = {option for _name, command in commands() for parameter in command.params for option in parameter.opts}
    assert {verb for verbs in VERBS.values() for verb in verbs} <= words
    assert {*NOUNS.values()} <= words
    assert {name.partition(" --")[0] for meant in PHRASES.values() for name in meant} <= names
    assert {option.partition(" ")[0] for meant in OPTIONS.values() for option in meant} <= {*options, "--version"}


def test_usage_has_arguments_without_braces() -> None:
    for _name, command in commands():
        with command.make_context(command.name, [], resilient_parsing=True) as context:
            assert not {*command.get_usage(context)} & {*"{}"}
