"""`bayplan completion SHELL`: prints a script with which a shell completes commands, options and names."""

import sys
from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """The shells that there is a script for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


_BASH = r"""# Completion of bayplan in bash. In ~/.bashrc:  source <(bayplan completion bash)
_bayplan_complete() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        if [[ $word == :files ]]; then compopt -o default; return; fi
        [[ $word == *= ]] && compopt -o nospace
        COMPREPLY+=("$word")
    done < <("${COMP_WORDS[0]}" __complete bash "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -F _bayplan_complete bayplan
"""

_ZSH = r"""#compdef bayplan
# Completion of bayplan in zsh. In ~/.zshrc, after compinit:  source <(bayplan completion zsh)
_bayplan() {
    local -a candidates
    candidates=("${(@f)$("${words[1]}" __complete zsh "${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)}")
    if [[ $candidates[1] == :files ]]; then
        _files
    elif [[ -n $candidates[1] ]]; then
        _describe -V bayplan candidates
    fi
}
compdef _bayplan bayplan
"""

_FISH = r"""# Completion of bayplan in fish. In ~/.config/fish/completions/bayplan.fish:  bayplan completion fish | source
function __bayplan_complete
    set -l candidates (bayplan __complete fish (commandline -cp | string collect) 2>/dev/null)
    if test "$candidates[1]" = :files
        __fish_complete_path (commandline -ct)
    else if test -n "$candidates[1]"
        printf '%s\n' $candidates
    end
end
complete -c bayplan -f -a '(__bayplan_complete)'
"""

_SCRIPTS = {Shell.bash: _BASH, Shell.zsh: _ZSH, Shell.fish: _FISH}


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", show_default=False)],
) -> None:
    """Print a script for completion in a shell.

    It completes commands, options, and names that the server has.

    In bash: source <(bayplan completion bash)
    """
    sys.stdout.write(_SCRIPTS[shell])
