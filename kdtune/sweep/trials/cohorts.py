"""Which trials are trained as one: a pure function of their numbers and of what they train.

Trials are proposed in blocks of consecutive numbers; those of a block that differ only in what a cohort can give each
of its members form one cohort. A sweep that was killed and resumed so forms the cohorts that an undisturbed one would.
"""

import hashlib
import json
from collections.abc import Iterable

from kdtune.distill.config import Job

_OWN = ("lr", "weight_decay", "momentum")
"""Settings of the protocol that each member of a cohort has for itself."""


def signature(job: Job) -> str:
    """Return a short name for all that the members of a cohort share: architecture, views, protocol."""
    train = {key: value for key, value in job.to_dict()["train"].items() if key not in _OWN}
    content = json.dumps([job.architecture, job.view_seed, train], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def group(jobs: Iterable[tuple[int, Job]]) -> list[tuple[str, list[int]]]:
    """Return (signature, numbers) of those that may form a cohort.

    They come in the order of their signatures: that of their numbers would change when some have ended.
    """
    cohorts: dict[str, list[int]] = {}
    for number, job in jobs:
        cohorts.setdefault(signature(job), []).append(number)
    return sorted(cohorts.items())
