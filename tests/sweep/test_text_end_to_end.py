"""A sweep over text: HateXplain's form with made-up posts, BERTs from nothing, an exported student that reads."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import kdtune
from kdtune.errors import DataError

WORDS = ("tea", "cake", "rain", "sun", "bread", "milk")


def write(folder: Path, n: int = 80) -> Path:
    """Write posts that are toxic if they contain the word `bitter`; every third one mentions women."""
    posts = {}
    for number in range(3 * n):
        label = "offensive" if number % 2 else "normal"
        target = ["Women"] if number % 3 == 0 else ["None"]
        words = [WORDS[number % 6], "bitter" if number % 2 else "sweet", WORDS[number // 2 % 6]]
        annotators = [{"label": label, "annotator_id": k, "target": target} for k in range(3)]
        posts[f"{number}_gab"] = {"annotators": annotators, "post_tokens": words}
    ids = list(posts)
    folder.mkdir()
    (folder / "dataset.json").write_text(json.dumps(posts))
    divisions = {"train": ids[:n], "val": ids[n : 2 * n], "test": ids[2 * n :]}
    (folder / "post_id_divisions.json").write_text(json.dumps(divisions))
    return folder


@pytest.mark.slow  # half a minute on a free machine; loaders and trainings of text are tested without Ray
def test_search_export_and_read(ray_session: None, tmp_path: Path) -> None:
    from kdtune.report.export.run import ExportRequest, run_export

    space = {
        "dataset": {
            "name": "hatexplain",
            "path": str(write(tmp_path / "data")),
            "sensitive": "names_gender",
            "length": 8,
            "vocabulary": 200,
        },
        "pairs": ["bert-tiny->bert-tiny"],
        "objectives": ["accuracy", "eod"],
        "constraints": {"accuracy": ">= 0.5"},
        "budget": {"trials": 1, "epochs": 5},
        "search": {"temperature": 2.0, "alpha": 0.5},
        "train": {"optimizer": "adamw", "lr": 0.001, "batch_size": 8},
        "resources": {"workers": 1},
    }
    run = kdtune.search(space, name="text", directory=tmp_path / "runs")
    assert run.trials()["state"].tolist() == ["done"]
    recorded = "".join(file.read_text("utf-8") for file in run.path.rglob("*.json*"))
    assert "bitter" not in recorded, "no word of a post is kept"
    run_export(ExportRequest(run.path))
    folder = next(file.parent for file in (run.path / "export").rglob("model.safetensors"))
    student = kdtune.load_student(folder)
    answers = student.predict(["Tea bitter sun", "tea sweet rain"])
    assert answers.tolist() == ["toxic", "normal"]
    with pytest.raises(DataError, match=r"token ids int64 \[n, 8\] from 0 to 199"):
        student.predict(torch.full((1, 8), 200))
    assert np.asarray(student.logits(torch.ones(2, 8, dtype=torch.int64))).shape == (2, 2)
