"""How a model is trained: every setting of the protocol, checked when it is made."""

import hashlib
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, Self

from kdtune.distill.teachers.logits_file import LogitsFile
from kdtune.distill.weights.source import Weights
from kdtune.errors import InputError, did_you_mean

Precision = Literal["float32", "bfloat16"]
Execution = Literal["eager", "graphs", "compiled"]

TEMPERATURE, ALPHA = 4.0, 0.5
"""Of distilled students where a search says neither."""

MEASURED = ("precision", "channels_last", "execution")
"""Settings that a space may leave to measurement: it says `auto`, or nothing."""

_JOINS = "+"
"""Stands between the names of an ensemble's members."""


def members_of(name: str) -> tuple[str, ...]:
    """Return the architectures that a teacher's name joins, as in `resnet20+resnet56`; of a single model its own."""
    return tuple(part.strip() for part in name.split(_JOINS))


@dataclass(frozen=True)
class TrainConfig:
    """The training protocol that teacher, non-distilled student and distilled students share.

    Attributes:
        epochs: passes over the training data.
        batch_size: examples per step.
        optimizer: `sgd` (Nesterov momentum) or `adamw`.
        lr: learning rate after warm-up.
        momentum: of SGD.
        weight_decay: L2 penalty of SGD, decoupled decay of AdamW.
        schedule: `cosine` to zero, `step` (times `gamma` at each milestone), or `constant`.
        gamma: factor of the learning rate at each milestone of `step`.
        warmup: share of all steps over which the rate rises linearly.
        milestones: of `step`, as shares of all steps.
        augment: crop and flip images as the data set allows; otherwise every epoch sees them unchanged.
        precision: of the forward and backward pass; weights, losses and measures are float32. `auto` in a space takes
            what is measured to be fastest, and so does leaving it out there; a teacher that is taken from a file as it
            is computes in float32.
        channels_last: memory layout of images and convolutions; `auto` as above.
        execution: of a step: `eager` operation by operation, `graphs` as one CUDA graph, `compiled` by torch.compile;
            `auto` as above.
        label_smoothing: share of each label that is spread evenly over all classes.
        class_weights: `balanced` gives each class the same total weight.
        group_weights: sensitive attribute by which examples are reweighed (see `example_weights`), or `none`.
        group_weights_strength: power to which the weights by group are raised; 0 is none of it.
    """

    epochs: int
    batch_size: int = 64
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    warmup: float = 0.0
    milestones: tuple[float, ...] = (0.6, 0.8)
    gamma: float = 0.1
    augment: bool = True
    precision: Precision = "float32"
    channels_last: bool = False
    label_smoothing: float = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    group_weights: str = "none"
    group_weights_strength: float = 1.0
    execution: Execution = "eager"

    def __post_init__(self) -> None:
        for item in fields(self):
            value, kind = getattr(self, item.name), int if item.name == "epochs" else type(item.default)
            if not _fits(value, kind):
                raise InputError(f"train.{item.name} is {value!r}: it must be {_KINDS[kind]}")
        checks = {
            "epochs": (self.epochs >= 1, "at least 1"),
            "batch_size": (self.batch_size >= 2, "at least 2"),
            "optimizer": (self.optimizer in ("sgd", "adamw"), "'sgd' or 'adamw'"),
            "lr": (self.lr > 0, "above 0"),
            "momentum": (0 <= self.momentum < 1, "in [0, 1)"),
            "weight_decay": (self.weight_decay >= 0, "at least 0"),
            "schedule": (self.schedule in ("cosine", "step", "constant"), "'cosine', 'step' or 'constant'"),
            "warmup": (0 <= self.warmup < 1, "a share of all steps in [0, 1)"),
            "milestones": (all(0 < m < 1 for m in self.milestones), "shares of all steps in (0, 1)"),
            "gamma": (0 < self.gamma <= 1, "in (0, 1]"),
            "label_smoothing": (0 <= self.label_smoothing < 1, "in [0, 1)"),
            "class_weights": (self.class_weights in ("none", "balanced"), "'none' or 'balanced'"),
            "group_weights_strength": (self.group_weights_strength >= 0, "at least 0"),
            "execution": (
                self.execution in ("eager", "graphs", "compiled"),
                "'eager', 'graphs' or 'compiled'",
            ),
            "precision": (self.precision in ("float32", "bfloat16"), "'float32' or 'bfloat16'"),
        }
        for name, (ok, wanted) in checks.items():
            if not ok:
                raise InputError(f"train.{name} is {getattr(self, name)!r}: it must be {wanted}")

    def with_options(self, **options: Any) -> Self:
        """Return a copy with some settings replaced.

        Raises:
            InputError: a name is not a setting, or a value is out of range.
        """
        known = [field.name for field in fields(self)]
        for name in options:
            if name == "loss":
                raise InputError(
                    "train.loss is not a setting: write search: {loss: …}, with one name or several"
                )
            if name not in known:
                raise InputError(
                    f"train.{name} is not a setting{did_you_mean(name, known)} (known: {', '.join(known)})"
                )
        return replace(self, **options)


_KINDS = {
    int: "a whole number",
    float: "a finite number (in YAML 0.001 or 1.0e-3: YAML reads 1e-3 as text)",
    bool: "true or false",
    str: "a name",
    tuple: "a list of numbers",
}


def _fits(value: object, kind: type) -> bool:
    if kind is tuple:
        return isinstance(value, tuple) and all(_fits(item, float) for item in value)
    if kind is float:
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and abs(value) <= sys.float_info.max
        )
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


@dataclass(frozen=True)
class Distillation:
    """What a student learns from its teacher: by default `alpha * T² * KL(teacher_T || student_T) + (1 - alpha) * CE`.

    Attributes:
        loss: name of a loss.
        settings: those of the loss's own.
    """

    teacher: str
    temperature: float
    alpha: float
    scale_by_t2: bool = True
    loss: str = "kd"
    settings: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise InputError(f"temperature is {self.temperature!r}: it must be above 0, and finite")
        if not 0 <= self.alpha <= 1:
            raise InputError(f"alpha is {self.alpha!r}: it must be in [0, 1]")


@dataclass(frozen=True)
class Job:
    """One model to train: what `Training` needs in addition to the data.

    Attributes:
        architecture: name in `kdtune.models`.
        seed: of the initial weights.
        view_seed: of the order of the examples and their augmentation; students that share it see the same batches
            of the same crops, and therefore the same teacher logits.
        distillation: None for hard labels only (a teacher, or a non-distilled student).
        weights: of a model that is not trained but taken from a file; its one epoch is an evaluation.
        initial: weights in a file that training begins from.
        members: the models of an ensemble, which are trained one after the other; its own epochs are their number.
        logits: of a teacher that is known by its logits alone; its one epoch is their evaluation.
    """

    architecture: str
    train: TrainConfig
    seed: int
    view_seed: int = 0
    distillation: Distillation | None = None
    weights: Weights | None = None
    initial: Weights | None = None
    members: tuple["Job", ...] = ()
    logits: LogitsFile | None = None

    @property
    def architectures(self) -> tuple[str, ...]:
        """Names of the models that are built for it."""
        if self.logits is not None:
            return ()
        return tuple(member.architecture for member in self.members) or (self.architecture,)

    def with_seeds(self, seed: int, view_seed: int) -> Self:
        """Return the same training with other seeds; each member of an ensemble gets one of its own."""
        from kdtune.data.seeds import derive_seed  # kdtune.data needs torch, and spaces are read without it

        members = tuple(
            member.with_seeds(derive_seed(seed, "member", k) % 2**31, view_seed)
            for k, member in enumerate(self.members)
        )
        return replace(self, seed=seed, view_seed=view_seed, members=members)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        record = asdict(self)
        record["members"] = [member.to_dict() for member in self.members]
        if not self.members:
            del record["members"]
        for name, file in (("weights", self.weights), ("initial", self.initial), ("logits", self.logits)):
            if file is None:  # `key` must not depend on a setting that is not used
                del record[name]
            else:
                record[name] = file.to_dict()
        for name in _LATER:
            if record["train"][name] == getattr(TrainConfig, name):
                del record["train"][name]
        if self.distillation is not None and self.distillation.loss == "kd":
            del record["distillation"]["loss"], record["distillation"]["settings"]
        return record

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Self:
        """Return the job that `to_dict` describes."""
        train = dict(record["train"])
        train["milestones"] = tuple(train["milestones"])
        distillation = record["distillation"]
        files = {name: record.get(name) for name in ("weights", "initial")}
        return cls(
            architecture=record["architecture"],
            train=TrainConfig(**train),
            seed=record["seed"],
            view_seed=record["view_seed"],
            distillation=None if distillation is None else Distillation(**distillation),
            **{name: None if file is None else Weights.from_dict(file) for name, file in files.items()},
            members=tuple(cls.from_dict(member) for member in record.get("members", ())),
            logits=None if record.get("logits") is None else LogitsFile.from_dict(record["logits"]),
        )

    def flat(self) -> dict[str, Any]:
        """Return the job, without its epochs, as one flat row of plain values for people to read."""
        train = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self.train).items()}
        del train["epochs"]
        soft = self.distillation
        if soft is None:
            named: dict[str, Any] = {"architecture": self.architecture}
        else:
            named = {
                "teacher": soft.teacher,
                "student": self.architecture,
                "temperature": soft.temperature,
                "alpha": soft.alpha,
                "scale_by_t2": soft.scale_by_t2,
                "loss": soft.loss,
                **soft.settings,
            }
        return {**named, **train, "seed": self.seed, "view_seed": self.view_seed}

    @classmethod
    def from_flat(cls, row: Mapping[str, Any]) -> Self:
        """Return the job that such a row describes, given its `epochs` too."""
        train = {f.name: row[f.name] for f in fields(TrainConfig) if f.name in row or f.name not in _LATER}
        soft = None
        if row.get("teacher") is not None:
            names = ("teacher", "temperature", "alpha", "scale_by_t2")
            soft = {name: row[name] for name in names}
        return cls.from_dict(
            {
                "architecture": str(row["architecture"] if soft is None else row["student"]),
                "train": train,
                "seed": row["seed"],
                "view_seed": row["view_seed"],
                "distillation": soft,
            }
        )

    def key(self, fingerprint: str, *code: str) -> str:
        """Return the content address of the trained model: same key, same data, same protocol, same weights.

        Args:
            code: what tells models of the user's own from others of the same name.
        """
        content = json.dumps([_RECIPE, fingerprint, self.to_dict(), *code], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:24]


PROTOCOL = frozenset(
    {item.name for kind in (TrainConfig, Distillation) for item in fields(kind)}
    | {"architecture", "student", "pair", "seed", "view_seed"}
)
"""What a trial is described by, beside the settings of its loss's own: these may not be called so."""

_LATER = ("label_smoothing", "class_weights", "group_weights", "group_weights_strength", "execution")
"""Settings that earlier versions did not have: a job that does not use them has the key that it had then."""

_RECIPE = 2
"""Increased when a change to the training loop changes a job's result, so that cached baselines are retrained."""
