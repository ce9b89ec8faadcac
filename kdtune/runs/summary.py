"""A run in numbers, each with its uncertainty: what `kdtune status`, the monitor and `--json` show."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from kdtune.errors import RunError
from kdtune.fairness import (
    GAP_QUANTITIES,
    Counts,
    base_rate_gap,
    chance_floor,
    class_bias,
    class_bias_chance,
    class_bias_interval,
    gap_interval,
    mean_class_bias,
)
from kdtune.fairness._intervals import Quantity
from kdtune.runs.comparison.of_run import resolution
from kdtune.runs.comparison.resolution import Resolution
from kdtune.runs.comparison.verdict import conclusion
from kdtune.runs.empty_front import why_empty
from kdtune.runs.measures.objectives import Objective, References, why_trivial
from kdtune.runs.places import by_gpu
from kdtune.runs.reader import Run, Status
from kdtune.runs.records import ALL, Report
from kdtune.runs.sizes import weights_bytes
from kdtune.runs.state import ModelState, RunState


@dataclass(frozen=True)
class Doubt:
    """How far a gap between groups, or the class bias, can be trusted at these sizes.

    Attributes:
        low, high: bootstrap interval, 95 %.
        chance: mean that a model would show that has equal rates in all groups (see `EQUAL_RATES`), or for class bias
            none.
        chance_high: value that such a model stays below in 95 of 100 data sets of these sizes.
        base_rate_gap: of the labels, for DPD: a smaller DPD requires wrong answers.
    """

    low: float
    high: float
    chance: float
    chance_high: float
    base_rate_gap: float | None


@dataclass(frozen=True)
class Member:
    """A model of the run with its values: a trial, or a baseline.

    Attributes:
        doubts: by measure, for the objectives that are gaps or class bias.
        trivial: why it knows nothing of the single example; empty if it does.
        weights_bytes: size of a file with its weights, None where the run does not tell.
        machine, gpu: where it is or was trained last; empty without a GPU.
        class_bias: by class, of a student against its `teacher` and against `nds`, the same network without a teacher;
            of an NDS against the teacher, if there is one only.
    """

    id: str
    role: str
    state: str
    epoch: int
    epochs: int
    cached: bool
    config: Mapping[str, Any]
    values: Mapping[str, float]
    doubts: Mapping[str, Doubt]
    class_bias: Mapping[str, Sequence[float]]
    trivial: str
    seconds: float
    message: str
    weights_bytes: int | None = None
    machine: str = ""
    gpu: str = ""


@dataclass(frozen=True)
class Summary:
    """Progress, front and baselines of a run at one moment.

    Attributes:
        data: what was made of the data, what was left out and what is in doubt, a line each.
        group_sizes: validation examples by sensitive attribute and group.
        group_classes: the same by class too.
        no_group: by sensitive attribute, how many validation examples are of no group, so that its measures leave them
            out.
        undefined: rates without a denominator, a line each.
        trials: all of them, without doubts and class bias.
        resolution: what of the front is beyond noise.
        conclusion: the last line of a sweep: what its front shows beyond noise, or why it has none; empty before a
            trial is done.
        raw_front: ids of the members of the front on validation alone.
        on_gpus: ids of the models in training by the name of their GPU; empty without one.
    """

    status: Status
    objectives: tuple[str, ...]
    constraints: tuple[str, ...]
    data: tuple[str, ...]
    group_sizes: Mapping[str, Mapping[str, int]]
    group_classes: Mapping[str, Mapping[str, Mapping[str, int]]]
    no_group: Mapping[str, int]
    undefined: tuple[str, ...]
    classes: tuple[str, ...]
    baselines: tuple[Member, ...]
    front: tuple[Member, ...]
    trials: tuple[Member, ...]
    resolution: Resolution
    conclusion: str
    raw_front: tuple[str, ...]
    on_gpus: Mapping[str, Sequence[str]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; NaN stands for undefined."""
        return {**asdict(self), "resolution": self.resolution.to_dict()}


def summarise(run: Run) -> Summary:
    """Return the summary of what the run directory says now."""
    state = run.state()
    status = run.status(state)
    at_work = status.state in ("preparing", "running")
    front = run.front_states(state)
    found = resolution(run, state, front)
    counts, groups = _by_group(run, state), run.record.attributes
    return Summary(
        status=status,
        objectives=run.record.objectives,
        constraints=tuple(str(constraint) for constraint in run.record.constraints),
        data=run.record.data_notes,
        group_sizes={
            name: dict(zip(groups[name], map(int, c.group_sizes), strict=True)) for name, c in counts.items()
        },
        group_classes={name: _by_class(c, groups[name], run.record.classes) for name, c in counts.items()},
        no_group={name: c.n_missing for name, c in counts.items()},
        undefined=tuple(
            f"{name}: {line}"
            for name, c in counts.items()
            for line in c.undefined(groups[name], run.record.classes)
        ),
        classes=run.record.classes,
        baselines=tuple(_member(run, model, state) for model in state.baselines.values()),
        front=tuple(_member(run, model, state) for model in front),
        trials=tuple(_plain_member(model, run.record.objectives) for model in state.trials.values()),
        resolution=found,
        conclusion=_conclusion(run, state, front, found),
        raw_front=tuple(model.id for model in Run(run.files, raw=True).front_states(state)),
        on_gpus=by_gpu((*state.baselines.values(), *state.trials.values())) if at_work else {},
    )


def _conclusion(run: Run, state: RunState, front: Sequence[ModelState], found: Resolution) -> str:
    """Say what the front shows beyond noise, or why there is none of the trials that are done."""
    if front:
        return conclusion(found, run.record.objectives)
    done, _ = run.front_of(state)
    if not run.record.has_front or not done:
        return ""
    return f"No student is on the front: {why_empty(run.record, done)}."


def doubt(report: Report, objective: Objective) -> Doubt:
    """Return how far a gap in a report can be trusted."""
    counts = report.counts.get(objective.attribute)
    if counts is None:
        raise RunError(
            f"a report of epoch {report.epoch} is damaged: it has no counts by {objective.attribute!r}"
        )
    quantity = cast(Quantity, objective.measure.name)
    low, high = gap_interval(counts, quantity=quantity)
    gap = base_rate_gap(counts).value if quantity == "dpd" else None
    chance = chance_floor(counts, quantity=quantity)
    return Doubt(low, high, chance.mean, chance.high, gap)


def bias_doubt(counts: Counts, reference: Counts) -> Doubt:
    """Return the doubt of the class bias of a model against a reference, from counts over all examples."""
    low, high = class_bias_interval(counts, reference)
    chance = class_bias_chance(counts, reference)
    return Doubt(low, high, chance.mean, chance.high, None)


def _member(run: Run, model: ModelState, state: RunState) -> Member:
    # The report of the same epoch as the values: meanwhile there may be a later one.
    report = run.report(model.id, model.epoch) if model.epoch else None
    plain = replace(
        _plain_member(model, run.record.objectives), weights_bytes=weights_bytes(run.files, state, model)
    )
    if report is None:
        return plain
    doubts = {o.name: doubt(report, o) for o in run.objectives if o.measure.name in GAP_QUANTITIES}
    counts, references = report.counts[ALL], _references(run, model, state)
    values = dict(model.values)
    for kind, reference in references.items():
        name = f"class_bias_{kind}"
        if name in run.record.objectives:
            doubts[name] = bias_doubt(counts, reference)
            values.setdefault(name, mean_class_bias(counts, reference))
    for name in ("over_majority", "answered_classes"):  # reports of an earlier kdtune suffice for them
        values.setdefault(name, Objective.parse(name, ()).value(report, References()))
    return replace(
        plain,
        values=values,
        trivial=why_trivial(values, run.record.objectives),
        doubts=doubts,
        class_bias={kind: class_bias(counts, other).tolist() for kind, other in references.items()},
    )


def _references(run: Run, model: ModelState, state: RunState) -> dict[str, Counts]:
    """Return the counts that a model is compared with: a student's teacher and NDS, the teacher of an NDS."""
    found = {}
    for kind in {"student": ("teacher", "nds"), "nds": ("teacher",)}.get(model.kind, ()):
        reference = state.reference(model, kind)
        if reference is not None and reference.epoch:
            report = run.report(reference.id, reference.epoch)
            if report is not None:
                found[kind] = report.counts[ALL]
    return found


def _plain_member(model: ModelState, objectives: Sequence[str]) -> Member:
    return Member(
        id=model.id,
        role=model.kind,
        state=model.state,
        epoch=model.epoch,
        epochs=model.epochs,
        cached=model.cached,
        config=model.config,
        values=model.values,
        doubts={},
        class_bias={},
        trivial=why_trivial(model.values, objectives),
        seconds=model.seconds,
        message=model.message,
        machine=model.machine,
        gpu=model.gpu,
    )


def _by_group(run: Run, state: RunState) -> dict[str, Counts]:
    """Return the validation counts by attribute, from the first report there is: their sizes are those of all."""
    for model in (*state.baselines.values(), *state.trials.values()):
        if model.epoch and (report := run.first_report(model.id)):
            counts = {name: item for name, item in report.counts.items() if name != ALL}
            groups, classes = run.record.attributes, len(run.record.classes)
            if any(c.examples.shape != (len(groups.get(name, ())), classes) for name, c in counts.items()):
                raise RunError(
                    f"{run.files.reports(model.id)}: its groups are not those of {run.files.record}"
                )
            return counts
    return {}


def _by_class(counts: Counts, groups: Sequence[str], classes: Sequence[str]) -> dict[str, dict[str, int]]:
    rows = counts.examples.tolist()
    return {group: dict(zip(classes, row, strict=True)) for group, row in zip(groups, rows, strict=True)}


def telling_settings(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the settings that are worth a column: always pair, T and α; others if they differ among the students."""
    ignored = {"id", "teacher", "student", "architecture", "seed", "view_seed", "model", "job"}
    names = list(configs[0]) if configs else ["pair", "temperature", "alpha"]
    always = [name for name in ("pair", "temperature", "alpha") if name in names]
    others = [
        name
        for name in names
        if name not in always
        and name not in ignored
        and len({str(config.get(name)) for config in configs}) > 1
    ]
    return always + others
