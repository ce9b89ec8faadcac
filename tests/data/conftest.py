"""One short training, and one short study, as the last words on whether a data set can be used."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from kdtune.data import Dataset
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Distillation, Job, TrainConfig
from kdtune.distill.teachers.signal import signal_of
from kdtune.distill.training import Training


@pytest.fixture
def train_once() -> Callable[..., None]:
    """Return a function that trains a teacher and a student of it for an epoch, and opens the test split."""

    def train(dataset: Dataset, teacher: str, student: str) -> None:
        torch.set_num_threads(1)
        data = DeviceData(Arrays.of(dataset), torch.device("cpu"), view_seed=0, augment=True)
        protocol = TrainConfig(epochs=1, batch_size=8, lr=0.01)
        first = Training(Job(teacher, protocol, seed=0), data)
        model = first.run()
        soft = Distillation(teacher, temperature=4.0, alpha=0.8)
        second = Training(Job(student, protocol, 1, 0, soft), data, teacher=signal_of(model, data))
        second.run()
        for training in (first, second):
            counts = training.reports[-1].counts
            assert counts["all"].examples.sum() == len(dataset.validation)
            assert set(counts) == {"all", *dataset.attributes}
        test = dataset.open_test()
        assert test.inputs.shape[1:] == dataset.train.inputs.shape[1:]
        assert test.inputs.dtype == dataset.train.inputs.dtype
        assert set(test.groups) == set(dataset.attributes)

    return train


@pytest.fixture
def study_once(ray_session: None, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that runs a ready space as a study: two temperatures, two seeds, an epoch; all is written."""
    from kdtune.report.study.command import report_study
    from kdtune.runs.paths import RunFiles
    from kdtune.runs.reader import open_run
    from kdtune.space.reading import parse_space, ready_spaces
    from kdtune.sweep.driver import SweepRequest, run_sweep

    def run(ready: str, pair: str, root: Path, **options: Any) -> dict[str, Any]:
        content = yaml.safe_load(ready_spaces()[ready])
        content["dataset"] |= {"path": str(root), **options}
        content["pairs"] = [pair]
        content["budget"] = {"epochs": 1}
        content["train"] = {"optimizer": "adamw", "lr": 0.001, "batch_size": 8, "precision": "float32"}
        content["train"]["channels_last"] = False
        content.pop("teacher", None)
        content.pop("constraints", None)
        content["resources"] = {"workers": 1}
        content["study"] = {**content.get("study", {}), "temperatures": [1, 4], "seeds": 2}
        files = RunFiles(tmp_path / "runs" / ready)
        run_sweep(SweepRequest(files, parse_space(content, ready), kind="study"))
        report_study(files.root)
        assert open_run(files.root).status().trials["done"] == 4
        out = files.root / "study"
        assert (out / "report.html").stat().st_size > 10_000
        with open(out / "models.csv", encoding="utf-8") as file:
            models = list(csv.DictReader(file))
        assert len(models) == 2 + 2 + 4
        assert all(model["individual_fairness"] for model in models)
        return {"out": out, "models": models, "page": (out / "report.html").read_text("utf-8")}

    return run
