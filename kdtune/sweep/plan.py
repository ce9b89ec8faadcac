"""What a space means on a data set: the objectives and bounds, the baselines, and the job of each trial."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from torch import nn

from kdtune import models
from kdtune.data import check_options
from kdtune.data.dataset import Dataset
from kdtune.data.seeds import derive_seed
from kdtune.distill.config import (
    ALPHA,
    MEASURED,
    TEMPERATURE,
    Distillation,
    Execution,
    Job,
    Precision,
    TrainConfig,
    members_of,
)
from kdtune.distill.evaluation.extras import EXTRAS
from kdtune.distill.fused.loss import is_fusable
from kdtune.distill.losses.registry import find_loss
from kdtune.distill.teachers.logits_file import LogitsFile
from kdtune.distill.weights.module import module_of
from kdtune.distill.weights.source import Weights
from kdtune.errors import SpaceError, about
from kdtune.pareto import Constraint, parse_constraint
from kdtune.runs.measures.objectives import BEYOND_MAJORITY, Objective, judged_by_worst_class
from kdtune.space.losses import check_losses, taken
from kdtune.space.questions import check_bound, check_measures
from kdtune.space.reading import Choice, Pair, Range, Space
from kdtune.sweep.data_checks import (
    check_defined,
    check_denominators,
    check_group_weights,
    check_size,
)
from kdtune.sweep.from_files import check_fit, weights_of
from kdtune.sweep.from_logits import check_losses_of_logits, logits_of


@dataclass(frozen=True)
class Speed:
    """How an architecture runs fastest on this machine; measured once, then cached."""

    precision: Precision = "float32"
    channels_last: bool = False
    execution: Execution = "eager"


@dataclass(frozen=True)
class Plan:
    """A checked space on checked data.

    Attributes:
        speeds: architecture -> how it runs.
        cohort: number of consecutive trials among which cohorts are formed.
        fused: architectures of students that are trained as one.
    """

    space: Space
    dataset: Dataset
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    speeds: Mapping[str, Speed]
    cohort: int = 1
    fused: frozenset[str] = frozenset()

    @property
    def extras(self) -> tuple[str, ...]:
        """Names of the measures that somebody asked for and that counts do not give."""
        stored = [o.name for o in self.asked if o.measure.of_counts is None]
        return (*(name for name in EXTRAS if name in stored), *(n for n in stored if n not in EXTRAS))

    @property
    def asked(self) -> tuple[Objective, ...]:
        """All measures that were asked for: objectives, those bounded, and what is recorded beside."""
        attributes = self.dataset.attributes
        beside = [c.name for c in self.constraints] + list(self.space.measures)
        objectives = (*self.objectives, *(Objective.parse(name, attributes) for name in beside))
        return tuple({objective.name: objective for objective in objectives}.values())

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs after which early stopping judges a trial."""
        return self.space.early_stopping.rungs(self.space.budget.epochs)

    @property
    def architectures(self) -> tuple[tuple[str, str], ...]:
        """Each baseline to train: ("teacher", name), then ("nds", name)."""
        teachers = dict.fromkeys(("teacher", pair.teacher) for pair in self.space.pairs)
        students = dict.fromkeys(("nds", pair.student) for pair in self.space.pairs)
        return (*teachers, *students)

    @property
    def single(self) -> tuple[tuple[str, str], ...]:
        """The baselines that are models: the members of an ensemble in its place, no teacher that is only logits."""
        models = dict.fromkeys(
            (role, member) for role, name in self.architectures for member in members_of(name)
        )
        return tuple(m for m in models if m[0] != "teacher" or self.space.teacher.logits_of(m[1]) is None)

    @property
    def libraries(self) -> frozenset[str]:
        """The modules of other libraries that each process that trains a model of the plan imports."""
        return models.libraries_of((name for _, name in self.single), self.dataset.input_shape)

    def baseline_job(self, role: str, architecture: str) -> Job:
        """Return the training of a teacher or a non-distilled student: hard labels, the same protocol.

        A teacher that is taken as it is computes in float32 unless the space says otherwise: it is not trained, and has
        its own accuracy only so.
        """
        file, is_teacher = self.file(role, architecture), role == "teacher"
        train = self.space.teacher_config() if is_teacher else self.space.train_config()
        logits = self.logits(architecture) if is_teacher else None
        if logits is not None:
            return Job(architecture, train.with_options(epochs=1), 0, self.space.seed, logits=logits)
        members = members_of(architecture)
        if len(members) > 1:
            jobs = tuple(self.baseline_job(role, member) for member in members)
            together = train.with_options(
                epochs=len(jobs), precision="float32", channels_last=False, execution="eager"
            )
            seed = derive_seed(self.space.seed, role, architecture) % 2**31
            return Job(architecture, together, seed, members=jobs).with_seeds(seed, self.space.seed)
        as_it_is = is_teacher and file is not None and file.lacks is None
        if as_it_is:
            train = train.with_options(epochs=1)
        return Job(
            architecture=architecture,
            weights=file if as_it_is else None,
            initial=None if as_it_is else file,
            train=self._fast(
                train, architecture, self.space.teacher.settings if is_teacher else {}, exact=as_it_is
            ),
            seed=derive_seed(self.space.seed, role, architecture) % 2**31,
            view_seed=self.space.seed,
        )

    def student(self, trial: optuna.Trial) -> tuple[Pair, Job]:
        """Ask the study for a configuration and return the pair and the training that it means."""
        pairs = [pair.pair for pair in self.space.pairs]
        name = trial.suggest_categorical("pair", pairs) if len(pairs) > 1 else pairs[0]
        pair = self.space.pair(str(name))
        values: dict[str, Any] = {}
        searched = self.space.search_of(pair)
        if "loss" in searched:
            values["loss"] = _suggest(trial, pair.label("loss"), "loss", searched["loss"])
        loss = find_loss(str(values.pop("loss", "kd")))
        for key, choice in sorted(taken(loss, searched).items()):
            if key != "loss":
                values[key] = _suggest(trial, pair.label(key), key, choice)
        distillation = Distillation(
            teacher=pair.teacher,
            temperature=float(values.pop("temperature", TEMPERATURE)),
            alpha=float(values.pop("alpha", ALPHA)),
            scale_by_t2=bool(values.pop("scale_by_t2", True)),
            loss=loss.name,
            settings={k: float(values.pop(k, default)) for k, default in loss.settings.items()},
        )
        train = self._fast(self.space.train_config(**values), pair.student, {})
        seed = derive_seed(self.space.seed, "trial", trial.number) % 2**31
        file = self.file("nds", pair.student)
        return pair, Job(pair.student, train, seed, self.space.seed, distillation, initial=file)

    def trains_as_one(self, jobs: Sequence[Job]) -> bool:
        """Return whether the students of a cohort are trained as one: by measurement, and if their loss allows it."""
        soft, architecture = jobs[0].distillation, jobs[0].architecture
        if architecture not in self.fused or soft is None:
            return False
        weighted = any(job.train.class_weights != "none" or job.train.group_weights != "none" for job in jobs)
        return is_fusable(soft.loss, self.dataset.n_classes, weighted=weighted)

    def file(self, role: str, architecture: str) -> Weights | None:
        """Return the file that a teacher is taken from, or that a student begins from; None where there is none.

        An ensemble has none: its members have their own.
        """
        if len(members_of(architecture)) > 1:
            return None
        return weights_of(self.space, role, architecture, self.dataset)

    def logits(self, teacher: str) -> LogitsFile | None:
        """Return the files that hold what a teacher says; None where it is a model."""
        return logits_of(self.space, teacher, self.dataset)

    def module(self, role: str, architecture: str) -> nn.Module:
        """Return a model as it is before its training, without the weights of a file."""
        data = self.dataset
        return module_of(
            self.baseline_job(role, architecture), input_shape=data.input_shape, n_classes=data.n_classes
        )

    def student_job(self, architecture: str) -> Job:
        """Return the training of a student of this name with the settings that the search leaves alone."""
        train = self._fast(self.space.train_config(), architecture, {})
        return Job(architecture, train, 0, self.space.seed, Distillation("teacher", TEMPERATURE, ALPHA))

    def _fast(
        self, train: TrainConfig, architecture: str, overrides: Mapping[str, Any], *, exact: bool = False
    ) -> TrainConfig:
        """Fill in what the space leaves to measurement."""
        speed = self.speeds.get(architecture, Speed())
        asked = {**self.space.train, **overrides}
        options = {key: getattr(speed, key) for key in MEASURED if asked.get(key, "auto") == "auto"}
        if exact and "precision" in options:
            options["precision"] = "float32"
        return train.with_options(**options)


def check_names(space: Space) -> None:
    """Refuse what is wrong with a space whatever the data hold, before they are read.

    Raises:
        InputError: an unknown data set, option, measure or model, or weights that can't be read.
    """
    check_measures(space)
    check_losses(space.searches)
    check_losses_of_logits(space)
    check_options(space.dataset.name, space.dataset.options)
    with about("pairs"):
        for name in space.architectures:
            models.check(name)
    for file in [*space.teacher.files(), *space.student.files()]:
        Weights.of(file)
    for pair in space.pairs:
        if (files := space.teacher.logits_of(pair.teacher)) is not None:
            LogitsFile.of(*files)


def make_plan(space: Space, dataset: Dataset, speeds: Mapping[str, Speed] | None = None) -> Plan:
    """Check a space against its data.

    Raises:
        InputError: these data do not define an objective or a bound, or a model does not fit them.
    """
    for pair in space.pairs:
        sections = [
            *((space.teacher, name) for name in space.teachers_of(pair)),
            (space.student, pair.student),
        ]
        for section, name in sections:
            models.check(
                name,
                input_shape=dataset.input_shape,
                any_size=section.is_pretrained(name),
                n_classes=dataset.n_classes,
                trained=section is space.student or section.file(name) is None,
            )
    attributes = dataset.attributes
    with about("objectives"):
        objectives = tuple(Objective.parse(name, attributes) for name in space.objectives)
    with about("measures"):
        for name in space.measures:
            Objective.parse(name, attributes)
    asked: dict[str, str] = {}
    for text, objective in zip(space.objectives, objectives, strict=True):
        if objective.name in asked:
            raise SpaceError(
                f"objectives: {asked[objective.name]!r} and {text!r} are the same: leave one out"
            )
        asked[objective.name] = text
    symbols = {"majority": dataset.majority, "chance": 1 / len(dataset.classes)}
    constraints = []
    for name, text in space.constraints.items():
        with about("constraints"):
            bounded = Objective.parse(name, attributes)
        constraint = parse_constraint(bounded.name, text, symbols=symbols)
        check_bound(bounded.measure, constraint, text)
        constraints.append(constraint)
    if space.trivial == "exclude":
        constraints.append(_not_trivial([objective.name for objective in objectives]))
    check_size(dataset)
    check_group_weights(space, dataset)
    plan = Plan(space, dataset, objectives, tuple(constraints), dict(speeds or {}))
    roles = {
        **{constraint.name: "constraint" for constraint in plan.constraints},
        **{objective.name: "objective" for objective in plan.objectives},
    }
    for objective in plan.asked:
        check_defined(objective, dataset, roles.get(objective.name))
    check_denominators(dataset, ((roles[o.name], o) for o in plan.asked if o.name in roles))
    for role, name in plan.single:
        if (file := plan.file(role, name)) is not None:
            check_fit(name, file, dataset)
    _check_parameters(plan)
    return plan


def _not_trivial(objectives: Sequence[str]) -> Constraint:
    """Return what keeps students off the front that know no more than which class is the most frequent."""
    if judged_by_worst_class(objectives):
        return Constraint("answered_classes", ">=", 2)
    return Constraint("over_majority", ">=", BEYOND_MAJORITY)


def _check_parameters(plan: Plan) -> None:
    """Refuse a bound on the number of weights that no student keeps."""
    for constraint in plan.constraints:
        if constraint.name == "parameters":
            names = dict.fromkeys(pair.student for pair in plan.space.pairs)
            sizes = {name: models.parameter_count(plan.module("nds", name)) for name in names}
            if all(constraint.violation(size) > 0 for size in sizes.values()):
                told = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
                raise SpaceError(
                    f"constraints: {constraint} can never be met: the students have {told} weights"
                )


def _suggest(trial: optuna.Trial, label: str, key: str, choice: Choice) -> Any:
    if isinstance(choice, list):
        return trial.suggest_categorical(label, choice) if len(choice) > 1 else choice[0]
    if not isinstance(choice, Range):
        return choice
    if key == "batch_size":
        step = 1 if choice.step is None else int(choice.step)
        return trial.suggest_int(label, int(choice.low), int(choice.last), log=choice.log, step=step)
    return trial.suggest_float(label, choice.low, choice.last, log=choice.log, step=choice.step)
