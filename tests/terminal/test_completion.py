"""Completion in a real bash."""

import shutil
import subprocess
from pathlib import Path

import pytest

from kdtune.cli import parser
from kdtune.terminal.completion import script

TRY = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
_shtab_kdtune
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "kdtune.bash"
    path.write_text(script(parser(), "bash"))
    return path


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["eva"], "evaluate"),
        (["search", "adu"], "adult"),
        (["search", "--resu"], "--resume"),
        (["search", "--resume", "mi"], "mine"),
        (["compare", "mine", "o"], "other"),
        (["runs", "--delete", "m"], "mine"),
        (["export", "--pi"], "--pick"),
    ],
)
def test_commands_options_runs_and_spaces_are_completed(
    written: Path, tmp_path: Path, words: list[str], expected: str
) -> None:
    for name in ("mine", "other"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    ended = subprocess.run(
        ["bash", "-c", TRY, "bash", str(written), "kdtune", *words],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.split() == [expected], ended.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_the_name_of_a_folder_is_not_run(written: Path, tmp_path: Path) -> None:
    for name in ("$(touch made)", "`touch made`", "two words"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    ended = subprocess.run(
        ["bash", "-c", TRY, "bash", str(written), "kdtune", "status", ""],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not (tmp_path / "made").exists()
    assert set(ended.stdout.splitlines()) == {r"\$\(touch\ made\)", r"\`touch\ made\`", r"two\ words"}


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_get_a_script_with_every_command(shell: str) -> None:
    text = script(parser(), shell)
    for name in ("search", "export", "evaluate", "compare", "completion"):
        assert name in text
