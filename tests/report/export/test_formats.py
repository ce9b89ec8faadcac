import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import kdtune
from kdtune.errors import InputError
from kdtune.report.export.bundle import formats
from kdtune.report.export.bundle.formats import check_formats, write_formats
from kdtune.report.export.bundle.writing import ExportError

PIXELS = torch.randint(0, 256, (7, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def folder(exported: tuple[Path, Any], tmp_path: Path) -> Path:
    out, findings = exported
    shutil.copytree(out / findings.members[0].id, tmp_path / "student")
    return tmp_path / "student"


def prepared(student: Any) -> torch.Tensor:
    mean, std = (torch.tensor(student.config["normalisation"][k])[:, None, None] for k in ("mean", "std"))
    return (PIXELS / 255 - mean) / std


def test_a_torch_program_answers_as_the_student_does(folder: Path) -> None:
    student = kdtune.load_student(folder)
    write_formats(folder, student, PIXELS, torch_export=True, onnx=False)
    program = torch.export.load(folder / "model.pt2").module()
    assert torch.allclose(program(prepared(student)), student.logits(PIXELS), atol=1e-4)
    compared = json.loads((folder / "formats.json").read_text())["compared"]["model.pt2"]
    assert compared["examples"] == 7
    assert compared["answers_changed"] == 0


def test_onnx_answers_as_the_student_does(folder: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    student = kdtune.load_student(folder)
    write_formats(folder, student, PIXELS, torch_export=False, onnx=True)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    logits = session.run(None, {"input": prepared(student).numpy()})[0]
    assert np.allclose(logits, student.logits(PIXELS).numpy(), atol=1e-3)


def test_a_form_that_answers_otherwise_is_not_exported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: Any) -> Any:
        return lambda block: np.zeros((len(block), 3), dtype=np.float32)

    monkeypatch.setattr(formats, "_torch_program", wrong)
    with pytest.raises(ExportError, match="off by up to"):
        write_formats(folder, kdtune.load_student(folder), PIXELS, torch_export=True, onnx=False)


def test_what_is_not_installed_is_said_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec("os")
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == "onnxscript" else there)
    with pytest.raises(InputError, match=r"onnxscript.*kdtune\[onnx\]"):
        check_formats(onnx=True)
    check_formats(onnx=False)
