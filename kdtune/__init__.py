"""Knowledge distillation, searched for the accuracy-fairness Pareto front.

    run = kdtune.search("default")             # blocking; returns a Run
    run = kdtune.open_run("runs/default-1")    # .trials(), .front(), .reports(trial_id), .status()
    exported = kdtune.export(run)              # writes the front's students and a report; .student(), .record
    student = kdtune.load_student("runs/default-1/export/t0007")    # .predict(x), .evaluate(x, y, groups), .metrics
    studied = kdtune.study("study")            # what distillation does to classes and groups: .record, .path

Names are resolved when they are used, so that `import kdtune` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kdtune import data, distill, fairness, models, pareto
    from kdtune.api import Exported, Studied, export, search, study
    from kdtune.data import register_dataset
    from kdtune.distill.losses.registry import register_loss
    from kdtune.models import register_model
    from kdtune.runs.measures.own import register_measure
    from kdtune.runs.reader import Run, open_run
    from kdtune.student.student import Student, load_student

_HOMES = {
    "search": "kdtune.api",
    "export": "kdtune.api",
    "study": "kdtune.api",
    "Exported": "kdtune.api",
    "Studied": "kdtune.api",
    "open_run": "kdtune.runs.reader",
    "Run": "kdtune.runs.reader",
    "load_student": "kdtune.student.student",
    "Student": "kdtune.student.student",
    "register_dataset": "kdtune.data",
    "register_loss": "kdtune.distill.losses.registry",
    "register_measure": "kdtune.runs.measures.own",
    "register_model": "kdtune.models",
}
_PACKAGES = ("data", "distill", "fairness", "models", "pareto")

__all__ = [
    "Exported",
    "Run",
    "Student",
    "Studied",
    "data",
    "distill",
    "export",
    "fairness",
    "load_student",
    "models",
    "open_run",
    "pareto",
    "register_dataset",
    "register_loss",
    "register_measure",
    "register_model",
    "search",
    "study",
]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"kdtune.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'kdtune' has no attribute {name!r}")
