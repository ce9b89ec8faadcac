"""The models of an export: read back, checked against the run's record, and evaluated on both splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import nn

from kdtune.errors import RunError
from kdtune.fairness import Counts
from kdtune.report.evaluate.evaluation import Evaluated, SplitData, check_recorded, evaluate
from kdtune.report.evaluate.trained import Trained, load_trained
from kdtune.report.export.results.by_group import by_group
from kdtune.report.export.results.calibration import calibration_numbers
from kdtune.report.export.results.metrics import split_numbers
from kdtune.runs.objectives import References
from kdtune.runs.paths import baseline_id
from kdtune.runs.reader import Run
from kdtune.runs.records import ALL
from kdtune.runs.state import ModelState
from kdtune.terminal.console import narrate

if TYPE_CHECKING:
    import pandas

Loaded = tuple[Trained, Mapping[str, float]]
"""A model with its measures as the search recorded them."""


@dataclass(eq=False)
class EvaluatedModel:
    """A model on its way through the export.

    Attributes:
        searched: measures as the search recorded them.
        moved: number of validation answers that differ from the search, which used another precision or processor.
        source: the run's model that was trained again with another seed to give this one; empty for the run's own.
        on: by split, the data and what the model answered.
        numbers: by split, `split_numbers`.
    """

    trained: Trained
    searched: Mapping[str, float]
    module: nn.Module
    moved: int
    source: str = ""
    on: dict[str, tuple[SplitData, Evaluated]] = field(default_factory=dict)
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)


def load_members(
    run: Run, front: Sequence[ModelState], picked: Sequence[str], *, required: bool
) -> tuple[list[Loaded], list[str]]:
    """Read the front's members back; one that can't be read is left out if it was not picked."""
    members: list[Loaded] = []
    notes = []
    for trial in front:
        try:
            members.append((load_trained(run, trial.id), trial.values))
        except RunError as error:
            if trial.id in picked or not required:
                raise
            notes.append(f"{trial.id} is on the front, but is left out: {error}")
            narrate(notes[-1])
    return members, notes


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
        module = trained.module(run)
        models.append(EvaluatedModel(trained, values, module, check_recorded(trained, module, validation)))
    return models


def evaluate_models(models: Sequence[EvaluatedModel], split: SplitData, run: Run) -> None:
    """Evaluate models on a split; each student is compared with its teacher and with its architecture without one."""
    for model in models:
        model.on[split.name] = (split, evaluate(model.module, split, model.trained.recorded))
    final = {model.trained.id: model.on[split.name][1].report.counts[ALL] for model in models}
    for model in models:
        references = references_of(model.trained, final)
        model.numbers[split.name] = split_numbers(
            model.on[split.name][1].report,
            references,
            classes=run.record.classes,
            attributes=run.record.attributes,
        )
        model.numbers[split.name]["calibration"] = calibration_numbers(
            split, model.on[split.name][1], run.record.attributes
        )


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
