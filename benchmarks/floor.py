"""The floor of a sweep: the students' steps alone, on tensors in memory, as many at once as there are cores."""

import multiprocessing
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from kdtune.runs.reader import Run

_SECONDS = 3.0


def step_seconds(run: Run) -> float:
    """Return the seconds of one step of a run's student: forward, loss, backward, update; median over all cores."""
    student = run.record.pairs[0].split("->")[1]
    space = run.record.space
    speed = run.record.machine["speeds"].get(student, {"precision": "float32", "channels_last": False})
    shape = run.record.dataset["input_shape"]
    task = (student, shape, len(run.record.classes), space["train"], speed)
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
        return statistics.median(pool.map(_steps, [task] * cores))


def _steps(task: tuple[str, list[int], int, dict[str, Any], dict[str, Any]]) -> float:
    import torch

    from benchmarks.by_hand import make_optimizer
    from kdtune.distill import kd_loss
    from kdtune.distill.evaluation.forward import autocast
    from kdtune.models import build

    student, shape, n_classes, train, speed = task
    torch.set_num_threads(1)
    model = build(student, input_shape=tuple(shape), n_classes=n_classes).train()
    inputs = torch.randn(train["batch_size"], *shape)
    if speed["channels_last"]:
        model, inputs = (
            model.to(memory_format=torch.channels_last),
            inputs.contiguous(memory_format=torch.channels_last),
        )
    labels = torch.zeros(len(inputs), dtype=torch.int64)
    soft = torch.randn(len(inputs), n_classes)
    optimizer = make_optimizer(model, 1e-3, train)
    times: list[float] = []
    until = time.perf_counter() + _SECONDS
    while time.perf_counter() < until or len(times) < 5:
        started = time.perf_counter()
        with autocast(torch.device("cpu"), speed["precision"]):
            logits = model(inputs)
        loss = kd_loss(logits.float(), soft, labels, temperature=4.0, alpha=0.5)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
