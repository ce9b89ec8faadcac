"""What a run records when it begins: data, objectives, space, and the software and machine."""

import importlib.metadata
import os
import platform
import time

from kdtune.models.families.find import adopted
from kdtune.runs.records import RunRecord
from kdtune.sweep.plan import Plan

_PACKAGES = ("kdtune", "torch", "ray", "optuna", "numpy", "fairlearn")


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
        versions={name: importlib.metadata.version(name) for name in _PACKAGES}
        | {"python": platform.python_version()},
        machine={
            "platform": platform.platform(terse=True),
            "cores": os.cpu_count(),
            "speeds": {name: vars(speed) for name, speed in plan.speeds.items()},
        },
        models={name: model.to_dict() for name, model in adopted(space.architectures).items()},
    )
