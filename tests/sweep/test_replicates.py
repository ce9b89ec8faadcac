import shutil
from pathlib import Path
from typing import Any

import pandas
import pytest
import safetensors.torch
import torch

import kdtune
from kdtune.errors import InputError
from kdtune.report.export.run import ExportRequest, run_export
from kdtune.runs.reader import Run, open_run


@pytest.fixture(scope="module")
def reseeded(
    small_run: Run, ray_session: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, Any, Path]:
    base = tmp_path_factory.mktemp("reseeded")
    shutil.copytree(small_run.path, base / "small")
    run = open_run(base / "small", raw=True)  # plain values, so that the front can be checked by hand
    out, findings = run_export(ExportRequest(run=run.path, out=base / "out", replicates=2, raw=True))
    return run, findings, out


def test_every_model_is_trained_with_every_seed(reseeded: tuple[Run, Any, Path]) -> None:
    run, findings, _ = reseeded
    folders = {path.name for path in (run.path / "replicates").iterdir()}
    everyone = [*findings.models, *findings.others]
    assert folders == {f"{model.id}-s{k}" for model in everyone if not model.source for k in (1, 2)}
    for model in everyone:
        assert model.replicates["n"] == 2
        assert len(model.replicates["test"]["accuracy"]["values"]) == 2
        assert "bootstrap_share" not in model.replicates, "two seeds are too few for it"


def test_every_student_is_a_candidate_and_the_best_on_validation_are_shipped(
    reseeded: tuple[Run, Any, Path],
) -> None:
    run, findings, out = reseeded
    everyone = [m for m in (*findings.models, *findings.others) if m.role == "student"]
    assert {m.id for m in everyone} == {
        name + end for name in run.front().index for end in ("", "-s1", "-s2")
    }
    points = {m.id: (m.value("accuracy", "validation"), -m.value("eod", "validation")) for m in everyone}
    feasible = [
        m for m in everyone if all(c.violation(m.searched[c.name]) <= 0 for c in run.record.constraints)
    ]
    best = {
        m.id
        for m in feasible
        if not any(
            all(p >= q for p, q in zip(points[o.id], points[m.id], strict=True))
            and points[o.id] != points[m.id]
            for o in feasible
        )
    }
    assert {m.id for m in findings.members} == {m.id for m in findings.members if m.exported} == best
    assert any("-s" in name for name in best), "the case is there"
    assert {path.parent.name for path in out.glob("*/config.json") if path.parent.name[0] == "t"} == best


def test_what_is_shipped_is_what_was_judged(reseeded: tuple[Run, Any, Path]) -> None:
    run, findings, out = reseeded
    member = next(m for m in findings.members if m.source)
    student = kdtune.load_student(out / member.id)
    kept = safetensors.torch.load_file(
        run.files.replicate(member.source, int(member.id[-1])) / "model.safetensors"
    )
    for name, tensor in student.module.state_dict().items():
        assert torch.equal(tensor, kept[name])
    assert student.config["id"] == member.id
    assert student.config["seed"] != run.trials()["seed"][member.source]
    assert student.metrics["test"]["values"]["accuracy"] == member.value("accuracy")
    table = pandas.read_csv(out / "seeds.csv").set_index("id")
    assert len(table) == 3 * len(table["source"].unique())
    assert table["accuracy_test"][member.id] == member.value("accuracy")
    students = table[table["role"] == "student"]
    assert set(students.index[students["exported"]]) == {m.id for m in findings.members}


def test_a_student_is_shipped_by_its_name_whatever_others_do(
    reseeded: tuple[Run, Any, Path], tmp_path: Path
) -> None:
    run, findings, _ = reseeded
    beaten = next(m.id for m in findings.others if m.role == "student")
    _, again = run_export(
        ExportRequest(run=run.path, out=tmp_path / "out", replicates=2, raw=True, pick=[beaten])
    )
    assert [m.id for m in again.members if m.exported] == [beaten]
    with pytest.raises(InputError, match="not on the front"):
        run_export(
            ExportRequest(run=run.path, out=tmp_path / "no", replicates=2, raw=True, pick=["t0000-s9"])
        )


def test_what_is_kept_is_not_trained_again_and_what_is_missing_comes_out_the_same(
    reseeded: tuple[Run, Any, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, findings, _ = reseeded
    member = next(m.source or m.id for m in findings.members)
    folder = run.files.replicate(member, 2)
    before = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(before[:-1] + bytes([before[-1] ^ 1]))  # one bit
    _, again = run_export(ExportRequest(run=run.path, out=tmp_path / "again", replicates=2, raw=True))
    assert f"seed 2 of 2: training {member}\n" in capsys.readouterr().err
    assert (folder / "model.safetensors").read_bytes() == before
    for then, now in zip(findings.models, again.models, strict=True):
        assert then.replicates["test"]["accuracy"] == now.replicates["test"]["accuracy"]
