"""The last line of a sweep on COMPAS, where students hardly differ, held against the test part of fresh splits.

On each split students are drawn and trained as a sweep draws and trains them, and what validation says of them is held
against the test part, which had no say in it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch

from kdtune.data import load
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.evaluation.counts import count_all
from kdtune.distill.evaluation.forward import predict_logits
from kdtune.distill.teachers.signal import signal_of
from kdtune.distill.training import Training
from kdtune.report.evaluate.evaluation import SplitData, open_test, validation_of
from kdtune.runs.comparison.resolution import Compared, Comparer, Resolution, resolve
from kdtune.runs.comparison.verdict import conclusion
from kdtune.runs.measures.objectives import Objective, front_mask
from kdtune.runs.predictions import Validation
from kdtune.space.reading import read_space
from kdtune.sweep.plan import Plan, make_plan

SPLITS = 2
STUDENTS = 12


@dataclass(frozen=True)
class Outcome:
    """What a split shows: the front's resolution on validation, and the same comparisons on test."""

    line: str
    validation: Resolution
    test: Resolution


def plan_of(name: str, path: Path, seed: int) -> Plan:
    """Return the ready space's plan on another split; of its pairs the first."""
    changes = [f"dataset.path={path}", f"dataset.seed={seed}", f"seed={seed}"]
    space, _ = read_space(name, [*changes, "train.precision=float32", "train.channels_last=false"])
    space = space.model_copy(update={"pairs": space.pairs[:1]})
    return make_plan(space, load(space.dataset.name, **space.dataset.options))


def outcome_of(plan: Plan) -> Outcome:
    pair = plan.space.pairs[0]
    data = DeviceData(Arrays.of(plan.dataset), torch.device("cpu"), view_seed=plan.space.seed, augment=False)
    trained = {
        f"{role}-{name}": Training(plan.baseline_job(role, name), data).run()
        for role, name in (("teacher", pair.teacher), ("nds", pair.student))
    }
    references = {"teacher": f"teacher-{pair.teacher}", "nds": f"nds-{pair.student}"}
    signal = signal_of(trained[references["teacher"]], data)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=plan.space.seed))
    for k in range(STUDENTS):
        _, job = plan.student(study.ask())
        trained[f"t{k:04d}"] = Training(job, data, teacher=signal).run()
    roles = dict.fromkeys(trained, "student") | {model_id: role for role, model_id in references.items()}
    found = {}
    members: list[str] = []
    for split in (validation_of(plan.dataset), open_test(plan.dataset)):
        models = {
            model_id: compared(split, model_id, roles[model_id], model, plan.objectives, references)
            for model_id, model in trained.items()
        }
        if not members:  # chosen on validation
            members = front_of([m for m in models.values() if m.role == "student"], plan.objectives)
        groups = {name: np.asarray(codes) for name, codes in split.arrays.validation_groups.items()}
        comparer = Comparer(
            Validation(np.asarray(split.labels), groups),
            plan.objectives,
            n_classes=2,
            sizes={name: len(named) for name, named in plan.dataset.attributes.items()},
            models=len(models),
            answers={model.id: model.answers for model in models.values()},
        )
        found[split.name] = resolve([models[m] for m in members], models, comparer)
    line = conclusion(found["validation"], [o.name for o in plan.objectives])
    return Outcome(line, found["validation"], found["test"])


def compared(
    split: SplitData,
    model_id: str,
    role: str,
    model: Any,
    objectives: tuple[Objective, ...],
    references: dict[str, str],
) -> Compared:
    data = DeviceData(split.arrays, torch.device("cpu"), view_seed=0, augment=False)
    answers = predict_logits(model.eval(), data.validation).argmax(dim=1).numpy()
    counts = count_all(split.arrays, answers)
    values = {o.name: float(getattr(counts[o.attribute], o.measure.name)) for o in objectives}
    return Compared(model_id, role, values, answers, references if role == "student" else {})


def front_of(students: list[Compared], objectives: tuple[Objective, ...]) -> list[str]:
    rows = np.array([[m.values[o.name] for o in objectives] for m in students])
    on = front_mask(rows, objectives)
    members = [m for m, there in zip(students, on, strict=True) if there]
    return [m.id for m in sorted(members, key=lambda m: -m.values["accuracy"])]


@pytest.mark.slow
def test_on_compas_no_student_is_said_to_beat_a_baseline(shared_data: Path) -> None:
    for seed in range(SPLITS):
        outcome = outcome_of(plan_of("compas", shared_data / "compas" / "compas.csv", seed))
        assert outcome.line.startswith("No student beats NDS")
        assert outcome.validation.needed is not None
        assert not outcome.test.beats_a_baseline
