"""How long a training step takes here: on made-up data, in time that other work on the machine does not count in."""

import functools
import time
from collections.abc import Callable

import numpy as np
import torch

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.sweep.calibration.place import Setting

MARGIN = 1.15
"""How many times faster than what is plain another way must be to be taken: less may be noise."""
_STEPS = 2
_FINEST_STEP = 1e-4
"""Seconds of the shortest steps, about."""


def seconds(step: Callable[[], None], device: torch.device) -> float:
    """Return how long a step takes: on a CPU the process's own time, where the system counts it finely enough."""
    on_gpu = device.type == "cuda"
    clock = time.perf_counter if on_gpu or _tick_of_process_time() > _FINEST_STEP else time.process_time
    started = clock()
    for _ in range(_STEPS):
        step()
    if on_gpu:
        torch.cuda.synchronize()
    return (clock() - started) / _STEPS


def made_up(setting: Setting, n: int, device: torch.device) -> DeviceData:
    """Return a batch of noise in the form of the data."""
    shape, is_image = setting.shape, len(setting.shape) == 3
    inputs = np.zeros((n, *shape), dtype=np.uint8 if is_image else np.float32)
    channels = (0.5,) * shape[0] if is_image else None
    labels = np.zeros(n, dtype=np.int64)
    arrays = Arrays(
        inputs, labels, inputs[:2], labels[:2], {}, {}, setting.n_classes, channels, channels, 0, False
    )
    return DeviceData(arrays, device, view_seed=0, augment=False)


@functools.cache
def _tick_of_process_time() -> float:
    """Return by how many seconds process time advances: in some sandboxes and under some profilers, by 4 to 16 ms."""
    ticks = []
    for _ in range(3):
        before = time.process_time()
        while (now := time.process_time()) == before:
            pass
        ticks.append(now - before)
    return min(ticks)
