"""A study is read back whatever its models are called."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from kdtune.fairness import count
from kdtune.files import write_bytes, write_json
from kdtune.report.study.results.evaluate import COUNTS, PREDICTIONS
from kdtune.report.study.results.reading import Study, read_study
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import Run
from kdtune.runs.records import ALL
from kdtune.runs.state import STUDY_SEED
from kdtune.runs.writer import RunWriter
from kdtune.space.reading import parse_space
from kdtune.sweep.plan import Plan
from kdtune.sweep.study.plan import study_models

LABELS = np.array([0, 1, 0, 1])


@pytest.mark.parametrize(
    "pair",
    [
        "resnet8->lenet5",
        "resnet8+lenet5->lenet5",
        "torchvision:resnet18->timm:mobilenetv3_small_050",
        "hf:./my-bert->hf:distilbert",
    ],
)
def test_every_teacher_and_every_student_without_one_is_found(
    pair: str, made: Callable[..., Study], tmp_path: Path
) -> None:
    files = RunFiles(tmp_path / "run")
    files.root.mkdir()
    space = parse_space(
        {
            "dataset": {"name": "trifeature"},
            "pairs": [pair],
            "study": {"seeds": [0, 3], "temperatures": [1, 4]},
        },
        "space",
    )
    writer = RunWriter(files)
    record = made().record
    writer.record(type(record)(**{**vars(record), "pairs": (pair,), "space": space.to_dict()}))
    planned = study_models(Plan(space, None, (), (), {}))  # type: ignore[arg-type]
    for model in planned:
        writer.model_started(model.id, model.role, model.config, 1)
        weights = model.id.encode()
        write_bytes(files.weights(model.id), weights)
        folder = files.model(model.id)
        write_bytes(folder / PREDICTIONS, safetensors.numpy.save({"predictions": LABELS}))
        counts = {ALL: count(LABELS, LABELS, n_classes=3).to_dict()}
        write_json(
            folder / COUNTS,
            {"weights": hashlib.sha256(weights).hexdigest()[:24], "counts": counts, "individual": None},
        )
        writer.model_state(model.id, "done")
    writer.close()
    [series] = read_study(Run(files)).series
    assert [model.seed for model in series.teachers] == [0, 3]
    assert [model.seed for model in series.nds] == [0, 3]
    assert {t: len(of) for t, of in series.students.items()} == {1.0: 2, 4.0: 2}
    assert planned[0].config[STUDY_SEED] == 0
