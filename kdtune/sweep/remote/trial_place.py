"""Runs functions where trials run: on a machine that has what a trial gets, with its device and its threads."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
import torch

from kdtune.space.reading import Resources
from kdtune.sweep.remote.allotment import Allotment
from kdtune.sweep.remote.carried_code import UserCode
from kdtune.sweep.remote.cluster import allot
from kdtune.sweep.remote.worker_setup import prepare_process


@ray.remote(max_calls=1)
def _call(function: Callable[..., Any], arguments: tuple[Any, ...], user_code: UserCode, threads: int) -> Any:
    # One call for each process: what it leaves on a device is gone before trials begin.
    prepare_process(threads, user_code)
    return function(*arguments)


@dataclass(frozen=True)
class TrialPlace:
    """Calls functions in a task that gets what a trial gets."""

    allotment: Allotment
    user_code: UserCode

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function there, and return what it returns."""
        task = _call.options(num_cpus=self.allotment.cpus, num_gpus=self.allotment.gpus)
        return ray.get(task.remote(function, arguments, self.user_code, self.allotment.threads))


def on_usable_gpus(
    allotment: Allotment,
    resources: Resources,
    user_code: UserCode,
    say: Callable[[str], object],
    *,
    trials: int | None = None,
) -> Allotment:
    """Say which GPU students train on; return the allotment, without GPUs if torch can't use them, and say why."""
    if not allotment.gpus:
        return allotment
    name, why = TrialPlace(allotment, user_code)(gpu_here)
    if not why:
        say(f"students train on: {name}")
        return allotment
    counted = sum(node.gpus for node in allotment.nodes)
    say(f"Ray counts {counted:g} GPUs, and torch can't compute on them ({why}): students train on processors")
    return allot(resources.model_copy(update={"gpus_per_trial": 0.0}), trials=trials)


def gpu_here() -> tuple[str, str]:
    """Return the name of this process's GPU, and, where it can't compute on one, why."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name(), ""
    if torch.version.cuda is None and torch.version.hip is None:
        return "", f"torch {torch.__version__} is built without CUDA"
    try:
        torch.cuda.init()
    except Exception as error:  # each kind of trouble has its own class
        return "", str(error).strip().partition("\n")[0]
    return "", f"torch {torch.__version__} finds none"
