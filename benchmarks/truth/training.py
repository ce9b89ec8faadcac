"""Trains the students of one split, as a sweep would, and keeps what each answers on validation and test."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna
import torch
from torch import Tensor

from benchmarks.truth.sets import TruthSet
from kdtune.data import load
from kdtune.data.dataset import Dataset, Split
from kdtune.data.images.views import Views
from kdtune.data.seeds import derive_seed
from kdtune.data.split import stratified_cut
from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Job
from kdtune.distill.epoch import batches
from kdtune.distill.evaluation.forward import predict_logits
from kdtune.distill.fused.students import Students
from kdtune.distill.teachers.signal import TeacherSignal, signal_of
from kdtune.distill.training import Training
from kdtune.space.reading import parse_space
from kdtune.sweep.plan import Plan, make_plan

NO_MODEL = 255
"""The prediction of a student whose outputs are not finite."""


@dataclass(frozen=True)
class SplitStudents:
    """What one split's students answer on the examples that it keeps back.

    Attributes:
        settings: one for each configuration: what was searched, by name, and the pair.
        labels: uint8 [m].
        groups: int8 [m], -1 where missing.
        n_validation: the first so many examples are validation, the rest is test.
        predictions: uint8 [m, configurations, seeds].
        curves: uint8 [m, configurations, epochs], of the first seed; empty if not asked for.
        baselines: uint8 [m, baselines], of those in `baseline_names`.
        train_labels, train_groups, train_predictions: the same for the examples that the students were trained on,
            seen without augmentation, [k], [k] and [k, configurations, seeds]; empty of the folds but the first.
    """

    settings: list[dict[str, Any]]
    labels: np.ndarray
    groups: np.ndarray
    n_validation: int
    predictions: np.ndarray
    curves: np.ndarray
    baselines: np.ndarray
    baseline_names: list[str]
    train_labels: np.ndarray
    train_groups: np.ndarray
    train_predictions: np.ndarray


@dataclass(frozen=True)
class Prepared:
    """A split with its baselines trained, ready for students.

    Attributes:
        plan: its validation is all that the split keeps back.
        n_validation: the first so many of these examples are validation, the rest is test.
        logits: of each baseline on what is kept back, in the order of `plan.architectures`, float32 [m, classes].
        signals: what teachers say, by name.
    """

    plan: Plan
    data: DeviceData
    n_validation: int
    logits: list[Tensor]
    signals: dict[str, TeacherSignal]


def prepare(item: TruthSet, split: int, fold: int = 0) -> Prepared:
    """Load one split, or one fold of it, and train its baselines."""
    space = parse_space(item.space(split), item.name)
    dataset = load(space.dataset.name, **space.dataset.options)
    test = dataset.open_test()
    if item.folds > 1:
        dataset = _fold(dataset, fold, item.folds, split)
    plan = make_plan(space, replace(dataset, validation=_joined(dataset.validation, test)))
    data = DeviceData(
        Arrays.of(plan.dataset),
        torch.device("cpu"),
        view_seed=space.seed,
        augment=space.train_config().augment,
    )
    logits: list[Tensor] = []
    signals: dict[str, TeacherSignal] = {}
    for role, name in plan.architectures:
        model = Training(plan.baseline_job(role, name), data).run()
        logits.append(predict_logits(model, data.validation))
        if role == "teacher":
            signals[name] = signal_of(model, data)
    return Prepared(plan, data, len(dataset.validation), logits, signals)


def train_split(item: TruthSet, split: int, fold: int, seeds: range) -> SplitStudents:
    """Train every configuration on one split, or one fold of it, from some seeds."""
    prepared = prepare(item, split, fold)
    plan, data = prepared.plan, prepared.data
    space, train, kept_back = plan.space, plan.dataset.train, plan.dataset.validation
    jobs, settings = jobs_of(plan, item.configurations)
    epochs = space.budget.epochs if item.curves and fold == 0 and 0 in seeds else 0
    predictions = np.full((len(kept_back), len(jobs), len(seeds)), NO_MODEL, dtype=np.uint8)
    curves = np.full((len(kept_back), len(jobs), epochs), NO_MODEL, dtype=np.uint8)
    kept_train = len(data) if fold == 0 else 0
    train_predictions = np.full((kept_train, len(jobs), len(seeds)), NO_MODEL, dtype=np.uint8)
    train_views = Views(train.inputs, mean=data.arrays.mean, std=data.arrays.std)
    for members in cohorts(jobs, seeds, item.students_at_once):
        students = [seeded(jobs[c], c, s) for c, s in members]
        every_epoch = epochs > 0 and any(s == 0 for _, s in members)
        together = Students(students, data)
        for epoch in trained(together, data, prepared.signals):
            if not every_epoch and epoch < space.budget.epochs - 1:
                continue
            logits = student_logits(together, data.validation)
            for k, (c, s) in enumerate(members):
                if s == 0 and epochs:
                    curves[:, c, epoch] = classes_of(logits[k])
                if epoch == space.budget.epochs - 1:
                    predictions[:, c, seeds.index(s)] = classes_of(logits[k])
        if kept_train:
            logits = student_logits(together, train_views)
            for k, (c, s) in enumerate(members):
                train_predictions[:, c, seeds.index(s)] = classes_of(logits[k])
    [attribute] = plan.dataset.attributes
    return SplitStudents(
        settings=settings,
        labels=kept_back.labels.numpy().astype(np.uint8),
        groups=kept_back.groups[attribute].numpy().astype(np.int8),
        n_validation=prepared.n_validation,
        predictions=predictions,
        curves=curves,
        baselines=np.stack([classes_of(each) for each in prepared.logits], axis=1),
        baseline_names=[f"{role} {name}" for role, name in plan.architectures],
        train_labels=train.labels.numpy().astype(np.uint8)[:kept_train],
        train_groups=train.groups[attribute].numpy().astype(np.int8)[:kept_train],
        train_predictions=train_predictions,
    )


def _fold(dataset: Dataset, fold: int, folds: int, seed: int) -> Dataset:
    """Return the data set with one of `folds` parts of everything but test as its validation."""
    rest = _joined(dataset.train, dataset.validation)
    left, parts = torch.arange(len(rest)), []
    for k in range(folds, 1, -1):
        here = {name: codes[left] for name, codes in rest.groups.items()}
        others, part = stratified_cut(rest.labels[left], here, 1 / k, derive_seed(seed, "fold", k) % 2**31)
        parts.append(left[part])
        left = left[others]
    parts.append(left)
    others = torch.cat([part for k, part in enumerate(parts) if k != fold]).sort().values
    return replace(dataset, train=rest.take(others), validation=rest.take(parts[fold]))


def _joined(first: Split, second: Split) -> Split:
    groups = {name: torch.cat([codes, second.groups[name]]) for name, codes in first.groups.items()}
    return Split(torch.cat([first.inputs, second.inputs]), torch.cat([first.labels, second.labels]), groups)


def jobs_of(plan: Plan, n: int) -> tuple[list[Job], list[dict[str, Any]]]:
    """Return n random configurations of a space, and what was searched for each: the same on every split."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        directions=["minimize"] * len(plan.objectives), sampler=optuna.samplers.RandomSampler(seed=1)
    )
    jobs, settings = [], []
    for _ in range(n):
        trial = study.ask()
        pair, job = plan.student(trial)
        jobs.append(job)
        settings.append({**trial.params, "pair": pair.pair})
    return jobs, settings


def cohorts(jobs: Sequence[Job], seeds: range, size: int) -> list[list[tuple[int, int]]]:
    """Return (configuration, seed) of students that are trained as one: of one architecture, at most `size`."""
    cohorts = []
    for name in dict.fromkeys(job.architecture for job in jobs):
        members = [(c, s) for s in seeds for c, job in enumerate(jobs) if job.architecture == name]
        cohorts += [members[k : k + size] for k in range(0, len(members), size)]
    return cohorts


def seeded(job: Job, configuration: int, seed: int) -> Job:
    """Return a configuration's training from one of its seeds."""
    return replace(job, seed=derive_seed(job.view_seed, "bank", configuration, seed) % 2**31)


def trained(students: Students, data: DeviceData, signals: dict[str, TeacherSignal]) -> Iterator[int]:
    """Train a cohort as kdtune does; yield each epoch, from 0."""
    job = students.jobs[0]
    for epoch in range(job.train.epochs):
        students.module.train()
        soft = torch.stack([signals[name].logits(data.view(epoch)) for name in students.teachers])
        for factor, indices, inputs in batches(job, data, epoch):
            students.train_batch(None, inputs, soft[:, indices], data.labels[indices], factor, indices)
        yield epoch


@torch.inference_mode()
def student_logits(students: Students, views: Views) -> Tensor:
    """Return logits, [K, n, classes], of the inputs as they are."""
    students.module.eval()
    parts = torch.arange(len(views)).split(256)
    return torch.cat([students(views.plain(part)).float() for part in parts], dim=1)


def classes_of(logits: Tensor) -> np.ndarray:
    """Return the predicted classes, uint8 [m]; `NO_MODEL` everywhere if an output is not finite."""
    if not bool(torch.isfinite(logits).all()):
        return np.full(len(logits), NO_MODEL, dtype=np.uint8)
    return logits.argmax(dim=1).numpy().astype(np.uint8)
