"""Which trials are trained as one: a pure function of their numbers and of what they train.

Trials are proposed in blocks of consecutive numbers. Those of a block that differ only in what may differ between the
members of a cohort form one cohort. A sweep that was killed and resumed therefore forms the same cohorts as an
uninterrupted one.
"""

import hashlib
import json
from collections.abc import Iterable

from kdtune.distill.config import Job

_OWN = (
    "lr",
    "weight_decay",
    "momentum",
    "label_smoothing",
    "class_weights",
    "group_weights",
    "group_weights_strength",
)
"""Settings of the protocol that may differ between the members of a cohort."""


def signature(job: Job) -> str:
    """Return a short name for everything that the members of a cohort share: architecture, views, protocol."""
    train = {key: value for key, value in job.to_dict()["train"].items() if key not in _OWN}
    shared: list[object] = [job.architecture, job.view_seed, train]
    if job.distillation is not None and job.distillation.loss != "kd":
        shared.append(job.distillation.loss)
    content = json.dumps(shared, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def group(jobs: Iterable[tuple[int, Job]]) -> list[tuple[str, list[int]]]:
    """Return (signature, numbers) of those that may form a cohort.

    They are sorted by signature, because an order by number would change when some have ended.
    """
    cohorts: dict[str, list[int]] = {}
    for number, job in jobs:
        cohorts.setdefault(signature(job), []).append(number)
    return sorted(cohorts.items())
