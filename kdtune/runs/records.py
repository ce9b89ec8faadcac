"""The records of a run as frozen dataclasses, and their JSON format."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from kdtune.errors import InputError, RunError, UnreadableError
from kdtune.fairness import Counts
from kdtune.files import read_json
from kdtune.pareto import Constraint
from kdtune.runs.jsonl import read_records
from kdtune.runs.measures.measure import OwnMeasure
from kdtune.runs.paths import SCHEMA, RunFiles
from kdtune.runs.predictions import pack, unpack
from kdtune.text import plain

ALL = "all"
"""Name under which a report keeps the counts of all examples as one group."""

ModelKind = Literal["teacher", "nds", "student"]
"""A teacher, a non-distilled student (hard labels only), or a distilled student (a trial)."""

TRIAL_STATES = ("running", "done", "stopped", "failed", "interrupted")
"""Of a model, in order: at work; trained to the last epoch; ended early; gave no result; will be continued."""

FINAL = ("finished", "stopped", "failed")
"""States of a run after which nothing more comes, unless it is resumed."""

NOT_RESUMED = "it could not be resumed: "
"""How the message of a run begins that stays as it was, because it was to be resumed and that was refused at once."""

RUN_STATES = ("preparing", "running", *FINAL)
"""Of a run, in order: data and baselines; the sweep; budget spent; ended on request; could not continue."""


LARGEST_CELLS = 500
"""How many cells of a disagreement matrix a report keeps: all of them up to 22 classes."""


@dataclass(frozen=True)
class Report:
    """The result of one epoch, on validation: integer counts, from which every rate is derived.

    Attributes:
        epoch: number of epochs trained, from 1.
        counts: by sensitive attribute, and under `ALL` for all examples as one group.
        time: seconds since 1970 at its end.
        seconds: how long the epoch took, evaluation included.
        train_loss: mean loss over the epoch, as optimised.
        validation_loss: mean cross-entropy on validation.
        learning_rate: at the end of the epoch.
        disagreement: (teacher's class, student's class, number of examples), the largest cells first.
        scalars: measures that can't be derived from counts, by their full name (`latency`, `auc`, `mine@race`).
        training: counts of what a distilled student answers on training examples after its last epoch, by attribute as
            `counts`: of as many as validation has, at most, seen unchanged. Empty of other models and epochs.
        predictions: classes that the model answers, int [n], after its last epoch; None after the others. They do not
            stay in the file of reports: see `kdtune.runs.predictions`.
    """

    epoch: int
    counts: Mapping[str, Counts]
    time: float
    seconds: float
    train_loss: float
    validation_loss: float
    learning_rate: float
    disagreement: Sequence[tuple[int, int, int]] = ()
    scalars: Mapping[str, float] = field(default_factory=dict)
    predictions: np.ndarray | None = field(default=None, compare=False, repr=False)
    training: Mapping[str, Counts] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "epoch": self.epoch,
            "time": self.time,
            "seconds": self.seconds,
            "train_loss": self.train_loss,
            "validation_loss": self.validation_loss,
            "learning_rate": self.learning_rate,
            "counts": {name: counts.to_dict() for name, counts in self.counts.items()},
            "disagreement": [list(cell) for cell in self.disagreement],
            "scalars": dict(self.scalars),
            **({} if self.predictions is None else {"predictions": pack(self.predictions)}),
            **(
                {"training": {name: c.to_dict() for name, c in self.training.items()}}
                if self.training
                else {}
            ),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the report that `to_dict` describes; null stands for an undefined number.

        Raises:
            RunError: a field is missing or has another type.
        """
        try:
            return cls(
                epoch=int(record["epoch"]),
                time=_number(record["time"]),
                seconds=_number(record["seconds"]),
                train_loss=_number(record["train_loss"]),
                validation_loss=_number(record["validation_loss"]),
                learning_rate=_number(record["learning_rate"]),
                counts=_counts(record["counts"]),
                disagreement=tuple((int(t), int(s), int(n)) for t, s, n in record["disagreement"]),
                scalars={str(name): _number(value) for name, value in record["scalars"].items()},
                predictions=unpack(record["predictions"]) if "predictions" in record else None,
                training=_counts(record.get("training", {})),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, InputError) as error:
            raise RunError(f"a report is not readable: {error!r}") from None


def _counts(record: Mapping[str, Any]) -> dict[str, Counts]:
    return {str(name): Counts.from_dict(item) for name, item in record.items()}


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


@dataclass(frozen=True)
class RunRecord:
    """What a run was asked for, and on which data: the content of `run.json`.

    Attributes:
        dataset: name, fingerprint, sizes, options and notes of the data set; plain JSON.
        classes: names of the classes, in the order of the counts' columns.
        attributes: sensitive attribute -> its declared groups, in the order of the counts' rows.
        objectives: names of measures (`eod`, `eod@race`), in the order of Optuna's values.
        constraints: what a student must meet to be on the front, with bounds resolved.
        epochs: full length of a trial's training.
        trials: number of trials to finish, or None for no limit.
        minutes: time to spend, or None for no limit.
        space: the resolved search space; `kdtune search` accepts it as it is.
        measures: measures of the user's own that the run was asked for, by name.
        versions: of Python, packages and the user's own code, which has digests: those with which the run began, and
            after `, then ` those of later drivers.
        models: models of other libraries, by name: what builds them again, as plain JSON.
        known: from which run the sampler knows trials, and how many; empty if it knows none.
    """

    name: str
    kind: str
    created: float
    dataset: Mapping[str, Any]
    classes: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]
    objectives: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    pairs: tuple[str, ...]
    epochs: int
    trials: int | None
    minutes: float | None
    seed: int
    space: Mapping[str, Any]
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    models: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA
    measures: Mapping[str, OwnMeasure] = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)

    @property
    def asked(self) -> tuple[str, ...]:
        """Names of the measures that the run was asked for: objectives, those bounded, and what is recorded beside."""
        beside = self.space.get("measures") or ()
        return tuple(
            dict.fromkeys([*self.objectives, *(c.name for c in self.constraints), *map(str, beside)])
        )

    @property
    def has_front(self) -> bool:
        """Whether its students are candidates, of which the best are the front; those of a study are repetitions."""
        return self.kind != "study"

    def concluding(self, run: str) -> str:
        """Return the command that makes tables and figures of this run, whose name as an argument is `run`."""
        return f"kdtune {'export' if self.has_front else 'study --figures-only'} {run}{self._imports}"

    def resuming(self, run: str) -> str:
        """Return the command that goes on with this run, whose name as an argument is `run`."""
        return f"kdtune {'search' if self.has_front else 'study'} --resume {run}{self._imports}"

    @property
    def imports(self) -> tuple[str, ...]:
        """The modules of the user's own that the space needs."""
        return tuple(map(str, self.space.get("imports") or ()))

    @property
    def _imports(self) -> str:
        """What such commands need for the modules of the user's own, which are not imported unless they are named."""
        return "".join(f" --import {shlex.quote(module)}" for module in self.imports)

    @property
    def data_notes(self) -> tuple[str, ...]:
        """What the loader made of the data, what it left out and what it doubts, a line each; none of old runs."""
        return tuple(map(plain, self.dataset.get("notes", ())))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read `run.json`; where that can't be read, as after a power cut, the copy that the events hold.

        Raises:
            RunError: the file is missing or damaged, or a newer kdtune wrote it.
        """
        try:
            record = read_json(path)
        except UnreadableError:  # there is something else in its place
            raise
        except RunError as error:
            copies = [
                event["record"] for event in read_records(path.with_name("events.jsonl")) if _is_copy(event)
            ]
            if not copies:
                raise RunError(
                    f"{error}; the events hold no copy of it, so this run can't be opened: weights and reports are "
                    f"still in {path.parent}"
                ) from None
            record = copies[-1]
        schema = record.get("schema")
        if not isinstance(schema, int) or isinstance(schema, bool):
            raise RunError(f"{path}: no 'schema': not a run's record")
        if schema > SCHEMA:
            raise RunError(
                f"{path}: written by a newer kdtune (form {schema}, this one reads up to {SCHEMA}): upgrade kdtune"
            )
        try:
            _check_kinds(record)
            # What a later kdtune adds to the same form does not change what the rest means.
            values = {name: record[name] for name in (f.name for f in fields(cls)) if name in record}
            values["name"] = RunFiles(path.parent).name  # a run is called as its folder is now, everywhere
            # Names come from data, and every screen, table and page shows them.
            values["classes"] = tuple(map(plain, record["classes"]))
            values["attributes"] = {str(k): tuple(map(plain, v)) for k, v in record["attributes"].items()}
            if not all(name.isprintable() for name in values["attributes"]):
                raise ValueError("the name of an attribute does not print")
            values["objectives"] = tuple(map(str, record["objectives"]))
            values["pairs"] = tuple(map(str, record["pairs"]))
            values["constraints"] = tuple(Constraint(**item) for item in record["constraints"])
            own = record.get("measures", {})
            values["measures"] = {str(name): OwnMeasure(**item) for name, item in own.items()}
            for name, item in values["measures"].items():
                item.measure(name)
            return cls(**values)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
            raise RunError(f"{path}: damaged ({error!r})") from None


def _is_copy(event: Mapping[str, Any]) -> bool:
    return event.get("kind") == "record" and isinstance(event.get("record"), dict)


_TEXT, _WHOLE, _NUMBER, _KEYS = (str,), (int,), (int, float), (dict,)
_NOTHING = (type(None),)
_KINDS: Mapping[str, tuple[type, ...]] = {
    "name": _TEXT, "kind": _TEXT, "created": _NUMBER, "dataset": _KEYS, "epochs": _WHOLE, "seed": _WHOLE,
    "trials": _WHOLE + _NOTHING, "minutes": _NUMBER + _NOTHING, "space": _KEYS, "versions": _KEYS, "machine": _KEYS,
}  # fmt: skip
_OF_DATA = {"name": _TEXT, "fingerprint": _TEXT}
_OF_DATA_WHERE_KNOWN = {
    "options": _KEYS,
    "input_shape": (list,),
    "splits": _KEYS,
    "notes": (list,),
    "validation_sha256": _TEXT,
}
LARGEST_WHOLE = 2**53
"""Larger whole numbers are not exact in every reader of JSON."""


def _check_kinds(record: Mapping[str, Any]) -> None:
    """Raise ValueError if a value does not have the type that readers rely on."""
    _check("", record, _KINDS)
    datetime.fromtimestamp(record["created"])
    data, machine = record["dataset"], record["machine"]
    _check("", record, {name: _KEYS for name in ("models", "known") if name in record})
    _check("dataset.", data, {**_OF_DATA, **{k: v for k, v in _OF_DATA_WHERE_KNOWN.items() if k in data}})
    for name, split in data.get("splits", {}).items():
        _check(f"dataset.splits.{name}.", split, {"n": _WHOLE})
    if machine.get("cohort") is not None:
        _check("machine.", machine, {"cohort": _KEYS})
        _check("machine.cohort.", machine["cohort"], {"size": _WHOLE, "architectures": (list, tuple)})


def _check(where: str, values: Mapping[str, Any], kinds: Mapping[str, tuple[type, ...]]) -> None:
    for name, kind in kinds.items():
        value = values[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{where}{name} is {type(value).__name__}")
        if isinstance(value, int | float) and not abs(value) <= LARGEST_WHOLE:
            raise ValueError(f"{where}{name} is out of range")
