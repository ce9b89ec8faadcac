"""How a step is executed fastest on a GPU: operation by operation, as a CUDA graph, or compiled.

A choice other than `eager` must win by a margin, and give the numbers of eager steps. On a processor nothing is
measured: it has no graphs, and to compile takes longer there than it saves.
"""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import nn

from kdtune.distill.arrays import DeviceData
from kdtune.distill.config import Execution, Job
from kdtune.distill.execution.device_errors import device_words, is_device_error
from kdtune.distill.fused.stack import is_stackable
from kdtune.distill.steps import Step, fused_step, solo_step
from kdtune.distill.weights.module import code_of
from kdtune.errors import RunError
from kdtune.sweep.calibration.cache import Measurement
from kdtune.sweep.calibration.place import Place, Setting, here
from kdtune.sweep.calibration.precision import machine_name
from kdtune.sweep.calibration.timing import MARGIN, made_up, seconds
from kdtune.sweep.plan import Plan

_COMPARED_STEPS = 4
_REPEATS = 5
_TOGETHER = 4
"""Students as one whose numbers are compared too."""

WORTH_COMPILING = 600.0
"""Seconds of one student's training below which it is not tried: to compile takes up to a minute, in each process."""

_ROUNDING = {"float32": 1e-3, "bfloat16": 0.02}
"""Relative difference of weights that a compiled step may make by rounding, by precision."""


@dataclass(frozen=True)
class ExecutionChoice:
    """How an architecture's steps are executed.

    Attributes:
        said: why, for a person: how much faster that is, or what speaks against the others.
    """

    execution: Execution
    said: str


def best_executions(plan: Plan, place: Place = here) -> Mapping[str, ExecutionChoice]:
    """Return how steps of each model that a plan trains are executed fastest where trials run, by its name."""
    jobs = {}
    for name in plan.space.architectures:
        role = "nds" if any(pair.student == name for pair in plan.space.pairs) else "teacher"
        job = plan.baseline_job(role, name)
        if job.weights is None:
            jobs[name] = job
    choices: Mapping[str, ExecutionChoice] = place(_best_executions, jobs, Setting.of(plan))
    return choices


def _best_executions(jobs: Mapping[str, Job], setting: Setting) -> Mapping[str, ExecutionChoice]:
    if not torch.cuda.is_available():
        return dict.fromkeys(jobs, ExecutionChoice("eager", "there is no GPU"))
    choices: dict[str, ExecutionChoice] = {}
    for name, job in jobs.items():
        try:
            choices[name] = _best_execution(job, setting, torch.device("cuda"))
        except Exception as error:  # a recording that fails may leave anything in disorder
            said = str(error).strip().partition("\n")[0]
            words = device_words(error) if is_device_error(error) else f"{type(error).__name__}: {said}"
            # In this process nothing more can be measured.
            return {name: choices.get(name, ExecutionChoice("eager", words)) for name in jobs}
    return choices


def _best_execution(job: Job, setting: Setting, device: torch.device) -> ExecutionChoice:
    facts = [
        machine_name(device), torch.__version__, job.architecture, list(setting.shape), setting.n_classes,
        setting.steps, {key: value for key, value in job.to_dict()["train"].items() if key not in ("epochs", "lr")},
    ]  # fmt: skip
    facts += code_of(job, input_shape=setting.shape, n_classes=setting.n_classes)
    kept = Measurement("execution", facts)
    with contextlib.suppress(RunError, KeyError, TypeError):
        found = kept.recall()
        return ExecutionChoice(found["execution"], found["said"])
    choice = measured(job, setting, device)
    kept.keep(vars(choice))
    return choice


def measured(job: Job, setting: Setting, device: torch.device) -> ExecutionChoice:
    """Time and compare the ways to execute a step, and return the fastest that gives the numbers of eager steps."""
    data = made_up(setting, setting.batch_size, device)
    ways: dict[Execution, Step] = {"eager": solo_step(job, data)}
    ways["eager"]()
    eager = _least(ways, device)["eager"]
    tried: list[Execution] = ["graphs"]
    if setting.steps * eager >= WORTH_COMPILING:
        tried.append("compiled")
    against, begins = [], {"eager": 0.0}
    for execution in tried:
        started = time.perf_counter()
        step = solo_step(_as(job, execution), data)
        step()
        begins[execution] = time.perf_counter() - started
        why = step.why_eager() or _why_not_equal(job, execution, data)
        if why:
            against.append(f"{execution}: {why}")
        else:
            ways[execution] = step
    least = _least(ways, device)
    whole = {name: begins[name] + setting.steps * least[name] for name in ways}
    best = min(whole, key=lambda name: whole[name])
    gain = whole["eager"] / whole[best]
    if best != "eager" and gain >= MARGIN:
        return ExecutionChoice(best, f"a training is {gain:.1f} times as fast as eager")
    if best != "eager":
        against.append(f"{best}: only {gain:.2f} times as fast")
    return ExecutionChoice("eager", "; ".join(against) or "nothing else is faster")


def _least(ways: dict[Execution, Step], device: torch.device) -> dict[Execution, float]:
    """Return the fewest seconds of a step in each way, interleaved."""
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(_REPEATS):
        for name, step in ways.items():
            least[name] = min(least[name], seconds(step, device))
    return least


def _why_not_equal(job: Job, execution: Execution, data: DeviceData) -> str:
    """Return which steps of this execution do not give the numbers of eager ones; an empty string if all do.

    Some libraries' operations round differently each time: then a graph may differ as much as two eager trainings do.
    """
    shape, n_classes = data.arrays.input_shape, data.arrays.n_classes
    for students in (1, _TOGETHER) if is_stackable(job.architecture, shape, n_classes) else (1,):

        def trained(execution: Execution, students: int = students) -> Step:
            asked = _as(job, execution)
            step = solo_step(asked, data) if students == 1 else fused_step(asked, data, students)
            for _ in range(_COMPARED_STEPS):
                step()
            return step

        eager, again, other = trained("eager"), trained("eager"), trained(execution)
        who = "a student" if students == 1 else f"{students} students as one"
        if why := other.why_eager():
            return f"{who}: {why}"
        bound = 4 * _apart(eager.module, again.module)
        if execution == "compiled":
            bound += _ROUNDING[job.train.precision]
        apart = _apart(eager.module, other.module)
        if not apart <= bound:
            return f"{who}: the numbers are not those of eager steps (relative difference {apart:.1e})"
    return ""


def _apart(a: nn.Module, b: nn.Module) -> float:
    """Return the largest difference of any weight or buffer, relative to the largest value of its tensor."""
    theirs = b.state_dict()
    found = [
        (value - theirs[name]).abs().max() / value.abs().max().clamp(min=1e-12)
        for name, value in a.state_dict().items()
        if value.is_floating_point()
    ]
    return float(torch.stack(found).max())


def _as(job: Job, execution: Execution) -> Job:
    return replace(job, train=job.train.with_options(execution=execution))
