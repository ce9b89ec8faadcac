"""A study read back from its counts: for each pair and form of the loss, every model by T and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from kdtune.errors import InputError, RunError
from kdtune.fairness import Counts
from kdtune.files import LARGEST_WEIGHTS, read_json, read_regular
from kdtune.report.drawing.slugs import slug, slugs
from kdtune.report.study.results.evaluate import (
    COUNTS,
    PREDICTIONS,
    crossed,
    not_evaluated,
    study_of,
    trained_models,
)
from kdtune.runs.paths import baseline_id
from kdtune.runs.reader import Run
from kdtune.runs.records import ALL, RunRecord
from kdtune.runs.state import STUDY_SEED
from kdtune.space.study import StudySpec
from kdtune.text import counted


@dataclass(frozen=True)
class ModelOnTest:
    """What one model answered on test.

    Attributes:
        seed: of the study's seeds.
        counts: by attribute and intersection, and under `ALL`.
        individual: I(f) by feature space; empty if it was not measured.
        individual_note: the examples over which it was measured, or why it was not.
    """

    id: str
    seed: int
    counts: Mapping[str, Counts]
    individual: Mapping[str, float]
    individual_note: str
    folder: Path

    @cached_property
    def predictions(self) -> np.ndarray:
        """Classes, int64 [n].

        Raises:
            RunError: the file is damaged.
        """
        try:
            content = safetensors.numpy.load(read_regular(self.folder / PREDICTIONS, limit=LARGEST_WEIGHTS))
            return content["predictions"].astype(np.int64)
        except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
            raise RunError(f"{self.folder / PREDICTIONS}: damaged ({error}): {_REMEDY}") from None


@dataclass(frozen=True)
class Series:
    """One teacher, one student architecture, one form of the loss; each list has one model per finished seed."""

    teacher_name: str
    student_name: str
    scaled: bool
    teachers: Sequence[ModelOnTest]
    nds: Sequence[ModelOnTest]
    students: Mapping[float, Sequence[ModelOnTest]]

    @property
    def pair(self) -> str:
        """`teacher->student`."""
        return f"{self.teacher_name}->{self.student_name}"

    @property
    def title(self) -> str:
        """The pair and the form of the loss, for readers."""
        return f"{self.teacher_name} → {self.student_name}, {'with' if self.scaled else 'without'} T²"

    @property
    def key(self) -> str:
        """The pair and the form of the loss, for file names."""
        return slug(f"{self.teacher_name}-{self.student_name}-{'t2' if self.scaled else 'plain'}")

    @property
    def temperatures(self) -> list[float]:
        """The temperatures with at least one model."""
        return [t for t, models in self.students.items() if models]

    @property
    def rows(self) -> list[tuple[str, Sequence[ModelOnTest]]]:
        """Teacher, student without a teacher, then each T."""
        return [
            ("teacher", self.teachers),
            ("NDS", self.nds),
            *((f"T = {t:g}", self.students[t]) for t in self.temperatures),
        ]


@dataclass(frozen=True)
class Study:
    """Everything that tables and figures show.

    Attributes:
        attributes: sensitive attribute -> groups, intersections included.
        missing: models without a result, each with the reason.
    """

    record: RunRecord
    spec: StudySpec
    series: Sequence[Series]
    attributes: Mapping[str, Sequence[str]]
    missing: Sequence[str]

    @property
    def by_pair(self) -> dict[str, list[Series]]:
        """Series by pair: one, or two if both forms of the loss were used."""
        found: dict[str, list[Series]] = {}
        for series in self.series:
            found.setdefault(series.pair, []).append(series)
        return found

    @cached_property
    def attribute_keys(self) -> dict[str, str]:
        """Attributes, for file names."""
        keys = slugs(name.replace("*", "-x-") for name in self.attributes)
        return {name: keys[name.replace("*", "-x-")] for name in self.attributes}

    @property
    def n_test(self) -> int:
        """Number of test examples."""
        return next((m.counts[ALL].n for s in self.series for m in (*s.nds, *s.teachers)), 0)


_REMEDY = "delete the file and run kdtune study --resume"


def read_study(run: Run) -> Study:
    """Read a study's counts.

    Raises:
        RunError: a model was not evaluated, a file is damaged, or there is nothing to compare.
    """
    spec = study_of(run)
    if left := not_evaluated(run):
        raise RunError(
            f"{run.path}: not yet evaluated on test: {counted(len(left), 'model')}: run {run.resuming}"
        )
    state = run.state()
    done = {model_id: _tested(run, model_id) for model_id in trained_models(run)}
    series = []
    for pair in run.record.pairs:
        teacher, student = (side.strip() for side in pair.split("->"))
        for scaled in spec.scalings:
            students: dict[float, list[ModelOnTest]] = {float(t): [] for t in spec.temperatures}
            for trial in state.trials.values():
                config = trial.config
                if (
                    trial.id in done
                    and config["pair"] == pair
                    and bool(config["scale_by_t2"]) == scaled
                    and float(config["temperature"]) in students
                ):
                    students[float(config["temperature"])].append(done[trial.id])
            of = [
                [done[i] for s in spec.seed_list if (i := baseline_id(role, name, s)) in done]
                for role, name in (("teacher", teacher), ("nds", student))
            ]
            series.append(Series(teacher, student, scaled, of[0], of[1], students))
    if not any(s.teachers and s.nds and s.temperatures for s in series):
        raise RunError(f"{run.path}: no student is done yet: continue with {run.resuming}")
    n = len(spec.seed_list) * len(spec.temperatures) * len(spec.scalings) * len(run.record.pairs)
    missing = [
        f"{m.id} ({m.message or m.state})"
        for m in (*state.baselines.values(), *state.trials.values())
        if m.state != "done"
    ]
    if len(state.trials) < n:
        missing.append(f"{counted(n - len(state.trials), 'student')} not started")
    return Study(run.record, spec, series, _attributes(run.record), missing)


def _attributes(record: RunRecord) -> dict[str, list[str]]:
    groups = {name: list(values) for name, values in record.attributes.items()}
    for a, b in crossed(record.attributes):
        groups[f"{a}*{b}"] = [f"{x} {y}" for x in record.attributes[a] for y in record.attributes[b]]
    return groups


def _tested(run: Run, model_id: str) -> ModelOnTest:
    folder = run.files.model(model_id)
    path = folder / COUNTS
    record = read_json(path)
    try:
        counts = {name: Counts.from_dict(item) for name, item in record["counts"].items()}
        individual = record.get("individual") or {}
        measured = individual.get("values", {})
        values = {str(k): float("nan") if v is None else float(v) for k, v in measured.items()}
        note = str(individual.get("note", ""))
        if (n := individual.get("examples")) is not None:
            of = int(individual["of"])
            note = (
                f"all {n:,} test examples"
                if n == of
                else f"{n:,} of {of:,} test examples, drawn to fit memory"
            )
        seed = int(read_json(run.files.config(model_id))[STUDY_SEED])
    except (KeyError, TypeError, ValueError, AttributeError, InputError) as error:
        raise RunError(f"{path}: damaged ({error!r}): {_REMEDY}") from None
    return ModelOnTest(model_id, seed, counts, values, note, folder)
