import shutil
from pathlib import Path
from typing import Any

import pytest

from kdtune.report.export.run import ExportRequest, run_export
from kdtune.runs.reader import Run, open_run


@pytest.fixture(scope="module")
def reseeded(
    small_run: Run, ray_session: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, Any, Path]:
    base = tmp_path_factory.mktemp("reseeded")
    shutil.copytree(small_run.path, base / "small")
    run = open_run(base / "small")
    out, findings = run_export(ExportRequest(run=run.path, out=base / "out", replicates=2))
    return run, findings, out


def test_every_model_is_trained_with_every_seed(reseeded: tuple[Run, Any, Path]) -> None:
    run, findings, _ = reseeded
    folders = {path.name for path in (run.path / "replicates").iterdir()}
    assert folders == {f"{model.id}-s{k}" for model in findings.models for k in (1, 2)}
    for model in findings.models:
        assert model.replicates["n"] == 2
        assert len(model.replicates["test"]["accuracy"]["values"]) == 2
    assert all(0 <= member.replicates["non_dominated"]["test"] <= 1 for member in findings.members)
    assert {m.id for m in findings.members if m.exported} <= {m.id for m in findings.members}


def test_what_is_kept_is_not_trained_again_and_what_is_missing_comes_out_the_same(
    reseeded: tuple[Run, Any, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, findings, _ = reseeded
    member = findings.members[0].id
    folder = run.files.replicate(member, 2)
    before = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(before[:-1] + bytes([before[-1] ^ 1]))  # one bit
    _, again = run_export(ExportRequest(run=run.path, out=tmp_path / "again", replicates=2))
    assert f"seed 2 of 2: training {member}\n" in capsys.readouterr().err
    assert (folder / "model.safetensors").read_bytes() == before
    for then, now in zip(findings.models, again.models, strict=True):
        assert then.replicates["test"]["accuracy"] == now.replicates["test"]["accuracy"]
