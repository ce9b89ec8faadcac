"""Learning rates as a pure function of the step: resuming from a checkpoint needs no other state."""

import math
from collections.abc import Sequence
from typing import Literal, get_args

from kdtune.errors import InputError, did_you_mean

Schedule = Literal["cosine", "step", "constant"]


def learning_rate(
    step: int,
    *,
    total_steps: int,
    base: float,
    schedule: str = "cosine",
    warmup_steps: int = 0,
    milestones: Sequence[float] = (),
    gamma: float = 0.1,
) -> float:
    """Return the learning rate of optimiser step `step`, counted from 0 to total_steps - 1.

    The first `warmup_steps` rise linearly: base / warmup_steps, 2 base / warmup_steps, ..., base. Then

    - `cosine`: base (1 + cos(pi s / S)) / 2, with s the steps since the warm-up and S the number of
      steps after it; the rate starts at base and would reach 0 at total_steps;
    - `step`: base gamma^k, with k the number of `milestones` that were reached, each a fraction of
      total_steps, rounded to a step;
    - `constant`: base.

    Raises:
        InputError: an unknown schedule, a step outside 0..total_steps, a warm-up that is negative or longer
            than the training, or milestones not between 0 and 1.
    """
    _check(step, total_steps, schedule, warmup_steps, milestones)
    if step < warmup_steps:
        return base * (step + 1) / warmup_steps
    if schedule == "cosine":
        after = total_steps - warmup_steps
        # Without steps after the warm-up, this is reached only at step = total_steps: the end, hence 0.
        return base * (1 + math.cos(math.pi * (step - warmup_steps) / after)) / 2 if after else 0.0
    if schedule == "step":
        return base * gamma ** sum(step >= round(fraction * total_steps) for fraction in milestones)
    return base


def _check(
    step: int, total_steps: int, schedule: str, warmup_steps: int, milestones: Sequence[float]
) -> None:
    if schedule not in get_args(Schedule):
        known = get_args(Schedule)
        raise InputError(
            f"unknown schedule {schedule!r}{did_you_mean(schedule, known)} (known: {', '.join(known)})"
        )
    if not 0 <= step <= total_steps:
        raise InputError(f"step must be from 0 to total_steps = {total_steps}, not {step}")
    if not 0 <= warmup_steps <= total_steps:
        raise InputError(f"warmup_steps must be from 0 to total_steps = {total_steps}, not {warmup_steps}")
    if not all(0 < fraction < 1 for fraction in milestones):
        raise InputError(
            f"milestones must be fractions of the training above 0 and below 1, not {list(milestones)}"
        )
