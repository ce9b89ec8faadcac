"""The search space as pydantic checks it, key by key, before anything runs."""

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kdtune.distill.config import MEASURED, TrainConfig
from kdtune.errors import InputError, SpaceError, did_you_mean
from kdtune.runs.records import LARGEST_WHOLE
from kdtune.space.choices import Choice, Pair, Range, Scalar, Strict, check_listed_once, check_search
from kdtune.space.files import FromFile, TeacherSpec
from kdtune.space.losses import check_settings
from kdtune.space.study import StudySpec
from kdtune.space.trials import check_enqueue

_PATH_OPTIONS = ("path", "attributes", "wordpiece_file", "test", "root", "tokenizer")
"""Options of data sets that may name a file or a folder."""


def _pair_of(value: Any) -> Any:
    return {"pair": value} if isinstance(value, str) else value


class DatasetSpec(BaseModel):
    """The data set by name; all other keys are its options."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @property
    def options(self) -> dict[str, Any]:
        """What the loader is given."""
        return dict(self.model_extra or {})


class Budget(Strict):
    """How much to spend: whichever of `trials` and `minutes` ends first.

    Attributes:
        trials: trials to run; none for no limit.
        epochs: of each student's training.
        minutes: time for the trials, at work: a machine's sleep costs none.
    """

    trials: int | None = Field(default=40, ge=1, le=LARGEST_WHOLE)
    epochs: int = Field(default=12, ge=1, le=LARGEST_WHOLE)
    minutes: float | None = Field(default=None, gt=0, le=LARGEST_WHOLE, allow_inf_nan=False)

    @model_validator(mode="after")
    def _bounded(self) -> "Budget":
        if self.trials is None and self.minutes is None:
            raise ValueError("neither trials nor minutes: set one, or the sweep never ends")
        return self


class EarlyStopping(Strict):
    """Ends trials that lag behind: asynchronous successive halving, on one measure or on all objectives.

    Attributes:
        measure: what `asha` ranks by.
        method: `asha` ranks by `measure`, `moasha` by dominance on the objectives, below them what breaks a bound.
        grace: epochs that every trial gets; left out, an eighth of them, and at least 2.
        factor: of those that reach a rung, the best 1/factor go on.
    """

    method: Literal["none", "asha", "moasha"] = "none"
    measure: Literal["accuracy", "worst_class_accuracy"] = "accuracy"
    grace: int | None = Field(default=None, ge=1)
    factor: float = Field(default=2, gt=1)

    def rungs(self, epochs: int) -> tuple[int, ...]:
        """Return the epochs at which trials are judged: epochs / factor, / factor², …, rounded up, down to `grace`.

        After its first epoch a student's rank says little about its rank at the end, or even the opposite (EOD).
        """
        if self.method == "none":
            return ()
        grace = self.grace or max(2, math.ceil(epochs / 8))
        rungs: set[int] = set()
        power = 1
        while not rungs or min(rungs) > grace:
            rungs.add(max(grace, math.ceil(epochs / self.factor**power)))
            power += 1
        return tuple(sorted(rung for rung in rungs if rung < epochs))


def _cohort_size(value: Any) -> Any:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError(f"{value!r} is neither 'auto' nor a number of students, 1 or more")


class Resources(Strict):
    """What a trial gets, how many run at once, and what is done about those that misbehave.

    Attributes:
        cpus_per_trial: cores for a trial.
        workers, gpus_per_trial: chosen from what the machine has where left out. A student trains on one GPU at most.
        memory_per_trial: GB that a trial may take; a share of its machine's memory where left out.
        max_failures: how often a trial whose worker died is run again.
        stall_seconds: an epoch that lasts longer, and ten times as long as usual, counts as hanging.
        give_up_after: the sweep ends where so many trials have ended and all of them failed.
        cohort: students that are trained as one, at most: `auto` as many as is fastest here, 1 each by itself.
    """

    workers: int | None = Field(default=None, ge=1)
    cohort: Annotated[Literal["auto"] | Annotated[int, Field(ge=1)], BeforeValidator(_cohort_size)] = "auto"
    cpus_per_trial: float = Field(default=1, gt=0)
    gpus_per_trial: float | None = Field(default=None, ge=0, le=1)
    memory_per_trial: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_failures: int = Field(default=2, ge=0)
    stall_seconds: float | None = Field(default=300, gt=0, allow_inf_nan=False)
    give_up_after: int | None = Field(default=10, ge=1)


class Space(Strict):
    """A search: data, pairs, what varies, what is optimised, and for how long.

    Attributes:
        about: a note for people: what the search is for, and how long it takes.
        imports: your modules that register data sets, models, measures or losses; `--import` must agree.
        pairs: `teacher->student`, or a section with what is searched for this pair only.
        search: what varies between trials; what it leaves out is as `train` says, and T is 4 and alpha 0.5.
        enqueue: trials that are tried first, with values for some settings.
        objectives: measures to optimise, such as `accuracy`, `eod@race`.
        constraints: measure -> bound: `>=` or `<=`; a number, `majority` (share of the most frequent class in
            validation) or `chance` (1 / number of classes); then `* number`, and `+ number` or `- number`.
        measures: more measures to record beside those that are asked for.
        train: what teacher and students share; see below.
        sampler: what proposes trials: Optuna's TPE, NSGA-II, GP, or random ones.
        keep: whose weights are kept: of students that may come onto the front, of all, or of none.
        seed: of everything.
        trivial: whether students may be on the front that answer the same to everybody, or do not beat always
            answering the most frequent class beyond noise.
        log: the trackers to which the run is logged while it goes on.
    """

    about: str = ""
    imports: list[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]] = Field(default=[])
    dataset: DatasetSpec
    pairs: list[Annotated[Pair, BeforeValidator(_pair_of, json_schema_input_type=str | Pair)]] = Field(
        min_length=1
    )
    search: dict[str, Choice] = Field(
        default={"temperature": Range(low=1, high=40, log=True), "alpha": Range(low=0, high=1)}
    )
    enqueue: list[dict[str, Scalar]] = Field(default=[])
    objectives: list[str] = Field(default=["accuracy", "eod"], min_length=1)
    constraints: dict[str, str] = Field(default={})
    trivial: Literal["exclude", "keep"] = "exclude"
    measures: list[str] = Field(default=[])
    log: list[Literal["tensorboard", "mlflow", "wandb", "trackio"]] = Field(default=[])
    budget: Budget = Budget()
    train: dict[str, Any] = Field(default={})
    teacher: TeacherSpec = TeacherSpec()
    student: FromFile = FromFile()
    sampler: Literal["tpe", "nsgaii", "gp", "random"] = "tpe"
    early_stopping: EarlyStopping = EarlyStopping()
    resources: Resources = Resources()
    keep: Literal["front", "all", "none"] = "front"
    study: StudySpec | None = None
    seed: int = Field(default=0, ge=0, le=LARGEST_WHOLE)

    @model_validator(mode="after")
    def _consistent(self) -> "Space":
        names = [f"{pair.teacher}->{pair.student}" for pair in self.pairs]
        check_listed_once("pairs", names)
        check_listed_once("objectives", self.objectives)
        check_listed_once("log", self.log)
        if "epochs" in self.train:
            raise ValueError("train.epochs: the length of a student's training is budget.epochs")
        self.teacher.check_names("teacher", [name for pair in self.pairs for name in pair.teachers])
        for pair in self.pairs:
            if len(pair.teachers) > 1 and len(self.teachers_of(pair)) < len(pair.teachers):
                raise ValueError(
                    f"pairs: {pair.pair}: of a teacher in it only logits are known: give their mean as one teacher's"
                )
        self.student.check_names("student", [pair.student for pair in self.pairs])
        for where, search in [
            ("search", self.search),
            *((f"pairs.{p.pair}.search", p.search) for p in self.pairs),
        ]:
            check_search(where, search)
        for searched in self.searches:
            check_settings("search", searched, searched)
        check_enqueue(self.enqueue, self.pairs, self.search)
        return self

    def train_config(self, **options: Any) -> TrainConfig:
        """Return the students' protocol, with some settings replaced."""
        if isinstance(batch := options.get("batch_size"), float) and batch.is_integer():
            options["batch_size"] = int(batch)  # a list may say 32.0
        return TrainConfig(epochs=self.budget.epochs).with_options(**{**_settings(self.train), **options})

    def teacher_config(self, **options: Any) -> TrainConfig:
        """Return the teachers' protocol: the students', with what `teacher` replaces."""
        settings, known = self.teacher.settings, [f.name for f in fields(TrainConfig)]
        for name in settings:
            if name not in known:
                near = did_you_mean(name, [*known, *TeacherSpec.model_fields])
                raise InputError(f"teacher.{name} is not a setting{near} (known: {', '.join(known)})")
        try:
            return self.train_config(**{**_settings(settings), **options})
        except InputError as error:
            raise InputError(str(error).replace("train.", "teacher.", 1)) from None

    @property
    def architectures(self) -> tuple[str, ...]:
        """Names of all models that are built, each once; of an ensemble those of its members."""
        names = (name for pair in self.pairs for name in (*self.teachers_of(pair), pair.student))
        return tuple(dict.fromkeys(names))

    def teachers_of(self, pair: Pair) -> tuple[str, ...]:
        """Return the models that are a pair's teacher: several of an ensemble, none where only logits are known."""
        return tuple(name for name in pair.teachers if self.teacher.logits_of(name) is None)

    def pair(self, name: str) -> Pair:
        """Return the pair with this name."""
        return next(pair for pair in self.pairs if pair.pair == name)

    def search_of(self, pair: Pair) -> dict[str, Choice]:
        """Return what is searched for a pair."""
        return pair.searched(self.search)

    @property
    def searches(self) -> tuple[dict[str, Choice], ...]:
        """What is searched, pair by pair."""
        return tuple(self.search_of(pair) for pair in self.pairs)

    def with_absolute_paths(self) -> "Space":
        """Return the space with the files and folders that its data set and models name as absolute paths.

        A run is resumed and exported from any folder, not only from where it began.
        """
        options = self.dataset.options
        paths = {key: _absolute(value) for key, value in options.items() if key in _PATH_OPTIONS}
        dataset = DatasetSpec(name=self.dataset.name, **{**options, **paths})
        models = {
            "teacher": self.teacher.with_absolute_paths(),
            "student": self.student.with_absolute_paths(),
        }
        return self.model_copy(update={"dataset": dataset, **models})

    def as_study(self) -> "Space":
        """Return the space with its study filled in, and the number of distilled students as its budget.

        Raises:
            SpaceError: a teacher is known by its logits alone.
        """
        if self.teacher.logits is not None:
            raise SpaceError(
                "teacher.logits: a study trains a teacher for each seed, and logits are those of one: kdtune search "
                "learns from them"
            )
        study = self.study or StudySpec()
        n = len(self.pairs) * len(study.temperatures) * len(study.scalings) * len(study.seed_list)
        budget = self.budget.model_copy(update={"trials": n, "minutes": None})
        return self.model_copy(update={"study": study, "budget": budget})

    def to_dict(self) -> dict[str, Any]:
        """Return plain YAML values that `Space` accepts again."""
        return self.model_dump(mode="json")


def _absolute(option: Any) -> Any:
    """Return a data set's option with the files that it names, one or several, as absolute paths."""
    if isinstance(option, list):
        return [_absolute(item) for item in option]
    return str(Path(option).absolute()) if isinstance(option, str) and Path(option).exists() else option


def _settings(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a section of the protocol sets itself, in the types of `TrainConfig`."""
    fixed = {key: value for key, value in section.items() if key not in MEASURED or value != "auto"}
    if isinstance(milestones := fixed.get("milestones"), list):
        fixed["milestones"] = tuple(milestones)
    return fixed
