"""What a run records when it begins: data, objectives, space, and the software and machine."""

import importlib.metadata
import os
import platform
import time
from dataclasses import replace

from kdtune.distill.losses.behaviour import loss_behaviour
from kdtune.distill.weights.module import code_of
from kdtune.models.families.find import adopted
from kdtune.runs.measures.known import MEASURES
from kdtune.runs.measures.measure import OwnMeasure
from kdtune.runs.measures.own import code_digest
from kdtune.runs.records import RunRecord
from kdtune.space.losses import losses_of
from kdtune.sweep.plan import Plan

_PACKAGES = ("kdtune", "torch", "ray", "optuna", "numpy", "fairlearn")


_THEN = ", then "
"""Between the version with which a run began and those with which it was resumed."""


def versions_now(plan: Plan) -> dict[str, str]:
    """Return the versions of what numbers depend on: Python, packages, and digests of the user's own code."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {**versions, "python": platform.python_version(), **_own_code(plan)}


def _own_code(plan: Plan) -> dict[str, str]:
    """Return the digests of the user's own models, losses and measures that a plan uses: `model 'mine'` -> digest."""
    data = plan.dataset
    models: dict[str, list[str]] = {}
    for role, name in plan.single:  # a teacher and a student of one name may be built for images of two sizes
        job = plan.baseline_job(role, name)
        models.setdefault(name, []).extend(
            code_of(job, input_shape=data.input_shape, n_classes=data.n_classes)
        )
    losses = dict.fromkeys(name for searched in plan.space.searches for name in losses_of(searched))
    digests = {
        **{of_model(name): " ".join(dict.fromkeys(found)) for name, found in models.items()},
        **{f"loss {name!r}": loss_behaviour(name, data.n_classes) for name in losses},
        **{f"measure {o.measure.name!r}": code_digest(o.measure.name) for o in plan.asked},
    }
    return {name: digest for name, digest in digests.items() if digest}


def of_model(architecture: str) -> str:
    """Return what the version of a model of the user's own is called."""
    return f"model {architecture!r}"


def with_versions_now(record: RunRecord, plan: Plan) -> tuple[RunRecord, dict[str, str]]:
    """Return the record of a run that is resumed with the versions of now, and what has changed: name -> in words."""
    versions, changes = dict(record.versions), {}
    for name, now in versions_now(plan).items():
        before = str(versions.get(name, ""))
        last = before.rpartition(_THEN)[2]
        if last != now:
            versions[name] = f"{before}{_THEN}{now}" if before else now
        if last not in ("", now):
            changes[name] = f"{name} {last}, now {now}"
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
        versions=versions_now(plan),
        machine={
            "platform": platform.platform(terse=True),
            "cores": os.cpu_count(),
            "speeds": {name: vars(speed) for name, speed in plan.speeds.items()},
        },
        models={name: model.to_dict() for name, model in adopted(space.architectures).items()},
    )
