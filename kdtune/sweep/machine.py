"""How models run on the machine that there is: on which GPUs, at which precision, how many students as one.

It is measured when a run begins; a run that is resumed keeps its first choice.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from kdtune.errors import RunError
from kdtune.runs.records import RunRecord
from kdtune.sweep.remote.allotment import Allotment

if TYPE_CHECKING:
    from kdtune.sweep.calibration.cohort_size import CohortChoice
    from kdtune.sweep.calibration.place import Place
    from kdtune.sweep.plan import Plan, Speed
    from kdtune.sweep.remote.carried_code import UserCode

Say = Callable[[str], object]
"""Tells a person what is being done."""


def settled(
    plan: "Plan", allotment: Allotment, user_code: "UserCode", say: Say, *, trials: int | None, local: bool
) -> "tuple[Allotment, Place]":
    """Return the allotment, without GPUs if torch can't use them where trials run, and where to measure.

    Args:
        user_code: what the user registered and trials need.
        local: whether trials run on this machine alone.
    """
    from kdtune.sweep.calibration.place import here
    from kdtune.sweep.remote.trial_place import TrialPlace, on_usable_gpus

    if not allotment.gpus and local:
        return allotment, here
    allotment = on_usable_gpus(allotment, plan.space.resources, user_code, say, trials=trials)
    return allotment, TrialPlace(allotment, user_code)


def calibrated(
    plan: "Plan",
    allotment: Allotment,
    record: RunRecord | None,
    say: Say,
    place: "Place",
    *,
    name: str,
    kind: str,
) -> "tuple[Plan, RunRecord]":
    """Choose how models run fastest here and how cohorts are formed; return the plan and the run's record with it.

    Args:
        record: of the run if it is resumed: it decides.
        name: of the run.
        kind: `sweep` or `study`.
    """
    from kdtune.sweep.run_record import record_of

    begun = record is not None
    if record is None:
        plan = replace(plan, speeds=_measure_speeds(plan, say, place))
        if allotment.gpus:
            plan = replace(plan, speeds=_measure_execution(plan, say, place))
        elif plan.space.train.get("execution") == "graphs":
            say("train.execution: graphs takes a GPU: steps are eager")
        record = record_of(plan, name, kind)
    if kind == "sweep":
        choice = _cohort_choice(plan, allotment, record, say, place, begun=begun)
        record = replace(record, machine={**record.machine, "cohort": vars(choice)})
        plan = replace(plan, cohort=choice.size, fused=frozenset(choice.architectures))
    return plan, record


def recorded_speeds(record: RunRecord | None) -> "dict[str, Speed]":
    """Return how the models of a run that is resumed have run until now, by architecture.

    Raises:
        RunError: its record is damaged.
    """
    from kdtune.sweep.plan import Speed

    if record is None:
        return {}
    try:
        return {name: Speed(**speed) for name, speed in record.machine["speeds"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"run.json: damaged: machine.speeds ({error!r})") from None


def _measure_speeds(plan: "Plan", say: Say, place: "Place") -> "Mapping[str, Speed]":
    from kdtune.sweep.calibration.precision import fastest

    if all(plan.space.train.get(key, "auto") != "auto" for key in ("precision", "channels_last")):
        return {}
    say("measuring how models run fastest")
    return {name: fastest(name, plan, place) for name in plan.space.architectures}


def _measure_execution(plan: "Plan", say: Say, place: "Place") -> "Mapping[str, Speed]":
    """Return the plan's speeds with the way in which each model's steps are executed fastest on the GPU."""
    import ray

    from kdtune.sweep.calibration.execution import best_executions
    from kdtune.sweep.plan import Speed

    if plan.space.train.get("execution", "auto") != "auto":
        return plan.speeds
    say("measuring how steps are executed fastest")
    try:
        choices = best_executions(plan, place)
    except ray.exceptions.WorkerCrashedError:
        say("steps are eager: the process that measured others was lost")
        return plan.speeds
    speeds = dict(plan.speeds)
    for name, choice in choices.items():
        speeds[name] = replace(speeds.get(name, Speed()), execution=choice.execution)
        say(f"steps of {name}: {choice.execution} ({choice.said})")
    return speeds


def _cohort_choice(
    plan: "Plan", allotment: Allotment, record: RunRecord, say: Say, place: "Place", *, begun: bool
) -> "CohortChoice":
    from kdtune.sweep.calibration.cohort_size import CohortChoice, choose_cohorts

    if begun:
        kept = record.machine.get("cohort") or {}
        return CohortChoice(int(kept.get("size", 1)), tuple(kept.get("architectures", ())))
    say("measuring how students run fastest")
    return choose_cohorts(plan, allotment.workers, place)
