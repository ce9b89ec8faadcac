"""A program whose current folder was deleted: commands and calls say so; an absolute path still opens a run."""

from collections.abc import Callable
from pathlib import Path

import pytest

import kdtune
from kdtune.cli import main
from kdtune.errors import InputError
from kdtune.runs.paths import RunFiles


@pytest.fixture
def _in_a_deleted_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()


@pytest.mark.usefixtures("_in_a_deleted_folder")
@pytest.mark.parametrize("command", [["status", "/r"], ["runs"], ["search", "--headless"], ["models"]])
def test_commands_say_that_the_folder_was_deleted(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    said = capsys.readouterr()
    assert (
        said.err == "kdtune: the current folder was deleted: change to one that exists (cd) and try again\n"
    )
    assert said.out == ""


@pytest.mark.usefixtures("_in_a_deleted_folder")
def test_a_run_is_named_by_its_path_there() -> None:
    assert RunFiles(Path("/somewhere/r")).argument == "/somewhere/r"


@pytest.mark.usefixtures("_in_a_deleted_folder")
@pytest.mark.parametrize("call", [kdtune.search, kdtune.study, kdtune.export])
def test_so_do_calls(call: Callable[..., object], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the current folder was deleted"):
        call(directory=tmp_path)
    assert list(tmp_path.iterdir()) == []
