"""Shell completion: the command line as a script for bash, zsh or tcsh, with runs and spaces by name."""

import argparse

from kdtune.space.reading import ready_spaces

_RUNS = {
    # Not `compgen -W`, which would run what the name of a folder holds in $( ).
    "bash": (
        "_kdtune_runs() { local run; "
        'for run in "${KDTUNE_RUNS:-runs}"/*/; do run="${run%/}"; run="${run##*/}"; '
        """[[ "$run" != "*" && "$run" == "$1"* ]] && printf '%q\\n' "$run"; done; }"""
    ),
    "zsh": "_kdtune_runs() { local -a found; found=(${KDTUNE_RUNS:-runs}/*(N/:t)); compadd -a found }",
    "tcsh": "",
}
_SPACES = {
    "bash": '_kdtune_spaces() {{ compgen -W "{names}" -- "$1"; compgen -f -- "$1"; }}',
    "zsh": "_kdtune_spaces() {{ compadd {names}; _files }}",
    "tcsh": "",
}
_OF_RUNS = ("target", "first", "second", "resume", "delete", "figures_only")
_OF_FILES = ("bundle", "data", "out", "attributes", "runs_dir")


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return what a shell reads to complete the command line."""
    import shtab

    names = " ".join(ready_spaces())
    complete = {
        "runs": {"bash": "_kdtune_runs", "zsh": "_kdtune_runs", "tcsh": "d"},
        "spaces": {"bash": "_kdtune_spaces", "zsh": "_kdtune_spaces", "tcsh": "f"},
    }
    for action in _actions(parser):
        if action.dest in _OF_RUNS:
            action.complete = complete["runs"]  # type: ignore[attr-defined]
        elif action.dest == "space":
            action.complete = complete["spaces"]  # type: ignore[attr-defined]
        elif action.dest in _OF_FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    preamble = f"{_RUNS[shell]}\n{_SPACES[shell].format(names=names)}"
    return str(shtab.complete(parser, shell=shell, preamble=preamble))


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    found = []
    for action in parser._actions:
        found.append(action)
        if isinstance(action, argparse._SubParsersAction):
            for name in action.choices:
                found += _actions(action.choices[name])
    return found
