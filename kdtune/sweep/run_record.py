"""What a run records when it begins: data, objectives, space, and the software and machine."""

import importlib.metadata
import os
import platform
import time
from dataclasses import replace

from kdtune.models.families.find import adopted
from kdtune.runs.measures.known import MEASURES
from kdtune.runs.measures.measure import OwnMeasure
from kdtune.runs.records import RunRecord
from kdtune.sweep.plan import Plan

_PACKAGES = ("kdtune", "torch", "ray", "optuna", "numpy", "fairlearn")


_THEN = ", then "
"""Between the version with which a run began and those with which it was resumed."""


def versions_now() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return versions | {"python": platform.python_version()}


def with_versions_now(record: RunRecord) -> tuple[RunRecord, list[str]]:
    """Return the record of a run that is resumed with the versions of now, and what has changed, a line each."""
    versions, changes = dict(record.versions), []
    for name, now in versions_now().items():
        before = str(versions.get(name, ""))
        last = before.rpartition(_THEN)[2]
        if last != now:
            versions[name] = f"{before}{_THEN}{now}" if before else now
        if last not in ("", now):
            changes.append(f"{name} {last}, now {now}")
    return replace(record, versions=versions), changes


def record_of(plan: Plan, name: str, kind: str) -> RunRecord:
    """Return the record of a run that begins now; `kind` is `sweep` or `study`."""
    space = plan.space
    return RunRecord(
        name=name,
        kind=kind,
        created=time.time(),
        dataset={**plan.dataset.describe(), "options": space.dataset.options},
        classes=plan.dataset.classes,
        attributes={name: tuple(groups) for name, groups in plan.dataset.attributes.items()},
        objectives=tuple(objective.name for objective in plan.objectives),
        constraints=plan.constraints,
        pairs=tuple(pair.pair for pair in space.pairs),
        epochs=space.budget.epochs,
        trials=space.budget.trials,
        minutes=space.budget.minutes,
        seed=space.seed,
        space=space.to_dict(),
        measures={
            o.measure.name: OwnMeasure.of(o.measure) for o in plan.asked if o.measure.name not in MEASURES
        },
        versions=versions_now(),
        machine={
            "platform": platform.platform(terse=True),
            "cores": os.cpu_count(),
            "speeds": {name: vars(speed) for name, speed in plan.speeds.items()},
        },
        models={name: model.to_dict() for name, model in adopted(space.architectures).items()},
    )
