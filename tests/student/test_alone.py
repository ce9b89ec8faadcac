"""A student where next to nothing is installed: a process in which those packages cannot be imported."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest
import safetensors.torch

from kdtune.data.tables.preprocessing import TablePreprocessing
from kdtune.data.texts.tokens import text_preparation
from kdtune.models import build
from kdtune.student.student import digest

NEVER = ("ray", "optuna", "textual", "fairlearn")
NEEDLESS = (
    "matplotlib", "jinja2", "rich", "psutil", "platformdirs", "yaml", "torchvision", "sklearn", "pyarrow", "scipy",
    "pandas", "PIL", "transformers", "timm",
)  # fmt: skip
"""Packages that kdtune as a whole needs, and that a student does not need for arrays and texts."""

HIDING = """
import json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in json.loads(sys.argv[1]):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import kdtune
"""

ALONE = f"""{HIDING}
def example(kind):
    if kind == "text":
        return ["sweet tea", "bitter tea"]
    if kind == "frame":
        import pandas
        return pandas.DataFrame({{"age": [20, 30], "job": ["a", "b"]}})
    if kind == "pictures":
        from PIL import Image
        return [Image.new("RGB", (8, 8)), Image.new("RGB", (16, 16))]
    import numpy
    return numpy.zeros((2, 3), numpy.float32) if kind == "features" else numpy.zeros((2, 8, 8, 3), numpy.uint8)

answers = {{kind: kdtune.load_student(path).predict(example(kind)) for kind, path in json.loads(sys.argv[2]).items()}}
print(json.dumps({{kind: given.tolist() for kind, given in answers.items()}}))
"""

EVALUATED = f"""{HIDING}
print(json.dumps(kdtune.load_student(sys.argv[2]).evaluate(sys.argv[3])["values"]))
"""


def write_student(folder: Path, architecture: str, input_shape: list[int], preprocessing: Any) -> Path:
    """Write an untrained student in the form of an export."""
    module = build(architecture, input_shape=input_shape, n_classes=2)
    weights = safetensors.torch.save(dict(module.state_dict()))
    config = {
        "form": 1,
        "kind": "kdtune-student",
        "id": "t0000",
        "architecture": architecture,
        "input_shape": input_shape,
        "classes": ["no", "yes"],
        "normalisation": {"mean": [0.5] * 3, "std": [0.2] * 3} if len(input_shape) == 3 else None,
        "preprocessing": preprocessing,
        "weights": {"sha256": digest(weights)},
    }
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "metrics.json").write_text("{}")
    return folder


def student(folder: Path, kind: str) -> Path:
    folder.mkdir()
    if kind == "text":
        return write_student(folder, "bert-tiny", [8, 200], text_preparation(8, 200, None))
    if kind in ("frame", "features"):
        frame = pandas.DataFrame({"age": [20, 30, 50], "job": ["a", "b", "a"]})
        return write_student(folder, "mlp-4", [3], TablePreprocessing.fit(frame).to_dict())
    return write_student(folder, "lenet5", [3, 8, 8], {"kind": "image"})


@pytest.mark.parametrize(
    ("kinds", "needed"),
    [(("text", "features", "pixels"), ""), (("frame",), "pandas"), (("pictures",), "PIL")],
    ids=["arrays and texts", "a DataFrame", "pictures"],
)
def test_a_student_answers_where_little_is_installed(
    tmp_path: Path, kinds: tuple[str, ...], needed: str
) -> None:
    absent = [*NEVER, *(name for name in NEEDLESS if name != needed)]
    students = {kind: str(student(tmp_path / kind, kind)) for kind in kinds}
    said = subprocess.run(
        [sys.executable, "-c", ALONE, json.dumps(absent), json.dumps(students)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    answers = json.loads(said.stdout)
    assert set(answers) == set(kinds)
    assert all(len(given) == 2 and set(given) <= {"no", "yes"} for given in answers.values())


def test_a_student_is_evaluated_with_what_the_document_names(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "install.md").read_text(encoding="utf-8")
    [line] = re.findall(r"^    pip install (torch .*)$", text, re.MULTILINE)
    assert "`scipy`\nfor `student.evaluate`" in text
    there = {{"pillow": "PIL"}.get(name, name) for name in line.split()} | {"scipy"}
    absent = [*NEVER, *(name for name in NEEDLESS if name not in there)]
    table = pandas.DataFrame({"age": [20, 30, 40], "job": ["a", "b", "a"], "label": ["no", "yes", "no"]})
    table.to_csv(tmp_path / "later.csv", index=False)
    path = student(tmp_path / "frame", "frame")
    said = subprocess.run(
        [sys.executable, "-c", EVALUATED, json.dumps(absent), str(path), str(tmp_path / "later.csv")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert {"accuracy", "over_majority"} <= json.loads(said.stdout).keys()
