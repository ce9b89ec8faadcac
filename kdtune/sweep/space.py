"""The search space: what a person writes in YAML, checked key by key before anything runs."""

import math
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from kdtune.distill.config import Distillation, TrainConfig
from kdtune.errors import InputError, SpaceError, did_you_mean
from kdtune.sweep.study_spec import IndividualSpec, StudySpec

Scalar = bool | int | float | str
_LARGEST = 1e300
SEARCHABLE = (
    "temperature",
    "alpha",
    "scale_by_t2",
    "lr",
    "momentum",
    "weight_decay",
    "batch_size",
    "optimizer",
    "schedule",
    "warmup",
    "gamma",
)
"""What `search` may vary; everything else of the protocol is one value for all trials."""


_PATH_OPTIONS = ("path", "attributes", "wordpiece_file", "test", "root")
"""Options of data sets that may name a file or a folder."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Range(_Strict):
    """Numbers from `low` to `high`, both included; `log` spreads them over orders of magnitude."""

    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    log: bool = False
    step: float | None = Field(default=None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}: swap them")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low:g} with log: a logarithmic range starts above 0")
        if self.step is not None and (self.step <= 0 or self.log):
            raise ValueError("step is above 0, and not for a logarithmic range")
        return self


Choice = Range | list[Scalar] | Scalar


class Pair(_Strict):
    """A teacher and a student architecture, with what is searched for this pair only."""

    pair: str
    search: dict[str, Choice] = {}

    @property
    def teacher(self) -> str:
        """Architecture of the teacher."""
        return self.pair.split("->")[0].strip()

    @property
    def student(self) -> str:
        """Architecture of the student."""
        return self.pair.split("->")[1].strip()

    @model_validator(mode="after")
    def _has_arrow(self) -> "Pair":
        sides = [side.strip() for side in self.pair.split("->")]
        if len(sides) != 2 or not all(sides):
            raise ValueError(
                f"{self.pair!r} is not a pair: write 'teacher->student', as in 'resnet20->lenet5'"
            )
        return self


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


class Budget(_Strict):
    """How much to spend: whichever of `trials` and `minutes` ends first."""

    trials: int | None = Field(default=40, ge=1)
    epochs: int = Field(default=12, ge=1)
    minutes: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _bounded(self) -> "Budget":
        if self.trials is None and self.minutes is None:
            raise ValueError("neither trials nor minutes: set one, or the sweep never ends")
        return self


class EarlyStopping(_Strict):
    """Ends trials that lag behind: asynchronous successive halving, on one measure or on all objectives.

    Attributes:
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


class Resources(_Strict):
    """What a trial gets, how many run at once, and what is done about those that misbehave.

    Attributes:
        workers, gpus_per_trial: chosen from what the machine has where left out.
        memory_per_trial: GB that a trial may take; a share of its machine's memory where left out.
        max_failures: how often a trial whose worker died is run again.
        stall_seconds: an epoch that lasts longer, and ten times as long as usual, is taken to hang.
        give_up_after: the sweep ends where so many trials have ended and all of them failed.
        cohort: students that are trained as one, at most: `auto` as many as is fastest here, 1 each by itself.
    """

    workers: int | None = Field(default=None, ge=1)
    cohort: Annotated[Literal["auto"] | Annotated[int, Field(ge=1)], BeforeValidator(_cohort_size)] = "auto"
    cpus_per_trial: float = Field(default=1, gt=0)
    gpus_per_trial: float | None = Field(default=None, ge=0)
    memory_per_trial: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_failures: int = Field(default=2, ge=0)
    stall_seconds: float | None = Field(default=300, gt=0, allow_inf_nan=False)
    give_up_after: int | None = Field(default=10, ge=1)


class Space(_Strict):
    """A search: data, pairs, what varies, what is optimised, and for how long."""

    about: str = ""
    imports: list[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]] = []
    dataset: DatasetSpec
    pairs: list[Annotated[Pair, BeforeValidator(_pair_of, json_schema_input_type=str | Pair)]] = Field(
        min_length=1
    )
    search: dict[str, Choice] = {
        "temperature": Range(low=1, high=40, log=True),
        "alpha": Range(low=0, high=1),
    }
    objectives: list[str] = Field(default=["accuracy", "eod"], min_length=1)
    constraints: dict[str, str] = {}
    budget: Budget = Budget()
    train: dict[str, Any] = {}
    teacher: dict[str, Any] = {}
    sampler: Literal["tpe", "nsgaii", "gp", "random"] = "tpe"
    early_stopping: EarlyStopping = EarlyStopping()
    resources: Resources = Resources()
    keep: Literal["front", "all", "none"] = "front"
    study: StudySpec | None = None
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> "Space":
        names = [f"{pair.teacher}->{pair.student}" for pair in self.pairs]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"pair {name!r} is listed {names.count(name)} times: once is enough")
        if len(set(self.objectives)) != len(self.objectives):
            raise ValueError("an objective is listed twice")
        if "epochs" in self.train:
            raise ValueError("train.epochs: the length of a student's training is budget.epochs")
        _check_weights(self.teacher.get("weights"), [pair.teacher for pair in self.pairs])
        for where, search in [
            ("search", self.search),
            *((f"pairs.{p.pair}.search", p.search) for p in self.pairs),
        ]:
            _check_search(where, search)
        return self

    def train_config(self, **options: Any) -> TrainConfig:
        """Return the students' protocol, with some settings replaced."""
        if isinstance(batch := options.get("batch_size"), float) and batch.is_integer():
            options["batch_size"] = int(batch)  # a list may say 32.0
        return TrainConfig(epochs=self.budget.epochs).with_options(**{**_settings(self.train), **options})

    def teacher_config(self, **options: Any) -> TrainConfig:
        """Return the teachers' protocol: the students', with what `teacher` replaces."""
        try:
            settings = {key: value for key, value in self.teacher.items() if key != "weights"}
            return self.train_config(**{**_settings(settings), **options})
        except InputError as error:
            raise InputError(str(error).replace("train.", "teacher.", 1)) from None

    def teacher_weights(self, architecture: str) -> str | None:
        """Return the checkpoint that a teacher is taken from, or None where it is trained.

        `teacher: {weights: FILE}` is for all teachers, `{weights: {architecture: FILE}}` for those it names.
        """
        weights = self.teacher.get("weights")
        return weights.get(architecture) if isinstance(weights, dict) else weights

    def pair(self, name: str) -> Pair:
        """Return the pair with this name."""
        return next(pair for pair in self.pairs if pair.pair == name)

    def search_of(self, pair: Pair) -> dict[str, Choice]:
        """Return what is searched for a pair: the common part, replaced by its own entries of the same name."""
        return {**self.search, **pair.search}

    def with_absolute_paths(self) -> "Space":
        """Return the space with the files and folders that its data set and teachers name as absolute paths.

        A run is resumed and exported from any folder, not only from where it began.
        """
        options = self.dataset.options
        paths = {
            key: str(Path(value).absolute())
            for key, value in options.items()
            if key in _PATH_OPTIONS and isinstance(value, str) and Path(value).exists()
        }
        teacher = dict(self.teacher)
        if isinstance(weights := teacher.get("weights"), str):
            teacher["weights"] = str(Path(weights).expanduser().absolute())
        elif isinstance(weights, dict):
            teacher["weights"] = {k: str(Path(v).expanduser().absolute()) for k, v in weights.items()}
        dataset = DatasetSpec(name=self.dataset.name, **{**options, **paths})
        return self.model_copy(update={"dataset": dataset, "teacher": teacher})

    def to_dict(self) -> dict[str, Any]:
        """Return plain YAML values that `Space` accepts again."""
        return self.model_dump(mode="json")


def _check_weights(weights: Any, teachers: Sequence[str]) -> None:
    if weights is None or isinstance(weights, str):
        return
    if not isinstance(weights, dict) or not all(isinstance(file, str) for file in weights.values()):
        raise ValueError("teacher.weights: neither a file, nor a file by architecture")
    for name in weights:
        if name not in teachers:
            raise ValueError(
                f"teacher.weights.{name}: no pair has this teacher{did_you_mean(str(name), teachers)} "
                f"(teachers: {', '.join(dict.fromkeys(teachers))})"
            )


def _settings(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a section of the protocol sets itself, in the types of `TrainConfig`."""
    fixed = {key: value for key, value in section.items() if value != "auto"}
    if isinstance(milestones := fixed.get("milestones"), list):
        fixed["milestones"] = tuple(milestones)
    return fixed


def _check_search(where: str, search: Mapping[str, Choice]) -> None:
    for name, choice in search.items():
        if name not in SEARCHABLE:
            raise ValueError(
                f"{where}.{name}: not searchable{did_you_mean(name, SEARCHABLE)} (known: {', '.join(SEARCHABLE)})"
            )
        if isinstance(choice, list) and not choice:
            raise ValueError(f"{where}.{name}: an empty list leaves nothing to choose from")
        for value in extremes(choice):
            _check_value(where, name, value)
        if isinstance(choice, Range) and name == "batch_size" and not float(choice.step or 1).is_integer():
            raise ValueError(f"{where}.{name}: step {choice.step:g} is not a whole number")


def extremes(choice: Choice) -> Sequence[Scalar]:
    """Return the values whose validity shows that of the whole choice."""
    if isinstance(choice, Range):
        return [choice.low, choice.high]
    return choice if isinstance(choice, list) else [choice]


def _check_value(where: str, name: str, value: Any) -> None:
    numeric = name not in ("optimizer", "schedule", "scale_by_t2")
    if numeric and (isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST):
        raise ValueError(f"{where}.{name}: {value!r} is not a number{_in_yaml(value)}")
    if name == "batch_size" and not (math.isfinite(value) and float(value).is_integer()):
        raise ValueError(f"{where}.{name}: {value!r} is not a whole number")
    try:
        if name in ("temperature", "alpha", "scale_by_t2"):
            Distillation(**{"teacher": "", "temperature": 1.0, "alpha": 0.5, name: value})
        else:
            TrainConfig(epochs=1).with_options(**{name: int(value) if name == "batch_size" else value})
    except InputError as error:
        raise ValueError(f"{where}.{name}: {str(error).removeprefix('train.')}") from None


def _in_yaml(value: Any) -> str:
    """Return the remedy for a number that YAML reads as text: `1e-3` wants a point and a sign, `1.0e-3`."""
    try:
        return f": YAML reads it as text, write {float(value):.1e}" if isinstance(value, str) else ""
    except ValueError:
        return ""


_MOST_PROBLEMS = 5
"""Told at once of one file."""


def parse_space(content: Any, source: str) -> Space:
    """Return the space that a YAML document holds.

    Args:
        content: what the YAML says: a mapping.
        source: name for messages: a file.

    Raises:
        SpaceError: naming each key that is wrong, and the remedy.
    """
    if not isinstance(content, dict):
        raise SpaceError(
            f"{source}: holds {_kind(content)}, not a search space (keys: {', '.join(Space.model_fields)})"
        )
    try:
        space = Space.model_validate(content)
        space.train_config()
        space.teacher_config()
    except ValidationError as error:
        lines = _readable(error)
        shown = lines if len(lines) <= _MOST_PROBLEMS else lines[: _MOST_PROBLEMS - 1]
        if len(shown) < len(lines):
            shown.append(f"and {len(lines) - len(shown)} more problems like these")
        raise SpaceError("\n".join(f"{source}: {line}" for line in shown)) from None
    except (InputError, TypeError, ValueError) as error:
        raise SpaceError(f"{source}: {error}") from None
    return space


def _kind(content: Any) -> str:
    return "nothing" if content is None else f"a {type(content).__name__}"


_MEMBER = re.compile(r"function-.*|list\[.*|Range|bool|int|float|str")
"""Of an error's path: the members of `Choice`, which are no keys."""


def _readable(error: ValidationError) -> list[str]:
    """Return one line a problem: the key, what is wrong, and what to write instead."""
    lines: dict[str, None] = {}
    for problem in error.errors():
        # A union reports each of its members; the path without their names is what the person wrote.
        parts = [str(p) for p in problem["loc"] if not _MEMBER.fullmatch(str(p))]
        in_range = any(str(p).endswith("Range]") for p in problem["loc"])
        where = ".".join(parts)
        if problem["type"] == "extra_forbidden":
            model: Any = Range if in_range else _model_at(parts[:-1])
            known = list(model.model_fields)
            lines[f"unknown key {where!r}{did_you_mean(parts[-1], known)} (known: {', '.join(known)})"] = None
        elif problem["type"] == "missing":
            lines[f"{where}: missing"] = None
        elif (in_range and problem["type"] == "model_type") or any(
            "list[" in str(p) or p in ("bool", "int", "float", "str") for p in problem["loc"]
        ):
            lines.setdefault(
                f"{where}: neither a value, a list of values, nor a range {{low: …, high: …}}", None
            )
        else:
            text = problem["msg"].removeprefix("Value error, ")
            lines[f"{where}: {text}" if where else text] = None
    ranges = [line for line in lines if "neither a value" not in line]
    return ranges or list(lines)


def _model_at(parts: Sequence[str]) -> type[BaseModel]:
    models: dict[str, type[BaseModel]] = {
        "budget": Budget,
        "early_stopping": EarlyStopping,
        "resources": Resources,
        "pairs": Pair,
        "study": IndividualSpec if len(parts) > 1 else StudySpec,
    }
    return models.get(parts[0], Space) if parts else Space


def read_space(name_or_file: str, overrides: Sequence[str] = ()) -> tuple[Space, str]:
    """Return the space of a file, or of a ready one by name, with `KEY=VALUE` overrides; and its short name.

    Raises:
        SpaceError: there is no such file or name, it is not YAML, or a key is wrong.
    """
    path = Path(name_or_file)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SpaceError(f"{path}: not readable ({_reason(error)})") from None
        source = str(path)
    else:
        ready = ready_spaces()
        if name_or_file not in ready:
            raise SpaceError(
                f"no search space {name_or_file!r}{did_you_mean(name_or_file, ready)} "
                f"(ready ones: {', '.join(ready)}; or name a .yaml file)"
            )
        text, source = ready[name_or_file], f"{name_or_file}.yaml"
    try:
        content = yaml.safe_load(text)
    except RecursionError:
        raise SpaceError(f"{source}: nested too deeply to be a search space") from None
    except Exception as error:  # beside its own errors, PyYAML lets through what dates and numbers raise
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark is not None else ""
        raise SpaceError(f"{source}:{line} not YAML ({getattr(error, 'problem', None) or error})") from None
    if isinstance(content, dict):
        for override in overrides:
            _override(content, override)
    return parse_space(content, source), Path(source).stem


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _override(content: Any, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise SpaceError(f"--set {override!r}: write KEY=VALUE, as in --set budget.trials=10")
    try:
        value = yaml.safe_load(text)
    except Exception:  # see `read_space`
        raise SpaceError(f"--set {override!r}: {text!r} is not a YAML value") from None
    *parents, last = key.split(".")
    for parent in parents:
        if not isinstance(content, dict):
            break
        if content.get(parent) is None:
            content[parent] = {}
        content = content[parent]
    if not isinstance(content, dict):
        raise SpaceError(f"--set {override!r}: {'.'.join(parents)!r} holds a value, not keys")
    content[last] = value


def ready_spaces() -> dict[str, str]:
    """Return the ready search spaces: name -> YAML text, with the default first."""
    folder = resources.files("search_spaces")
    texts = {
        Path(item.name).stem: item.read_text(encoding="utf-8")
        for item in folder.iterdir()
        if item.name.endswith(".yaml")
    }
    return dict(sorted(texts.items(), key=lambda item: (item[0] != "default", item[0])))
