"""The models of an export: read back, checked against the run's record, and evaluated on both splits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import nn

from kdtune.distill.evaluation.extras import answers_of
from kdtune.errors import RunError
from kdtune.fairness import GAP_QUANTITIES, GAPS, Counts
from kdtune.output import narrate
from kdtune.report.evaluate.evaluation import Evaluated, SplitData, check_recorded, evaluate, evaluate_logits
from kdtune.report.evaluate.trained import Trained, load_trained
from kdtune.report.export.front_members import front_states
from kdtune.report.export.results.by_group import by_group
from kdtune.runs.measures.metrics import calibration_numbers, split_numbers
from kdtune.runs.measures.objectives import References, objective_of, recorded_values
from kdtune.runs.paths import baseline_id
from kdtune.runs.reader import Run
from kdtune.runs.records import ALL, Report, RunRecord
from kdtune.runs.state import ModelState, RunState

if TYPE_CHECKING:
    import pandas

Loaded = tuple[Trained, Mapping[str, float]]
"""A model with its measures as the search recorded them."""


@dataclass(eq=False)
class EvaluatedModel:
    """A model on its way through the export.

    Attributes:
        searched: measures as the search recorded them.
        module: None of a teacher that is known by its logits alone.
        moved: number of validation answers that differ from the search, which used another precision or processor.
        source: the run's model that was trained again with another seed to give this one; empty for the run's own.
        on: by split, the data and what the model answered.
        numbers: by split, `split_numbers`.
    """

    trained: Trained
    searched: Mapping[str, float]
    module: nn.Module | None
    moved: int
    source: str = ""
    on: dict[str, tuple[SplitData, Evaluated]] = field(default_factory=dict)
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class HeldFront:
    """A run's front at one moment, with its weights in memory: the search may go on.

    Attributes:
        state: what was known of the run then.
        picked: ids of the members to ship.
        members: those whose files could be read.
        notes: which members are left out, and why.
    """

    state: RunState
    front: Sequence[ModelState]
    picked: Sequence[str]
    members: Sequence[Loaded]
    notes: list[str]


def hold_front(run: Run, choose: Callable[[Sequence[ModelState]], list[str]], *, required: bool) -> HeldFront:
    """Read a run's front and the weights of its members, together.

    While a search goes on, a member may leave the front, and its weights are deleted, between reading the one and the
    other. Then both are read again.

    Args:
        choose: returns the ids of the members to ship, given the front.
        required: whether only those that are shipped must be readable; another one is left out.

    Raises:
        RunError: there is no front, or a member that is still on it can't be read.
    """
    while True:
        state = run.state()
        front = front_states(run, state)
        picked = choose(front)
        members: list[Loaded] = []
        failed: dict[str, RunError] = {}
        for trial in front:
            try:
                members.append((load_trained(run, trial.id), trial.values))
            except RunError as error:
                failed[trial.id] = error
        left = failed.keys() - {trial.id for trial in front_states(run, run.state())} if failed else set()
        if left:
            narrate(f"{', '.join(sorted(left))} left the front meanwhile: it is read again")
            continue
        for name, why in failed.items():
            if name in picked or not required:
                raise why
        notes = [f"{name} is on the front, but is left out: {why}" for name, why in failed.items()]
        for note in notes:
            narrate(note)
        return HeldFront(state, front, picked, members, notes)


def load_baselines(run: Run, members: Sequence[Loaded]) -> list[Loaded]:
    """Read back the members' teachers, and the members' architectures trained without a teacher."""
    teachers = dict.fromkeys(baseline_id("teacher", str(trained.config["teacher"])) for trained, _ in members)
    students = dict.fromkeys(baseline_id("nds", trained.architecture) for trained, _ in members)
    state = run.state()
    return [(load_trained(run, name), state.baselines[name].values) for name in (*teachers, *students)]


def checked(run: Run, loaded: Sequence[Loaded], validation: SplitData) -> list[EvaluatedModel]:
    """Build models, and check that their weights give what the run recorded.

    Raises:
        RunError: the weights of one do not.
    """
    models = []
    for trained, values in loaded:
        if trained.job.logits is not None:
            models.append(EvaluatedModel(trained, values, None, 0))
            continue
        module = trained.module(run)
        models.append(EvaluatedModel(trained, values, module, check_recorded(trained, module, validation)))
    return models


def evaluate_models(models: Sequence[EvaluatedModel], split: SplitData, run: Run) -> None:
    """Evaluate models on a split; each student is compared with its teacher and with its architecture without one.

    A teacher whose logits do not cover the split has no numbers of it.
    """
    for model in models:
        evaluated = (
            evaluate_logits(model.trained, split)
            if model.module is None
            else evaluate(model.module, split, model.trained.recorded)
        )
        if evaluated is not None:
            model.on[split.name] = (split, evaluated)
    answered = [model for model in models if split.name in model.on]
    final = {model.trained.id: model.on[split.name][1].report.counts[ALL] for model in answered}
    for model in answered:
        references = references_of(model.trained, final)
        found = model.on[split.name][1]
        numbers = report_numbers(found.report, references, run.record)
        answers = answers_of(split.arrays, found.logits)
        numbers["calibration"] = calibration_numbers(answers, run.record.attributes)
        model.numbers[split.name] = numbers


def report_numbers(report: Report, references: References, record: RunRecord) -> dict[str, Any]:
    """Return what a report of a run says (see `split_numbers`)."""
    return split_numbers(
        report.counts,
        values=recorded_values(record, report, references),
        cross_entropy=report.validation_loss,
        classes=record.classes,
        attributes=record.attributes,
        references=references,
        further_gaps={name: _asked_gaps(record, name) for name in record.attributes},
    )


def _asked_gaps(record: RunRecord, attribute: str) -> list[str]:
    """Return the gaps over an attribute that are objectives, beside those that are always there."""
    objectives = [objective_of(record, name) for name in record.objectives]
    asked = [o.measure.name for o in objectives if o.attribute == attribute and o.group is None]
    return [name for name in asked if name in GAP_QUANTITIES and name not in GAPS]


def with_answers(models: Sequence[EvaluatedModel], test: SplitData, notes: list[str]) -> list[EvaluatedModel]:
    """Return the models of which it is known what they say of test, and note the others."""
    for model in models:
        if test.name not in model.on:
            notes.append(
                f"The teacher {model.trained.architecture} is known by its logits, and they do not cover test: what it "
                "says there is unknown, and no student is compared with it."
            )
            narrate(notes[-1])
    return [model for model in models if test.name in model.on]


def references_of(trained: Trained, final: Mapping[str, Counts]) -> References:
    """Return what a model is compared with: a student with its teacher and with its architecture without one.

    Args:
        final: counts over all examples of a split, by model.
    """
    ids = baselines_of(trained)
    return References(final.get(ids.get("teacher", "")), final.get(ids.get("nds", "")))


def baselines_of(trained: Trained) -> dict[str, str]:
    """Return the ids of what a student is compared with, by role; {} for a baseline."""
    if trained.role != "student":
        return {}
    return {
        "nds": baseline_id("nds", trained.architecture),
        "teacher": baseline_id("teacher", str(trained.config["teacher"])),
    }


def group_table(run: Run, models: Sequence[EvaluatedModel]) -> "pandas.DataFrame":
    """Return the rates by group of every model on test."""
    import pandas

    tables = []
    for model in models:
        split, evaluated = model.on["test"]
        table = by_group(
            split.labels,
            evaluated.predictions,
            split.arrays.validation_groups,
            attributes=run.record.attributes,
            classes=run.record.classes,
        )
        found = model.numbers["test"]["calibration"]["attributes"]
        cells = [found[row["attribute"]][row["group"]] for _, row in table.iterrows()]
        table["confidence"] = [cell["confidence"] for cell in cells]
        table["calibration error"] = [cell["error"] for cell in cells]
        table["calibration error if calibrated"] = [cell["chance"] for cell in cells]
        table.insert(0, "id", model.trained.id)
        tables.append(table)
    return pandas.concat(tables, ignore_index=True)
