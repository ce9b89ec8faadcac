import importlib.util
import json
import shutil
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch

import kdtune
from kdtune.data.tables.preprocessing import TablePreprocessing
from kdtune.data.texts.tokens import text_preparation
from kdtune.errors import InputError
from kdtune.models import build
from kdtune.report.export.bundle import formats
from kdtune.report.export.bundle.formats import check_formats, write_formats
from kdtune.report.export.bundle.writing import ExportError

PIXELS = torch.randint(0, 256, (7, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def folder(exported: tuple[Path, Any], tmp_path: Path) -> Path:
    out, findings = exported
    shutil.copytree(out / findings.members[0].id, tmp_path / "student")
    return tmp_path / "student"


def test_a_torch_program_reads_raw_pixels(folder: Path) -> None:
    student = kdtune.load_student(folder)
    write_formats(folder, student, PIXELS, torch_export=True, onnx=False)
    about = {"kdtune": ""}
    program = torch.export.load(folder / "model.pt2", extra_files=about).module()
    assert torch.allclose(program(PIXELS), student.logits(PIXELS), atol=1e-4)
    assert torch.allclose(program(PIXELS[:1]), student.logits(PIXELS[:1]), atol=1e-4)
    written = json.loads((folder / "formats.json").read_text())
    compared = written.pop("compared")["model.pt2"]
    assert compared["examples"] == 7
    assert compared["answers_changed"] == 0
    assert json.loads(about["kdtune"]) == written
    assert written["input"]["dtype"] == "uint8"
    assert written["input"]["shape"] == ["batch", 3, 32, 32]
    assert written["output"]["classes"] == list(student.classes)


def session_of(folder: Path) -> Any:
    onnxruntime = pytest.importorskip("onnxruntime")
    return onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])


def test_onnx_reads_raw_pixels_and_no_others(folder: Path) -> None:
    pytest.importorskip("onnxscript")
    student = kdtune.load_student(folder)
    write_formats(folder, student, PIXELS, torch_export=False, onnx=True)
    session = session_of(folder)
    logits = session.run(None, {"input": PIXELS.numpy()})[0]
    assert np.allclose(logits, student.logits(PIXELS).numpy(), atol=1e-3)
    about = json.loads(session.get_modelmeta().custom_metadata_map["kdtune"])
    assert "not normalised" in about["input"]["meaning"]
    assert about["output"]["classes"] == list(student.classes)
    with pytest.raises(Exception, match="uint8"):
        session.run(None, {"input": (PIXELS / 255).numpy()})


PEOPLE = pandas.DataFrame(
    {
        "age": [20.5, 30.0, None, 41.0, 55.0, 20.5],
        "job": ["cook", "nurse", "cook", None, "pilot", "nurse"],
        "grade": ["a", "b", "a", "b", "a", "b"],
    }
)


def numbers_of(values: Any, column: dict[str, Any]) -> Any:
    """Return a column as the graph reads it."""
    if column["kind"] == "number":
        return values.to_numpy(np.float64)
    places = pandas.Index(column["values"]).get_indexer_for(values)
    return np.where(values.isna(), np.nan, places)


@pytest.mark.parametrize("min_frequency", [None, 2])
def test_the_graphs_of_a_table_read_its_columns(tmp_path: Path, min_frequency: int | None) -> None:
    pytest.importorskip("onnxscript")
    preprocessing = TablePreprocessing.fit(PEOPLE, min_frequency=min_frequency)
    student = untrained("mlp-4", len(preprocessing.feature_names), preprocessing.to_dict())
    features = torch.from_numpy(preprocessing.transform(PEOPLE))
    write_formats(tmp_path, student, features, torch_export=True, onnx=True)
    session = session_of(tmp_path)
    columns = json.loads(session.get_modelmeta().custom_metadata_map["kdtune"])["input"]["columns"]
    assert [column["name"] for column in columns] == list(PEOPLE.columns)
    unseen = pandas.concat([PEOPLE, PEOPLE.head(1).assign(job="clown", grade=None)], ignore_index=True)
    raw = np.stack([numbers_of(unseen[column["name"]], column) for column in columns], axis=1)
    said: AbstractContextManager[object] = nullcontext()  # where rare values count as one, others do too
    if min_frequency is None:
        said = pytest.warns(UserWarning, match="column 'job' holds values that train has not")
    with said, pytest.warns(UserWarning, match="column 'grade' is blank in 1 of 7 rows"):
        expected = student.logits(unseen)
    assert np.allclose(session.run(None, {"input": raw})[0], expected.numpy(), atol=1e-5)
    program = torch.export.load(tmp_path / "model.pt2").module()
    assert torch.allclose(program(torch.from_numpy(raw)), expected, atol=1e-5)


def test_the_graphs_of_numbers_and_of_texts_read_them_as_they_are(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    numbers = torch.randn((9, 3), generator=torch.Generator().manual_seed(0)) * 50 + 200
    normalisation = {"mean": [200.0, 210.0, 190.0], "std": [50.0, 40.0, 60.0]}
    student = untrained("mlp-4", 3, {"kind": "features", "n": 3}, normalisation)
    write_formats(tmp_path, student, numbers, torch_export=True, onnx=True)
    assert np.allclose(
        session_of(tmp_path).run(None, {"input": numbers.numpy()})[0], student.logits(numbers), atol=1e-5
    )
    (tmp_path / "texts").mkdir()
    reader = untrained("bert-tiny", (8, 200), text_preparation(8, 200, None))
    ids = torch.randint(0, 200, (5, 8), generator=torch.Generator().manual_seed(0))
    write_formats(tmp_path / "texts", reader, ids, torch_export=False, onnx=True)
    given = {"input": ids.numpy()}
    assert np.allclose(session_of(tmp_path / "texts").run(None, given)[0], reader.logits(ids), atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_graphs_of_a_network_of_another_precision_return_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    class Other(torch.nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input).to(dtype)

    pytest.importorskip("onnxscript")
    numbers = torch.randn((9, 3), generator=torch.Generator().manual_seed(0))
    config = untrained("mlp-4", 3, {"kind": "features", "n": 3}).config
    student = kdtune.Student(Other(3, 2), config, {})
    write_formats(tmp_path, student, numbers, torch_export=True, onnx=True)
    found = session_of(tmp_path).run(None, {"input": numbers.numpy()})[0]
    assert found.dtype == np.float32
    assert np.allclose(found, student.logits(numbers), atol=1e-2)


def untrained(
    architecture: str, shape: int | tuple[int, ...], preprocessing: Any, normalisation: Any = None
) -> kdtune.Student:
    """Return an untrained student with two classes."""
    sizes = [shape] if isinstance(shape, int) else list(shape)
    config = {
        "id": "t0000",
        "architecture": architecture,
        "input_shape": sizes,
        "classes": ["no", "yes"],
        "preprocessing": preprocessing,
        "normalisation": normalisation,
    }
    return kdtune.Student(build(architecture, input_shape=sizes, n_classes=2), config, {})


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
