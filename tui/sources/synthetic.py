"""A made-up run, the same for the same seed, for tests, benchmarks, and trying the monitor without a sweep."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kdtune.fairness import Counts
from kdtune.files import dumps, write_json
from kdtune.runs.front import front_members, objective_values
from kdtune.runs.jsonl import Record
from kdtune.runs.measures.objectives import References, front_hypervolume, objective_of, recorded_values
from kdtune.runs.paths import RunFiles
from kdtune.runs.records import ALL, LARGEST_CELLS, Report, RunRecord
from kdtune.runs.state import RunState

from .source import Batch, Health

EPOCH_ZERO = 1_700_000_000.0
TEACHER, NDS = "teacher-resnet20", "nds-lenet5"
_PER_CELL = 20
"""Number of examples of each class in each group."""


class Synthetic:
    """A run that never happened, as a source and as files.

    Args:
        trials, epochs, classes: its size.
        groups: number of groups of its one sensitive attribute; 0 for data without one.
        done: number of trials that have ended; the next `running` ones are being trained.
        exact: whether the values of the events follow from the reports' counts. If not, they are only similar, and
            some hundred times faster to make.
        state: the state of the run at the end.
        names: names of the classes.
        rate: events given by each `drain`; None for all at once.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        trials: int = 12,
        epochs: int = 8,
        classes: int = 10,
        groups: int = 2,
        done: int | None = None,
        running: int = 0,
        exact: bool = True,
        state: str = "finished",
        names: Sequence[str] | None = None,
        rate: float | None = None,
    ) -> None:
        self.seed = seed
        self.n_trials = trials
        self.epochs = epochs
        self.n_groups = groups
        self.done = trials if done is None else done
        self.running = running
        self.exact = exact
        self.state = state
        labels = list(names or [f"class {k:0{len(str(classes - 1))}d}" for k in range(classes)])
        attributes = (
            {"color": tuple(("red", "green", "blue", "grey", "gold", "pink", "teal", "navy")[:groups])}
            if groups
            else {}
        )
        self.record = RunRecord(
            name="synthetic",
            kind="sweep",
            created=EPOCH_ZERO,
            dataset={"name": "synthetic", "fingerprint": "none"},
            classes=tuple(labels),
            attributes=attributes,
            objectives=("accuracy", "eod") if groups else ("accuracy", "class_bias_teacher"),
            constraints=(),
            pairs=("resnet20->lenet5", "resnet20->resnet8"),
            epochs=epochs,
            trials=trials,
            minutes=None,
            seed=seed,
            space={},
            versions={},
            machine={},
        )
        self.loading: float | None = None
        self.skipped = 0
        self.paused = False
        self.waiting = 0
        self.held = 0
        self.health = Health()
        self.rate = rate
        self._events: list[Record] = []
        self._at = 0
        self._clock = EPOCH_ZERO

    # ---- the source ----

    def start(self) -> None:
        """Make the events."""
        self._events = list(self.events())

    def stop(self) -> None:
        """Do nothing."""

    def now(self) -> float:
        """Return the time of the last event that was drained."""
        return self._clock

    def drain(self) -> Batch | None:
        """Return all events, or the next `rate` ones."""
        left = len(self._events) - self._at
        due = self.held + (left if self.rate is None else max(1, int(self.rate)))
        self.held = min(due, left) if self.paused else 0
        if self.paused or not left:
            return None
        batch = Batch(self._events[self._at : self._at + due])
        self._at += len(batch.events)
        self._clock = float(batch.events[-1]["t"])
        return batch

    def log(self) -> Sequence[str] | None:
        """Return a short log."""
        return [f"line {k} of a log that says little" for k in range(100)] + [
            "WARNING a warning",
            "Error: an error",
        ]

    def reports(self, model_id: str, have: Sequence[Report]) -> Sequence[Report] | None:
        """Return a model's full reports."""
        if have:
            return None
        return [self.report(model_id, epoch) for epoch in range(1, self._epochs_of(model_id) + 1)]

    # ---- its contents ----

    def _epochs_of(self, model_id: str) -> int:
        if model_id in (TEACHER, NDS):
            return self.epochs
        number = int(model_id[1:])
        if number < self.done:
            return self.epochs
        return max(1, self.epochs * (1 + number % 3) // 4) if number < self.done + self.running else 0

    def config(self, number: int) -> dict[str, Any]:
        """Return a trial's settings."""
        rng = np.random.default_rng([self.seed, 1, number])
        student = ("lenet5", "resnet8")[number % 2]
        return {
            "pair": f"resnet20->{student}",
            "teacher": "resnet20",
            "student": student,
            "temperature": float(np.exp(rng.uniform(0, math.log(40)))),
            "alpha": float(rng.uniform()),
            "lr": float(np.exp(rng.uniform(math.log(1e-3), math.log(0.3)))),
            "seed": number,
        }

    def _skill(self, model_id: str, epoch: int) -> tuple[float, float]:
        """Return roughly how accurate a model is after an epoch, and how differently it treats the groups."""
        share = 1 - math.exp(-4 * epoch / self.epochs)
        if model_id == TEACHER:
            return 0.9 * share, 0.1
        if model_id == NDS:
            return 0.75 * share, 0.3
        config = self.config(int(model_id[1:]))
        heat = math.log(config["temperature"]) / math.log(40)
        right = 0.9 - 0.35 * (heat - 0.35) ** 2 - 0.15 * abs(config["alpha"] - 0.7)
        return right * share, max(0.02, 0.45 * (1 - heat) * config["alpha"] + 0.05)

    def report(self, model_id: str, epoch: int) -> Report:
        """Return one full report, with integer counts that a model could have given."""
        number = -1 if model_id == TEACHER else -2 if model_id == NDS else int(model_id[1:])
        rng = np.random.default_rng([self.seed, 2, number + 2, epoch])
        classes = len(self.record.classes)
        groups = max(1, self.n_groups)
        skill, unfair = self._skill(model_id, epoch)
        habit = np.random.default_rng([self.seed, 3, number + 2]).normal(0, 0.12, classes)
        rate = np.clip(skill + habit[None, :] - unfair * np.linspace(-0.5, 0.5, groups)[:, None], 0.02, 0.98)
        examples = np.full((groups, classes), _PER_CELL, np.int64)
        hits = rng.binomial(examples, rate)
        weights = np.random.default_rng([self.seed, 4, number + 2]).dirichlet(np.ones(classes))
        predicted = hits + np.array([rng.multinomial(n, weights) for n in (examples - hits).sum(axis=1)])
        by_group = Counts(examples, predicted, hits)
        counts = {ALL: by_group.overall()}
        if self.n_groups:
            counts["color"] = by_group
        wrong = rng.multinomial(
            max(1, int((examples - hits).sum())), np.outer(weights[::-1], weights).ravel()
        )
        confused = np.flatnonzero(wrong)
        confused = confused[confused // classes != confused % classes]
        largest = confused[np.argsort(-wrong[confused], kind="stable")][:LARGEST_CELLS]
        cells = tuple((int(k) // classes, int(k) % classes, int(wrong[k])) for k in largest)
        baseline = number < 0
        return Report(
            epoch=epoch,
            counts=counts,
            time=EPOCH_ZERO,
            seconds=1.0,
            train_loss=2.0 / epoch,
            validation_loss=2.2 / epoch,
            learning_rate=0.1,
            disagreement=() if baseline else cells,
        )

    def _values(self, model_id: str, epoch: int, references: References) -> dict[str, float | None]:
        if self.exact:
            found = recorded_values(self.record, self.report(model_id, epoch), references)
            return {name: None if math.isnan(value) else value for name, value in found.items()}
        skill, unfair = self._skill(model_id, epoch)
        gap = unfair * (0.8 + 0.2 * math.sin(epoch + len(model_id)))
        return {
            "accuracy": round(skill, 6),
            "worst_class_accuracy": round(0.7 * skill, 6),
            "class_gap": 0.31234567,
            "class_bias_teacher": 0.12345678,
            "class_bias_nds": 0.09876543,
            "eod": round(gap, 6),
            "dpd": round(gap / 2, 6),
            "eod_worst_class": round(min(1.0, 2 * gap), 6),
            "dpd_worst_class": round(gap, 6),
            "worst_group_accuracy": round(0.9 * skill, 6),
        }

    def events(self) -> Iterator[Record]:
        """Yield the run's events in the order in which they were written."""
        when = EPOCH_ZERO
        state = RunState()
        names = list(self.record.objectives)
        objectives = [objective_of(self.record, name) for name in names]

        def event(kind: str, **fields: Any) -> Record:
            nonlocal when
            when += 0.5
            record = {"t": when, "kind": kind, **fields}
            state.apply(record)
            return record

        yield event("run", state="preparing", message="data: synthetic")
        references = References()
        for model_id, role, architecture in ((TEACHER, "teacher", "resnet20"), (NDS, "nds", "lenet5")):
            config = {"architecture": architecture, "lr": 0.1}
            yield event(
                "baseline", id=model_id, model=role, config=config, epochs=self.epochs, state="running"
            )
            for epoch in range(1, self.epochs + 1):
                values = self._values(model_id, epoch, References())
                yield event("report", id=model_id, epoch=epoch, seconds=1.0, values=values)
            yield event("baseline", id=model_id, state="done")
        if self.exact:
            references = References(*(self.report(i, self.epochs).counts[ALL] for i in (TEACHER, NDS)))
        yield event("run", state="running", message="")
        for number in range(min(self.n_trials, self.done + self.running)):
            model_id = f"t{number:04d}"
            yield event(
                "trial",
                id=model_id,
                model="student",
                config=self.config(number),
                epochs=self.epochs,
                state="running",
            )
            for epoch in range(1, self._epochs_of(model_id) + 1):
                values = self._values(model_id, epoch, references)
                yield event("report", id=model_id, epoch=epoch, seconds=1.0, values=values)
            if number < self.done:
                failed = number % 13 == 12
                yield event(
                    "trial",
                    id=model_id,
                    state="failed" if failed else "done",
                    message="made to fail" if failed else "",
                )
                if self.exact or number % 50 == 0:
                    members, mask = front_members(state, objectives, ())
                    volume = (
                        front_hypervolume(objective_values(members, names)[mask], objectives)
                        if members
                        else 0.0
                    )
                    yield event("front", done=len(members), hypervolume=volume)
        if self.state not in ("running", "preparing"):
            yield event("run", state=self.state, message="")

    def write(self, path: Path, *, reports: bool = True) -> RunFiles:
        """Write the run as a run directory, with its full reports unless `reports` is false."""
        files = RunFiles(path)
        path.mkdir(parents=True, exist_ok=True)
        write_json(files.record, self.record.to_dict())
        models = []
        with open(files.events, "w", encoding="utf-8") as file:
            for event in self.events():
                file.write(dumps(event) + "\n")
                if event["kind"] in ("trial", "baseline") and "config" in event:
                    models.append(event["id"])
        for model_id in models if reports else ():
            target = files.reports(model_id)
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "w", encoding="utf-8") as file:
                for epoch in range(1, self._epochs_of(model_id) + 1):
                    file.write(dumps(self.report(model_id, epoch).to_dict()) + "\n")
        return files
