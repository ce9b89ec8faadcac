"""Models that are damaged, malicious or other than recorded: none of them is exported."""

import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from kdtune.errors import RunError
from kdtune.report.export.run import ExportRequest, run_export
from kdtune.runs.reader import Run
from tests.malicious import Malicious
from tests.report.export.edited import edit_record


def test_a_bundle_that_reads_back_otherwise_is_not_exported(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kdtune.report.export.bundle import writing

    real = writing.load_student

    def tampered(path: Path) -> Any:
        student = real(path)
        with torch.no_grad():
            next(student.module.parameters())[0] += 1e-3
        return student

    monkeypatch.setattr(writing, "load_student", tampered)
    with pytest.raises(writing.ExportError, match="logits differ"):
        run_export(ExportRequest(run=small_run.path, out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_malicious_checkpoint_is_refused_and_not_run(run_copy: Run, tmp_path: Path) -> None:
    flag = tmp_path / "ran"
    first = run_copy.front().index[0]
    good = torch.load(run_copy.files.checkpoint(first), weights_only=True)
    torch.save({**good, "model": Malicious(flag)}, run_copy.files.checkpoint(first))
    with pytest.raises(RunError, match=first):
        run_export(ExportRequest(run=run_copy.path, out=tmp_path / "out"))
    run_copy.files.checkpoint(first).write_bytes(pickle.dumps(Malicious(flag)))
    with pytest.raises(RunError, match=first):
        run_export(ExportRequest(run=run_copy.path, out=tmp_path / "out"))
    assert not flag.exists()
    assert not (tmp_path / "out").exists()


def damage_missing(run: Run, trial: str) -> None:
    run.files.checkpoint(trial).unlink()


def damage_truncated(run: Run, trial: str) -> None:
    path = run.files.checkpoint(trial)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_another(run: Run, trial: str) -> None:
    content = torch.load(run.files.checkpoint(trial), weights_only=True)
    content["job"]["seed"] += 1
    torch.save(content, run.files.checkpoint(trial))


def damage_weights(run: Run, trial: str) -> None:
    content = torch.load(run.files.checkpoint(trial), weights_only=True)
    content["model"] = {name: -tensor for name, tensor in content["model"].items()}
    torch.save(content, run.files.checkpoint(trial))


def damage_baseline(run: Run, trial: str) -> None:
    path = next(run.path.glob("baselines/teacher-*/model.safetensors"))
    path.write_bytes(path.read_bytes()[:100])


def forget_digests(run: Run) -> None:
    """Leave what an older kdtune recorded."""
    run.files.events.write_text(re.sub(r',"weights":"\w+"', "", run.files.events.read_text()))


def nudge_student(run: Run, trial: str) -> None:
    content = torch.load(run.files.checkpoint(trial), weights_only=True)
    next(iter(content["model"].values())).view(-1)[0] += 0.05
    torch.save(content, run.files.checkpoint(trial))


def nudge_teacher(run: Run, trial: str) -> None:
    path = run.files.weights(f"teacher-{run.trials()['teacher'][trial]}")
    state = safetensors.torch.load_file(path)
    next(iter(state.values())).view(-1)[0] += 0.05
    safetensors.torch.save_file(state, path)


@pytest.mark.parametrize("nudge", [nudge_student, nudge_teacher])
def test_one_weight_that_changed_a_little_is_noticed(run_copy: Run, tmp_path: Path, nudge: Any) -> None:
    """It would answer nearly as before, and teach replicates, under a hash that nobody recorded."""
    nudge(run_copy, run_copy.front().index[0])
    with pytest.raises(RunError, match=rf"not bit by bit .* kdtune search --resume {run_copy.path}"):
        run_export(ExportRequest(run=run_copy.path, out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_missing, "missing"),
        (damage_truncated, "not readable"),
        (damage_another, "not the checkpoint"),
        (damage_weights, "not the weights"),
        (damage_baseline, "damaged"),
    ],
)
def test_damaged_models_are_refused_in_one_line(
    run_copy: Run, tmp_path: Path, damage: Any, said: str
) -> None:
    forget_digests(run_copy)
    damage(run_copy, run_copy.front().index[0])
    with pytest.raises(RunError, match=said) as caught:
        run_export(ExportRequest(run=run_copy.path, out=tmp_path / "out"))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_damaged_member_can_be_left_out_by_a_pick(run_copy: Run, tmp_path: Path) -> None:
    kept = run_copy.front().index[0]
    # With more objectives more trials are on the front; of those the search kept no weights.
    run_copy = edit_record(run_copy, objectives=["accuracy", "eod", "dpd", "class_gap"])
    without = [trial for trial in run_copy.front().index if not run_copy.files.checkpoint(trial).exists()]
    assert without
    out, findings = run_export(ExportRequest(run=run_copy.path, out=tmp_path / "out", pick=[kept]))
    beside = "nds-" + json.loads(run_copy.files.config(kept).read_text())["student"]
    assert {path.parent.name for path in out.glob("*/config.json")} == {kept, beside}
    assert any(without[0] in note for note in findings.notes)
