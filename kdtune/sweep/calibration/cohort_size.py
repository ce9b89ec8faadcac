"""Whether students of an architecture train faster as one here, and how many: measured, and kept for the next sweep."""

import contextlib
import math
import os
import time
from dataclasses import dataclass

import torch

from kdtune.distill.config import Job
from kdtune.distill.execution.device_errors import suppress_device_errors
from kdtune.distill.fused.stack import is_stackable
from kdtune.distill.steps import fused_step, solo_step
from kdtune.distill.weights.module import code_of
from kdtune.errors import RunError
from kdtune.sweep.calibration.cache import Measurement
from kdtune.sweep.calibration.place import Place, Setting, here
from kdtune.sweep.calibration.precision import machine_name, may_be_one_of_several
from kdtune.sweep.calibration.timing import MARGIN, made_up, seconds
from kdtune.sweep.plan import Plan
from kdtune.torch_defaults import threads

SIZES = (4, 8, 16)
LEAST_BLOCKS = 4
"""Fewest blocks to cut a budget into: the sampler learns from one block what to propose in the next."""
_REPEATS = 5
_SECONDS = 3.0
_LONGEST_STEP = 0.3
"""Seconds per common step above which no size is tried: arithmetic dominates then, and cohorts save none of it."""


@dataclass(frozen=True)
class CohortChoice:
    """How a sweep forms cohorts.

    Attributes:
        size: number of consecutive trials among which cohorts are formed; 1 for no cohorts.
        architectures: architectures whose students are trained as one.
    """

    size: int = 1
    architectures: tuple[str, ...] = ()


def choose_cohorts(plan: Plan, workers: int, place: Place = here) -> CohortChoice:
    """Return what the space asks for, or what is fastest where trials run."""
    asked = plan.space.resources.cohort
    names = tuple(
        name
        for name in dict.fromkeys(pair.student for pair in plan.space.pairs)
        if may_be_one_of_several(plan.file("nds", name))
    )
    if asked == 1 or not names:
        return CohortChoice()
    shape, n_classes = plan.dataset.input_shape, plan.dataset.n_classes
    if asked != "auto":
        return _cohort_choice(asked, tuple(name for name in names if is_stackable(name, shape, n_classes)))
    best = {name: best_size(name, plan, place) for name in names}
    fused = tuple(name for name in names if best[name] > 1)
    if not fused:
        return CohortChoice()
    # Trials of several architectures mix in a block.
    size = max(best.values()) * len(names)
    return _cohort_choice(block_size(size, plan.space.budget.trials, workers), fused)


def block_size(largest: int, trials: int | None, workers: int) -> int:
    """Return the number of trials per block, at most `largest`, such that all workers get equally many blocks."""
    if trials is None:
        return largest
    largest = min(largest, math.ceil(trials / LEAST_BLOCKS))
    rounds = math.ceil(trials / (largest * workers))
    return math.ceil(trials / (rounds * workers))


def best_size(architecture: str, plan: Plan, place: Place = here) -> int:
    """Return how many students of this name train fastest as one; 1 if one by one is as fast."""
    return int(place(_best_size, plan.student_job(architecture), Setting.of(plan)))


def _best_size(job: Job, setting: Setting) -> int:
    architecture, shape, n_classes = job.architecture, setting.shape, setting.n_classes
    cores = min(setting.threads, os.cpu_count() or 1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    settings = {key: value for key, value in job.to_dict()["train"].items() if key not in ("epochs", "lr")}
    facts = [machine_name(device), torch.__version__, architecture, list(shape), n_classes, cores, settings]
    facts += code_of(job, input_shape=shape, n_classes=n_classes)
    measured = Measurement("fusing", facts)
    with contextlib.suppress(RunError, KeyError, TypeError, ValueError):
        return int(measured.recall()["size"])
    stackable = is_stackable(architecture, shape, n_classes)
    with suppress_device_errors():
        gains = _measure(job, setting, device, cores) if stackable else {}
        best = max(gains, key=lambda size: gains[size], default=1)
        size = best if gains and gains[best] >= MARGIN else 1
        measured.keep({"size": size, "gains": {str(k): gain for k, gain in gains.items()}})
        return size
    return 1  # nothing was measured, and in this process nothing can be


def _cohort_choice(size: int, architectures: tuple[str, ...]) -> CohortChoice:
    return CohortChoice(size, architectures) if size > 1 and architectures else CohortChoice()


def _measure(job: Job, setting: Setting, device: torch.device, cores: int) -> dict[int, float]:
    """Return, by number of students, how many times faster a step is as one than one by one.

    On a CPU the process's own time counts, so that other work on the machine does not decide.
    """
    with threads(cores):
        data = made_up(setting, job.train.batch_size, device)
        steps = {1: solo_step(job, data)}
        best = {1: seconds(steps[1], device)}  # also warms up
        best[1] = seconds(steps[1], device)
        for size in SIZES:
            if size * best[1] > _LONGEST_STEP:
                break
            try:
                step = fused_step(job, data, size)
                best[size] = seconds(step, device)
            except torch.OutOfMemoryError:
                break  # more students have no room either
            steps[size] = step
        deadline = time.perf_counter() + _SECONDS
        for _ in range(_REPEATS):
            for size, step in steps.items():
                best[size] = min(best[size], seconds(step, device))
            if time.perf_counter() > deadline:
                break
        return {size: size * best[1] / best[size] for size in steps if size > 1}
