"""Evaluates each model of a study once on test, and stores counts, predictions and individual fairness beside it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch

from kdtune.data.groups import CROSS
from kdtune.distill.arrays import DeviceData
from kdtune.distill.evaluation.counts import count_all
from kdtune.distill.evaluation.forward import predict_logits
from kdtune.errors import RunError
from kdtune.fairness import ExamplePairs
from kdtune.files import read_json, sha256_of, write_bytes, write_json
from kdtune.report.evaluate.evaluation import SplitData, load_data, open_test
from kdtune.report.evaluate.trained import load_trained
from kdtune.report.study.question import check_individual
from kdtune.report.study.results import feature_space
from kdtune.runs.paths import baseline_id
from kdtune.runs.reader import Run
from kdtune.space.study import OWN_FEATURES, IndividualSpec, StudySpec
from kdtune.text import counted

COUNTS, PREDICTIONS = "test.json", "test.safetensors"
SHARED = "shared"
"""The name of a feature space that all models share, unless it is a teacher's."""
_FEATURES = 2048
"""Largest width of a penultimate layer: that of ResNet-50."""
MOST_CROSSED = 400
"""Attributes that cross into more groups than this are not crossed: hardly any group would have an example."""


def study_of(run: Run) -> StudySpec:
    """Return the settings of a study.

    Raises:
        RunError: the run is not a study.
    """
    if run.record.kind != "study":
        raise RunError(f"run {run.name!r} is a {run.record.kind}, not a study: use kdtune export")
    return StudySpec.model_validate(run.record.space["study"])


def not_evaluated(run: Run) -> list[str]:
    """Return the trained models that were not evaluated on test yet, or whose weights have changed since."""
    return [model_id for model_id in trained_models(run) if not _is_current(run, model_id)]


def trained_models(run: Run) -> list[str]:
    """Return the ids of the models that are done, baselines first."""
    state = run.state()
    models = (*state.baselines.values(), *state.trials.values())
    return [model.id for model in models if model.state == "done"]


def evaluate_study(run: Run, say: Callable[[str], None]) -> None:
    """Open the test split, and evaluate every model that was not evaluated yet.

    Raises:
        KdtuneError: data or weights are not those of the run, or the feature space is not available.
    """
    todo = not_evaluated(run)
    if not todo:
        return
    say(f"evaluating {counted(len(todo), 'model')} on test")
    spec = study_of(run).individual
    check_individual(spec)
    dataset = load_data(run)
    split = with_intersections(open_test(dataset), run.record.attributes)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = DeviceData(split.arrays, device, view_seed=0, augment=False)
    space = _Space(run, spec, split, data)
    for model_id in todo:
        model = load_trained(run, model_id)
        logits = predict_logits(model.module(run).to(device), data.validation).cpu()
        predictions = logits.argmax(dim=1).numpy()
        counts = count_all(split.arrays, predictions)
        folder = run.files.model(model_id)
        write_bytes(
            folder / PREDICTIONS, safetensors.numpy.save({"predictions": predictions.astype(np.int32)})
        )
        teacher = model.job.distillation.teacher if model.job.distillation is not None else None
        record = {
            "split": "test",
            "n": len(split),
            "weights": _digest(run, model_id),
            "counts": {name: item.to_dict() for name, item in counts.items()},
            "individual": space.individual(logits, teacher),
        }
        write_json(folder / COUNTS, record)


def with_intersections(split: SplitData, attributes: Mapping[str, Any]) -> SplitData:
    """Add the intersections of every two declared attributes, such as `sex*race`, to a split's groups."""
    groups, sizes = dict(split.arrays.validation_groups), dict(split.arrays.n_groups)
    for a, b in crossed(attributes):
        first, second = groups[a], groups[b]
        known = (first >= 0) & (second >= 0)
        groups[f"{a}{CROSS}{b}"] = np.where(known, first * sizes[b] + second, -1)
        sizes[f"{a}{CROSS}{b}"] = sizes[a] * sizes[b]
    return SplitData(split.name, replace(split.arrays, validation_groups=groups, n_groups=sizes))


def crossed(attributes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of attributes whose intersection the data do not declare."""
    single = [name for name in attributes if CROSS not in name]
    for a, b in combinations(single, 2):
        declared = any({part.strip() for part in name.split(CROSS)} == {a, b} for name in attributes)
        if not declared and len(attributes[a]) * len(attributes[b]) <= MOST_CROSSED:
            yield a, b


class _Space:
    """The feature space of individual fairness, computed at first use, once for all models."""

    def __init__(self, run: Run, spec: IndividualSpec | None, split: SplitData, data: DeviceData) -> None:
        self._run, self._spec, self._split, self._data = run, spec, split, data
        self._made: dict[str, tuple[np.ndarray, ExamplePairs]] = {}
        self._teachers = list(
            dict.fromkeys(p["pair"].split("->")[0].strip() for p in run.record.space["pairs"])
        )

    def individual(self, logits: torch.Tensor, teacher: str | None) -> dict[str, Any] | None:
        """Return I(f) of one model and the number of examples; with several teachers, by teacher."""
        spec = self._spec
        if spec is None:
            return None
        if not self._split.arrays.is_image and spec.features not in OWN_FEATURES:
            return {"values": {}, "note": f"{spec.features} reads only images"}
        if self._split.inputs.dtype == torch.int64 and spec.features == "raw":
            return {
                "values": {},
                "note": "token ids have no distance: use study.individual.features: teacher",
            }
        # Models can be compared within one feature space only: if it is the teacher's, each teacher has its own.
        names = [SHARED] if spec.features != "teacher" else [teacher] if teacher else self._teachers
        values = {}
        indices = np.arange(0)
        for name in names:
            indices, pairs = self._pairs(name)
            chosen = logits[torch.from_numpy(indices)]
            if spec.output == "probability":
                f = chosen.double().softmax(dim=1).numpy()
            else:
                f = np.eye(logits.shape[1])[chosen.argmax(dim=1).numpy()]
            values[name] = pairs.individual_fairness(f)
        return {"values": values, "examples": len(indices), "of": len(self._split)}

    def _pairs(self, name: str) -> tuple[np.ndarray, ExamplePairs]:
        if name not in self._made:
            assert self._spec is not None
            spec, views = self._spec, self._data.validation
            width = int(np.prod(self._split.inputs.shape[1:])) if spec.features == "raw" else _FEATURES
            indices = feature_space.sample_of(len(self._split), width, spec.seed)
            if spec.features == "raw":
                x = feature_space.raw(views, indices)
            elif spec.features == "teacher":
                x = feature_space.of_teacher(self._teacher(name).to(self._data.device), views, indices)
            else:
                x = feature_space.of_torchvision(spec.features, self._split.inputs, indices)
            pairs = ExamplePairs(x, pairs=spec.pairs, seed=spec.seed, epsilon=spec.epsilon)
            self._made[name] = indices, pairs
        return self._made[name]

    def _teacher(self, architecture: str) -> torch.nn.Module:
        seed = study_of(self._run).seed_list[0]
        return load_trained(self._run, baseline_id("teacher", architecture, seed)).module(self._run)


def _is_current(run: Run, model_id: str) -> bool:
    folder = run.files.model(model_id)
    if not (folder / COUNTS).is_file() or not (folder / PREDICTIONS).is_file():
        return False
    return bool(read_json(folder / COUNTS).get("weights") == _digest(run, model_id))


def _digest(run: Run, model_id: str) -> str:
    path: Path = run.files.weights(model_id)
    try:
        return sha256_of(path)[:24]
    except OSError as error:
        raise RunError(f"{path}: not readable ({error.strerror}): continue with {run.resuming}") from None
