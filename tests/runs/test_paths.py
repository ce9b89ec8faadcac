"""The paths of a run's parts."""

from pathlib import Path

import pytest

from kdtune.errors import KdtuneError, RunError
from kdtune.runs.paths import RunFiles, is_trial, runs_dir, trial_id


def test_trials_and_baselines_have_their_folders(tmp_path: Path) -> None:
    files = RunFiles(tmp_path)
    assert trial_id(7) == "t0007"
    assert trial_id(123456) == "t123456"
    assert files.reports("t0007") == tmp_path / "trials" / "t0007" / "reports.jsonl"
    assert (
        files.weights("teacher-resnet20") == tmp_path / "baselines" / "teacher-resnet20" / "model.safetensors"
    )
    assert not any(map(is_trial, ("t1", "teacher-lenet5", "t0001\n")))
    for name in ("../up", "", "a/b", "/etc", "t0001\n", ".."):
        with pytest.raises(RunError, match="not the name of a trial"):
            files.model(name)


def test_the_document_names_every_part_of_a_run() -> None:
    text = (Path(__file__).parents[2] / "docs" / "runs.md").read_text(encoding="utf-8")
    tree = text.partition("A run is a folder of plain files:")[2].partition("Reports hold")[0]
    files = RunFiles(Path("r"))
    parts = [getattr(files, name) for name, of in vars(RunFiles).items() if isinstance(of, property)]
    parts += [files.tracker("x"), files.model("t0001"), files.model("nds-x"), files.cohort("c")]
    parts.append(files.replicate("t0001", 1))
    names = {part.relative_to("r").parts[0] for part in parts if isinstance(part, Path)}
    assert len(names) > 15
    assert {name for name in names if name not in tree} == set()


@pytest.mark.parametrize("model", ["../../x", "/etc", "t0000/../../..", "", ".", "a\x00b", "t" * 300])
def test_a_model_s_name_leads_nowhere_else(model: str, tmp_path: Path) -> None:
    with pytest.raises(KdtuneError, match="is not the name of a trial"):
        RunFiles(tmp_path).model(model)


def test_a_tilde_is_the_user_s_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("KDTUNE_RUNS", "~/runs")
    assert runs_dir() == Path("/home/me/runs")
    assert runs_dir("~/others") == runs_dir(Path("~/others")) == Path("/home/me/others")
