"""Compares the members of a run's front and its baselines, from what the run keeps of their answers."""

from collections.abc import Sequence

from kdtune.errors import RunError
from kdtune.fairness import Comparison
from kdtune.runs.comparison.resolution import Compared, Comparer, Resolution, resolve, rounded_up
from kdtune.runs.measures.objectives import References
from kdtune.runs.reader import Run
from kdtune.runs.records import ALL
from kdtune.runs.state import ModelState, RunState


def resolution(
    run: Run,
    state: RunState,
    members: Sequence[ModelState],
    known: dict[tuple[str, ...], Comparison] | None = None,
    *,
    done: int | None = None,
) -> Resolution:
    """Return what is resolved of these members of a run's front.

    Args:
        members: in the order of the front.
        known: comparisons made before; new ones are added.
        done: number of trials among which the members were chosen; by default those that are done in the state.
    """
    if not members:
        return Resolution(unknown="the front is empty")
    try:
        if done is None:
            done = sum(trial.state == "done" for trial in state.trials.values())
        return _resolution(run, state, members, {} if known is None else known, done)
    except RunError as error:
        return Resolution(unknown=str(error))


def _resolution(
    run: Run,
    state: RunState,
    members: Sequence[ModelState],
    known: dict[tuple[str, ...], Comparison],
    done: int,
) -> Resolution:
    examples = run.validation()
    answers = {model.id: run.predictions(model) for model in members}
    references = {
        member.id: {
            role: found.id
            for role in ("nds", "teacher")
            if (found := state.reference(member, role)) is not None and found.state == "done"
        }
        for member in members
    }
    baselines = {
        model_id: model
        for found in references.values()
        for model_id in found.values()
        if (model := state.model(model_id)) is not None
    }
    answers |= {model.id: run.predictions(model) for model in baselines.values()}
    for model_id, given in answers.items():
        if len(given) != len(examples.labels):
            raise RunError(
                f"{run.files.predictions(model_id)}: {len(given)} answers to {len(examples.labels)} examples"
            )
    comparer = Comparer(
        examples,
        run.objectives,
        n_classes=len(run.record.classes),
        sizes={name: len(groups) for name, groups in run.record.attributes.items()},
        models=rounded_up(done + len(state.baselines)),
        answers=answers,
        known=known,
    )
    shown = {
        model_id: Compared(model_id, model.kind, baseline_values(run, state, model), answers[model_id])
        for model_id, model in baselines.items()
    }
    front = [Compared(m.id, m.kind, m.values, answers[m.id], references[m.id]) for m in members]
    return resolve(front, shown, comparer)


def baseline_values(run: Run, state: RunState, model: ModelState) -> dict[str, float]:
    """Return a baseline's measures, class bias among them: an NDS is held against its teacher, if there is one only."""
    values = dict(model.values)
    if not any(o.measure.name.startswith("class_bias_") for o in run.objectives):
        return values
    counts = {}
    for role in ("teacher", "nds"):
        other = model if role == model.kind else state.reference(model, role)
        report = None if other is None else run.report(other.id, other.epoch)
        counts[role] = None if report is None else report.counts[ALL]
    report = run.report(model.id, model.epoch)
    if report is None:
        return values
    for objective in run.objectives:
        if objective.measure.name.startswith("class_bias_"):
            values.setdefault(objective.name, objective.value(report, References(**counts)))
    return values
