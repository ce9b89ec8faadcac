import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import safetensors.torch
import torch
from PIL import Image

import kdtune
from kdtune.data.tables.files.form import Form
from kdtune.data.tables.preprocessing import TablePreprocessing
from kdtune.errors import DataError, InputError
from kdtune.student.raw_input import inputs_of
from kdtune.student.student import BundleError, digest


@pytest.fixture
def folder(exported: tuple[Path, Any], tmp_path: Path) -> Path:
    out, findings = exported
    shutil.copytree(out / findings.members[0].id, tmp_path / "student")
    return tmp_path / "student"


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_images_arrays_and_tensors_give_the_same_answers(folder: Path, tmp_path: Path) -> None:
    student = kdtune.load_student(folder)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    pictures = [Image.fromarray(image) for image in pixels]
    pictures[0].save(tmp_path / "0.png")
    expected = student.logits(pixels)
    assert expected.shape == (3, len(student.classes))
    for same in (pixels.transpose(0, 3, 1, 2), torch.from_numpy(pixels), pictures):
        assert torch.equal(student.logits(same), expected)
    assert torch.allclose(student.logits(tmp_path / "0.png"), expected[:1], atol=1e-5)
    assert list(student.predict(pixels)) == [student.classes[k] for k in expected.argmax(dim=1)]
    assert student.probabilities(pixels).sum(axis=1) == pytest.approx(np.ones(3), abs=1e-6)
    assert not student.module.training


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((2, 32, 32, 3), dtype=np.float32), "0 to 255"),
        (np.zeros((2, 16, 16, 3), dtype=np.uint8), r"\[2, 16, 16, 3\]"),
        (pandas.DataFrame({"a": ["b"]}), r"x\[0, 0\] is a str: this student reads images"),
        ("no-such-file.png", "no-such-file"),
        (object(), "x is an object, no array of numbers: this student reads images"),
    ],
)
def test_other_input_is_refused_with_what_is_wanted(folder: Path, x: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        kdtune.load_student(folder).predict(x)


def test_a_table_is_taken_raw_or_prepared() -> None:
    frame = pandas.DataFrame({"age": [20, 30, 50], "job": ["a", "b", "a"]})
    preprocessing = TablePreprocessing.fit(frame)
    features = preprocessing.transform(frame)
    state = json.loads(json.dumps(preprocessing.to_dict()))
    assert np.array_equal(inputs_of(frame, state, [3]).tensor.numpy(), features)
    assert np.array_equal(inputs_of(features, state, [3]).tensor.numpy(), features)
    with pytest.raises(DataError, match="float32"):
        inputs_of(features[:, :2], state, [3])
    with pytest.raises(DataError, match="'job'"):
        inputs_of(frame[["age"]], state, [3])


def test_a_table_is_read_from_a_file_as_in_training(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"age": [20.5, 30.0, None], "job": ["a", "b", None], "code": [1, 2, 1]})
    form = Form(separator=";", decimal=",", encoding="utf-16", missing=("-",))
    preprocessing = TablePreprocessing.fit(frame, categorical=["code"], form=form)
    features = preprocessing.transform(frame)
    state = json.loads(json.dumps(preprocessing.to_dict()))
    path = tmp_path / "new.csv"
    frame.to_csv(path, index=False, sep=";", decimal=",", encoding="utf-16", na_rep="-")
    frame.to_parquet(tmp_path / "new.parquet")
    as_read = pandas.read_csv(path, sep=";", decimal=",", encoding="utf-16", na_values="-")
    as_text = pandas.read_csv(path, sep=";", dtype=str, encoding="utf-16")
    for same in (
        path,
        str(path),
        tmp_path / "new.parquet",
        as_read,
        as_text,
        as_read.rename(columns={"job": " job "}),
    ):
        assert np.array_equal(inputs_of(same, state, [features.shape[1]]).tensor.numpy(), features)
    path.write_text("age;job;code\n1,5;a;1\nold;a;1\n", encoding="utf-16")
    with pytest.raises(DataError, match=r"new\.csv, line 3 \(row 2\): 'old' in column 'age' is no number"):
        inputs_of(path, state, [features.shape[1]])
    with pytest.raises(DataError, match="2 columns are called 'job'"):
        inputs_of(as_read.assign(**{"job ": 1}), state, [features.shape[1]])


def test_a_table_of_an_older_bundle_is_read(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"age": [20, 30, 50], "job": ["a", "b", "?"]})
    preprocessing = TablePreprocessing.fit(frame)
    state = {key: value for key, value in preprocessing.to_dict().items() if key != "reading"}
    assert np.array_equal(inputs_of(frame, state, [4]).tensor.numpy(), preprocessing.transform(frame))


def test_a_newer_bundle_is_refused(folder: Path) -> None:
    change_config(folder, form=99)
    with pytest.raises(BundleError, match="newer kdtune"):
        kdtune.load_student(folder)


def test_weights_of_another_student_are_refused(folder: Path) -> None:
    state = safetensors.torch.load_file(folder / "model.safetensors")
    name = next(iter(state))
    safetensors.torch.save_file({**state, name: state[name] + 1}, folder / "model.safetensors")
    with pytest.raises(BundleError, match="SHA-256"):
        kdtune.load_student(folder)


def test_weights_of_another_architecture_are_refused(folder: Path) -> None:
    change_config(folder, architecture="resnet8")
    with pytest.raises(BundleError, match="does not fit"):
        kdtune.load_student(folder)


def test_damaged_weights_are_refused(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()[:200]
    (folder / "model.safetensors").write_bytes(content)
    change_config(folder, weights={"file": "model.safetensors", "sha256": digest(content)})
    with pytest.raises(BundleError, match="damaged"):
        kdtune.load_student(folder)


@pytest.mark.parametrize("content", ["", "[1]", '{"kind": "other"}', '{"kind": "kdtune-student", "form": 1}'])
def test_what_is_no_configuration_is_refused(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    with pytest.raises(BundleError, match=r"config\.json"):
        kdtune.load_student(folder)


def test_an_architecture_that_is_not_registered_names_the_remedy(folder: Path) -> None:
    change_config(folder, architecture="mine")
    with pytest.raises(
        BundleError, match=r"registers it \(--import MODULE\), or import it before load_student"
    ):
        kdtune.load_student(folder)


def test_the_folder_above_names_the_students(exported: tuple[Path, Any]) -> None:
    out, findings = exported
    with pytest.raises(BundleError, match=findings.members[0].id):
        kdtune.load_student(out)


_TABLE: dict[str, Any] = {
    "kind": "table",
    "columns": [{"kind": "number", "name": "a", "median": 0, "mean": 0, "scale": 1}],
    "missing": [],
}
_TESTED: dict[str, Any] = {
    "n": 3, "values": {}, "accuracy": {"value": 0.5, "interval": [0.1, 0.9]}, "by_class": [],
    "attributes": {"sex": {"groups": [{"group": "a", "n": 3, "accuracy": {"value": None, "interval": [None, None]}}]}},
}  # fmt: skip


def _without(content: Any, *keys: Any) -> Any:
    """Return a copy of plain JSON that lacks a key."""
    copy = json.loads(json.dumps(content))
    above = copy
    for key in keys[:-1]:
        above = above[key]
    del above[keys[-1]]
    return copy


@pytest.mark.parametrize(
    ("file", "change", "key"),
    [
        ("config.json", {"id": None}, "id: "),
        ("config.json", {"classes": [1, 2]}, "classes.0: "),
        ("config.json", {"input_shape": [0]}, "input_shape.0: "),
        ("config.json", {"attributes": {"sex": []}}, "attributes.sex: "),
        ("config.json", {"attributes": {}, "targets": {"label": 3}}, "targets.label: "),
        ("config.json", {"normalisation": {"mean": "x"}}, "normalisation.mean"),
        ("config.json", {"preprocessing": {"kind": "text", "length": "x"}}, "preprocessing.length: "),
        ("config.json", {"preprocessing": _without(_TABLE, "columns")}, "preprocessing.columns: missing"),
        ("config.json", {"preprocessing": _without(_TABLE, "missing")}, "preprocessing.missing: missing"),
        *(
            ("config.json", {"preprocessing": _without(_TABLE, "columns", 0, key)}, "preprocessing.columns.0")
            for key in _TABLE["columns"][0]
        ),
        (
            "config.json",
            {"preprocessing": {**_TABLE, "reading": {"encoding": "x"}}},
            "reading.encoding: ",
        ),
        (
            "config.json",
            {"preprocessing": {**_TABLE, "reading": {"separator": 7}}},
            "reading.separator: ",
        ),
        *(("metrics.json", {"test": _without(_TESTED, key)}, f"test.{key}: missing") for key in _TESTED),
        ("metrics.json", {"test": 7}, "test: "),
        (
            "metrics.json",
            {"test": {**_TESTED, "accuracy": {"value": 1.0, "interval": [None, 1.0]}}},
            "test.accuracy: ",
        ),
        (
            "metrics.json",
            {"test": _without(_TESTED, "attributes", "sex", "groups", 0, "accuracy")},
            "test.attributes.sex.groups.0.accuracy: missing",
        ),
    ],
)
def test_a_key_that_was_edited_away_is_named_with_its_file(
    folder: Path, file: str, change: dict[str, Any], key: str
) -> None:
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**content, **change}))
    with pytest.raises(
        BundleError,
        match=f"{file}: damaged: (preprocessing[.])?{re.escape(key)}.*; copy the whole folder again, or export",
    ):
        kdtune.load_student(folder)


def test_a_device_that_is_none_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match="device abacus: can't be used here"):
        kdtune.load_student(folder, device="abacus")
