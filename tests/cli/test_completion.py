"""Completion: in real shells on a terminal, from a server and without one, and the words for every kind of argument.

bash is on every machine that runs the tests; zsh and fish are tried where they are installed (`apt-get install zsh fish`).
"""

import shutil
import subprocess
import time
from collections.abc import Mapping

import pytest

from bayplan.cli.completions import Typed, parsed
from bayplan.client import Client
from tests.cli.conftest import Shell
from tests.cli.terminal import Terminal
from tests.process import PROGRAM

SHELLS: Mapping[str, tuple[list[str], bytes]] = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], b"source <(bayplan completion bash); PS1='re''ady> '\n"),
    "zsh": (
        ["zsh", "-f", "-i"],
        b"autoload -Uz compinit && compinit -u; source <(bayplan completion zsh); PS1='re''ady> '\n",
    ),
    "fish": (
        ["fish", "--no-config", "--interactive"],
        b"bayplan completion fish | source; function fish_prompt; echo 're''ady> '; end\n",
    ),
}
OF_A_SERVER = {"images show pytorch:2.7.1-cuda12.8-cudnn9-r": "untime", "nodes show t4": ".example.org"}
FIXED = {"nodes list --sort-by driver_c": "uda_version", "explain driver_too_o": "ld"}


@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_completes_words_of_the_server(shell: Shell, name: str) -> None:
    command, set_up = SHELLS[name]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{name} is not installed")
    environment = shell._environment() | {"PATH": f"{PROGRAM.parent}:/usr/bin:/bin", "TERM": "xterm"}
    with Terminal(command, environment, columns=200) as terminal:
        terminal.type(set_up)
        at = terminal.wait_for("ready> ")
        for typed, completed in (OF_A_SERVER | FIXED if name == "bash" else OF_A_SERVER).items():
            terminal.type(f"bayplan {typed}".encode())
            for _ in range(10):  # under load the answer may come too late, and the person presses the key again
                terminal.type(b"\t")
                if terminal.shows(completed, after=at, seconds=3):
                    break
            at = terminal.wait_for(completed, after=at)
            terminal.type(b"\x15")
        nowhere = "BAYPLAN_SERVER=http://127.0.0.1:9"
        terminal.type(f"export {nowhere}\n".encode())
        terminal.type(b"bayplan nodes show t4\t\t")
        time.sleep(1)
        terminal.type(b"\x15echo en''ded\n")
        at = terminal.wait_for("ended", after=at)
        terminal.type(b"exit\n")
        terminal.end()
    assert "Traceback" not in terminal.output
    assert "Nothing answers" not in terminal.output


def completed(shell: Shell, line: str, kind: str = "bash") -> list[str]:
    """What bayplan answers to the script of a shell."""
    done = shell.run("__complete", kind, f"bayplan {line}")
    assert done.err == ""
    return done.out.splitlines()


def test_words_for_every_kind_of_argument(shell: Shell) -> None:
    assert completed(shell, "list ") == ["cuda", "hardware", "frameworks", "domains", "licences"]
    assert completed(shell, "match --task tr") == ["train"]
    assert completed(shell, "images list --domain o") == ["od"]
    assert "pytorch" in completed(shell, "images list --framework py")
    assert completed(shell, "match --grade ji") == ["jit"]
    assert completed(shell, "token create ci --scope w") == ["workers"]
    assert completed(shell, "nodes list --generation Amp") == ["Ampere"]
    assert completed(shell, "user rm ad") == ["admin"]
    assert completed(shell, "images show pytorch/pytorch:2.7.1-cuda12.8-cudnn9-r") == ["2.7.1-cuda12.8-cudnn9-runtime"]
    assert completed(shell, "images show 'pytorch:2.7.1-cuda12.8-cudnn9-r") == ["pytorch:2.7.1-cuda12.8-cudnn9-runtime"]
    assert completed(shell, "images list -o j") == ["json"]
    assert completed(shell, "apply ") == [":files"]
    assert completed(shell, "images list --sta", "fish") == [
        "--state\tOnly images in that check state: missing, moved, denied, unreachable, ok, not-ok, unchecked"
    ]
    assert completed(shell, "im", "zsh") == ["images:The images of the catalogue."]
    assert completed(shell, "imags show ") == []


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_bash_reads_a_completed_name_as_text_whatever_the_server_calls_it(shell: Shell, quote: str) -> None:
    """A name on the server is not a command to the person who completes it."""
    name = f"{'bare' if not quote else hex(ord(quote))} $(echo a)`echo b`';echo c;'\";echo d;\"|&<>*~#{{x,y}}\\z"
    with Client(shell.settings["server"], token=shell.settings["token"]) as client:
        client.licences.create({"name": name})
    (word,) = completed(shell, f"images edit x --licence {quote}{name[:4]}")
    done = subprocess.run(["bash", "-c", f"printf %s {quote}{word}{quote}"], capture_output=True, text=True, check=True)
    assert done.stdout == name
    with Client(shell.settings["server"], token=shell.settings["token"]) as client:
        client.licences.update(name, {"name": f"{name[:4]}!!"})
    assert (
        completed(shell, f"images edit x --licence {quote}{name[:4]}")
        == ({"": [rf"{name[:4]}\!\!"], "'": [f"{name[:4]}!!"], '"': []}[quote])
    )


def test_nothing_is_completed_and_nothing_said_where_no_server_or_session_is_there(
    shell: Shell, stranger: Shell
) -> None:
    elsewhere = {"server": "http://192.0.2.1", "token": "x"}  # an address where nobody answers, not even with a refusal
    for without in (stranger, stranger.with_settings(**elsewhere), stranger.with_settings(server="::")):
        began = time.monotonic()
        assert completed(without, "images show py") == []
        assert time.monotonic() - began < 5  # a machine under load; 0.6 s of it are for the server
    assert completed(shell.with_settings(server=shell.settings["server"], token="x"), "nodes show ") == []
    (stranger.home / "config/bayplan").mkdir(parents=True)
    (stranger.home / "config/bayplan/contexts.json").write_text("{")
    assert completed(stranger, "images show py --context ") == []


def test_contexts_are_completed_without_a_server(stranger: Shell) -> None:
    stranger.run("context", "add", "prod", "--server", "http://127.0.0.1:9")
    assert completed(stranger, "context use p") == ["prod"]
    assert completed(stranger, "images list --context=") == ["prod"]


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("bayplan images show py", Typed(["images", "show"], "py")),
        ("bayplan images show ", Typed(["images", "show"], "")),
        ("bayplan match --framework 'PyTorch 2", Typed(["match", "--framework"], "PyTorch 2", "'")),
        ('bayplan x "a b" c\\ d', Typed(["x", "a b"], "c d")),
        ("bayplan", Typed([], "bayplan")),
        ("bayplan x \\", Typed(["x"], "")),
    ],
)
def test_a_line_is_read_as_shells_read_it(line: str, typed: Typed) -> None:
    assert parsed(line) == typed


@pytest.mark.parametrize("name", SHELLS)
def test_the_scripts_have_no_mistake_of_syntax(stranger: Shell, name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    script = stranger.run("completion", name).out
    checked = subprocess.run([name, "-n", "/dev/stdin"], input=script, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
