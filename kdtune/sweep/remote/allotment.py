"""How a sweep divides its machine or cluster: how many trials run at once, and what each of them gets."""

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kdtune.errors import InputError
from kdtune.space.reading import Resources

TEACHER_GPU = 0.01
"""Share of a GPU for the process with the teachers, so that Ray puts it where there is one; trials leave this free."""

MOST_PER_GPU = 4
"""Trials on one GPU unless the space says otherwise: the small students of distillation leave most of a GPU idle."""

_DOMINANT = 30
"""How many times as much as all others a model must cost to wait for them.

Two cores are not twice as fast as one. Where other work keeps one of them busy they are slower than one, because each
operation waits until both have computed their part.
"""


@dataclass(frozen=True)
class Node:
    """A machine, and what Ray may use of it."""

    cpus: float
    gpus: float = 0.0

    def fits(self, cpus: float, gpus: float) -> int:
        """Return how many trials with these needs run here at once; a trial's share of a GPU lies on one GPU."""
        by_cpus = int(self.cpus / cpus)
        return by_cpus if not gpus else min(by_cpus, int(self.gpus) * int(1 / gpus + 1e-9))


@dataclass(frozen=True)
class Allotment:
    """How a sweep uses its machine or cluster.

    Attributes:
        workers: trials at once.
        cpus: cores of each trial; whole numbers are also its threads.
        gpus: share of a GPU of each trial.
        nodes: the machines on which one trial at least has room.
    """

    workers: int
    cpus: float
    gpus: float
    nodes: tuple[Node, ...]

    @property
    def threads(self) -> int:
        """Threads of one trial."""
        return max(1, int(self.cpus))

    @property
    def side_by_side(self) -> int:
        """Most trials at once on one machine: while they wait for the same logits, their cores are free."""
        return min(self.workers, max(node.fits(self.cpus, self.gpus) for node in self.nodes))

    def share(self, models: int) -> tuple[int, float]:
        """Return the cores and the share of a GPU of each of `models` models that are trained side by side.

        No model gets more cores than one machine has, because it could never be placed. None gets a GPU where trials
        get none: torch may be unable to use it.
        """
        cores = sum(node.cpus for node in self.nodes)
        largest = max(node.cpus for node in self.nodes)
        gpus = min(1.0, sum(node.gpus for node in self.nodes) / models) * (1 - TEACHER_GPU)
        return max(1, int(min(cores / models, largest))), max(self.gpus, gpus) if self.gpus else 0.0

    def turns(self, costs: Mapping[str, float]) -> list[dict[str, tuple[int, float]]]:
        """Return the cores and the share of a GPU of each of these models, in the order in which they should begin.

        Those of a turn are trained side by side, the costliest first, when the turn before has ended. There are two
        turns where each model would get one core, and one costs many times as much as all others together: cores would
        idle when the others have ended. So it waits for them, and gets all cores of a machine.

        Args:
            costs: of their trainings, in any unit.
        """
        costliest, *others = sorted(costs, key=lambda name: -costs[name])
        equal = self.share(len(costs))
        if equal != (1, 0.0) or costs[costliest] < _DOMINANT * sum(costs[name] for name in others):
            return [dict.fromkeys([costliest, *others], equal)]
        return [dict.fromkeys(others, self.share(max(1, len(others)))), {costliest: self.share(1)}]

    def words(self, cohort: int = 1) -> str:
        """Return in a few words what runs at once.

        Args:
            cohort: most students that are trained as one.
        """
        what = "trial" if cohort == 1 else "cohort"
        of = "" if cohort == 1 else f" of up to {cohort} trials"
        at_once = f"{self.workers} {what}{'s' if self.workers != 1 else ''}{of} at once"
        if not self.gpus:
            return at_once
        per_gpu = int(1 / self.gpus + 1e-9)
        return f"{at_once}, {'each on a GPU of its own' if per_gpu == 1 else f'up to {per_gpu} on a GPU'}"


def allotted(
    resources: Resources, nodes: Sequence[Node], whose: str, *, trials: int | None = None
) -> Allotment:
    """Choose how many trials run at once, and their share of a GPU, unless the space says so.

    Without a GPU a trial gets one core. With GPUs, all of them are used before one is shared: where there are fewer
    trials than GPUs, each gets one of its own, and otherwise as many trials share each GPU, `MOST_PER_GPU` at most.

    Args:
        whose: the beginning of a sentence about what there is: `Ray has`.
        trials: trials of the budget; more than these never run at once.

    Raises:
        InputError: no machine has what a trial asks for.
    """
    cpus, asked = resources.cpus_per_trial, resources.gpus_per_trial
    wanted = min(resources.workers or math.inf, trials or math.inf)
    gpus = _even_share(nodes, cpus, wanted) if asked is None else asked * (1 - TEACHER_GPU)
    fit = sum(node.fits(cpus, gpus) for node in nodes)
    if not fit:
        needs = f"resources.cpus_per_trial is {cpus:g}"
        if asked:
            needs += f" and resources.gpus_per_trial {asked:g}"
        remedy = "leave resources.gpus_per_trial out, or ask for less" if asked else "ask for less"
        raise InputError(f"{needs}, and no machine has that: {whose} {_listed(nodes)}: {remedy}")
    room = tuple(node for node in nodes if node.fits(cpus, gpus))
    return Allotment(int(min(fit, wanted)), cpus, gpus, room)


def workers_on(nodes: Sequence[Node], allotment: Allotment, resources: Resources) -> int:
    """Return how many trials may run at once on these machines: a cluster loses machines and gets new ones."""
    fit = sum(node.fits(allotment.cpus, allotment.gpus) for node in nodes)
    return max(1, min(resources.workers or fit, fit))


def cores_here() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _even_share(nodes: Sequence[Node], cpus: float, wanted: float) -> float:
    """Return the share of a GPU that leaves no GPU idle while trials share another; 0 without a GPU.

    Ray fills one GPU before it begins the next, so the last one stays idle unless the others have no room for all.
    """
    gpus = sum(int(node.gpus) for node in nodes if node.cpus >= cpus)
    if not gpus:
        return 0.0
    at_most = sum(node.fits(cpus, 1 / MOST_PER_GPU) for node in nodes)
    trials = int(min(wanted, at_most))
    per_gpu = max(1, math.ceil(trials / gpus))
    if per_gpu * (gpus - 1) >= trials:
        per_gpu = max(1, per_gpu - 1)
    return (1 - TEACHER_GPU) / per_gpu


def _listed(nodes: Sequence[Node]) -> str:
    """Return what there is: `2 machines of 8 cores and 4 GPUs, 1 machine of 16 cores`."""
    kinds = Counter(
        f"{node.cpus:g} core{'' if node.cpus == 1 else 's'}"
        + (f" and {node.gpus:g} GPU{'' if node.gpus == 1 else 's'}" if node.gpus else "")
        for node in nodes
    )
    listed = [f"{n} machine{'' if n == 1 else 's'} of {what}" for what, n in kinds.items()]
    return ", ".join(listed) or "no machine"
