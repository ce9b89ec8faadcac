"""Which precision and memory layout runs a model fastest here: measured, and kept for the next sweep.

The measurement is cached by machine, model, shapes and threads: two sweeps on one machine make the same choice, and so
give the same numbers. A choice other than plain float32 must win by a margin, not by noise. Students that may be
trained as one are measured so: their pooling takes several times as long in the layout that suits one alone.
"""

import contextlib
import functools
import os
import platform
import time

import torch
from torch import nn

from kdtune.distill.config import Job
from kdtune.distill.evaluation.forward import autocast
from kdtune.distill.execution.device_errors import suppress_device_errors
from kdtune.distill.fused.stack import is_stackable, stack
from kdtune.distill.weights.module import code_of, module_of
from kdtune.distill.weights.source import Weights
from kdtune.errors import RunError
from kdtune.sweep.calibration.cache import Measurement
from kdtune.sweep.calibration.place import Place, Setting, here
from kdtune.sweep.calibration.timing import MARGIN
from kdtune.sweep.plan import Plan, Speed
from kdtune.torch_defaults import threads

_STEPS = 3
_LONG = 0.1
"""Seconds after which no further step is needed: one that takes so long is timed well by itself."""
_REPEATS = 3
_SECONDS = 4.0
_PLAIN = Speed("float32", False)
_VARIANTS = (_PLAIN, Speed("float32", True), Speed("bfloat16", True))

_HOPELESS = 2.0
"""How many times as long as in float32 a convolution in bfloat16 may take for models to be tried in it."""

_TOGETHER = 4
_LONGEST_STEP = 0.1
"""Seconds of a step of so many students above which one alone is measured: convolutions decide, as they do in one."""


def fastest(architecture: str, plan: Plan, place: Place = here) -> Speed:
    """Return how a model of this name trains fastest on images of these shapes; tables and text get the default."""
    setting = Setting.of(plan)
    if len(setting.shape) != 3:
        return Speed()
    role = "nds" if any(pair.student == architecture for pair in plan.space.pairs) else "teacher"
    file = plan.file(role, architecture)
    together = role == "nds" and plan.space.resources.cohort != 1 and may_be_one_of_several(file)
    speed: Speed = place(_fastest, plan.baseline_job(role, architecture), file, setting, together)
    return speed


def may_be_one_of_several(file: Weights | None) -> bool:
    """Return whether a student that begins from a file may be trained as one with others.

    What stands before a model with another normalisation, or another size of images, does not work side by side.
    """
    return file is None or (file.mean is None and file.shape is None)


def _fastest(job: Job, file: Weights | None, setting: Setting, together: bool) -> Speed:
    cores = min(setting.threads, os.cpu_count() or 1)
    shape, n_classes = setting.shape, setting.n_classes
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    facts = [
        machine_name(device),
        torch.__version__,
        job.architecture,
        list(shape),
        setting.batch_size,
        cores,
        n_classes,
        together,
    ]
    if file is not None and file.shape is not None:
        facts.append(list(file.shape))
    facts += code_of(job, input_shape=shape, n_classes=n_classes)
    measured = Measurement("speed", facts)
    with contextlib.suppress(RunError, KeyError, TypeError):
        found = measured.recall()
        return Speed(found["precision"], found["channels_last"])
    with suppress_device_errors():

        def model() -> nn.Module:
            return module_of(job, input_shape=shape, n_classes=n_classes)

        times = _measure(model(), 1, setting, device, cores)
        if (
            together
            and _TOGETHER * min(times.values()) < _LONGEST_STEP
            and is_stackable(job.architecture, shape, n_classes)
        ):
            times = _measure(stack([model() for _ in range(_TOGETHER)]), _TOGETHER, setting, device, cores)
        best = min(times, key=lambda speed: times[speed])
        chosen = best if times[best] * MARGIN < times[_PLAIN] else _PLAIN
        seconds = {
            f"{speed.precision}{' channels_last' if speed.channels_last else ''}": t
            for speed, t in times.items()
        }
        kept = {"precision": chosen.precision, "channels_last": chosen.channels_last}
        measured.keep({**kept, "measured": seconds})
        return chosen
    return Speed()  # nothing was measured, and in this process nothing can be


def machine_name(device: torch.device) -> str:
    """Return the name of the GPU or the CPU that computes."""
    return torch.cuda.get_device_name() if device.type == "cuda" else f"{platform.processor()} {_cpu_name()}"


def _cpu_name() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def _measure(
    model: nn.Module, students: int, setting: Setting, device: torch.device, cores: int
) -> dict[Speed, float]:
    """Return the fewest seconds per step of each variant, interleaved, measured for at most a few seconds in all."""
    with threads(cores):
        model = model.to(device).train()
        inputs = torch.randn(setting.batch_size, *setting.shape, device=device)
        labels = torch.zeros(setting.batch_size * students, dtype=torch.int64, device=device)
        variants = [speed for speed in _VARIANTS if _may_pay(speed, device)]
        best = dict.fromkeys(variants, float("inf"))
        deadline = time.perf_counter() + _SECONDS
        for repeat in range(1 + _REPEATS):  # the first warms up
            for speed in variants:
                seconds = _steps(model, inputs, labels, speed, device)
                if repeat:
                    best[speed] = min(best[speed], seconds)
            if repeat and time.perf_counter() > deadline:
                break
        return best


def _may_pay(speed: Speed, device: torch.device) -> bool:
    """Return whether a variant is worth measuring: bfloat16 is not on processors without instructions for it."""
    return speed.precision == "float32" or device.type != "cpu" or _bfloat16_slowdown() < _HOPELESS


@functools.cache
def _bfloat16_slowdown() -> float:
    """Return how many times as long as in float32 a small convolution takes on this processor in bfloat16.

    It takes milliseconds. Without instructions for bfloat16 a model takes up to ten times as long, so that measuring a
    whole one is most of what a newcomer waits for.
    """
    convolution = nn.Conv2d(32, 32, 3, padding=1)
    inputs = torch.randn(8, 32, 16, 16)
    labels = torch.zeros(8, dtype=torch.int64)
    model = nn.Sequential(convolution, nn.Flatten(1))
    cpu = torch.device("cpu")
    times = {
        precision: min(_steps(model, inputs, labels, Speed(precision, True), cpu) for _ in range(_REPEATS))
        for precision in ("float32", "bfloat16")
    }
    return times["bfloat16"] / times["float32"]


def _steps(
    model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor, speed: Speed, device: torch.device
) -> float:
    layout = torch.channels_last if speed.channels_last else torch.contiguous_format
    model.to(memory_format=layout)
    batch = inputs.contiguous(memory_format=layout)
    started, done = time.perf_counter(), 0
    while done < _STEPS and time.perf_counter() - started < _LONG:
        with autocast(device, speed.precision):
            logits = model(batch)  # of several students side by side
        nn.functional.cross_entropy(logits.float().reshape(len(labels), -1), labels).backward()
        done += 1
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / done
