"""Models trained as Ray tasks beside each other: their reports as they come, their weights at the end."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import ray
import safetensors.torch

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Job
from kdtune.distill.training import Training
from kdtune.models import Builder
from kdtune.runs.records import Report
from kdtune.space.reading import Resources
from kdtune.sweep.remote.cluster import TEACHER_GPU, Allotment
from kdtune.sweep.remote.teacher_server import served_signal
from kdtune.sweep.remote.watchdog import watchdog
from kdtune.sweep.remote.worker_registry import LOST, SignedIn, last_words
from kdtune.sweep.remote.worker_setup import prepare_process


@ray.remote(max_retries=0)
def train_model(
    arrays: Arrays,
    job: Job,
    builders: Mapping[str, Builder],
    threads: int,
    extras: tuple[str, ...],
    teachers: Any = None,
    desk: Any = None,
    number: int = 0,
) -> Iterator[tuple[str, Any]]:
    """Train one model as a task; yield each report as it comes, and the weights (safetensors) last.

    A distilled student learns from `teachers`, the handle of a `TeacherServer` with the job's view seed. Where there is
    a `desk`, the process signs in there, batch by batch, under the model's number.
    """
    device = prepare_process(threads, builders)
    data = DeviceData(arrays, device, view_seed=job.view_seed, augment=job.train.augment)
    signal = None if job.distillation is None else served_signal(teachers, job.distillation.teacher)
    signed_in = None if desk is None else SignedIn(desk)

    def on_batch() -> None:
        if signed_in is not None:
            signed_in.go_on((number,))

    on_batch()
    training = Training(job, data, teacher=signal, extras=extras, on_batch=on_batch)
    try:
        while not training.done:
            yield "report", training.step().to_dict()
    finally:
        if signed_in is not None:
            signed_in.end()
    state = {name: tensor.contiguous().cpu() for name, tensor in training.model.state_dict().items()}
    yield "weights", safetensors.torch.save(state)


@dataclass(frozen=True)
class Outcome:
    """What became of one model.

    Attributes:
        weights: safetensors; None where it could not be trained.
        failure: why, then.
    """

    id: str
    reports: tuple[Report, ...]
    weights: bytes | None
    failure: str = ""


def train_all(
    jobs: Mapping[str, Job],
    arrays: Any,
    allotment: Allotment,
    builders: Mapping[str, Builder],
    extras: tuple[str, ...],
    resources: Resources,
    *,
    desk: Any = None,
    teachers: Any = None,
    usual_epoch: float = 0.0,
    on_report: Callable[[str, Report], object],
    on_lost: Callable[[str, str], object],
    stopping: Callable[[], bool],
) -> Generator[Outcome]:
    """Train models, and yield each as it ends; all that are at work are left behind where `stopping` says so.

    A model whose worker dies is trained again, `max_failures` times at most. So is one whose worker hangs: no batch
    ends for `stall_seconds`, and, where it may be waiting for its teacher, for ten epochs as long as the longest.

    Args:
        jobs: by any id.
        arrays: reference to `Arrays`.
        desk: handle of the `Desk`; without it, none is taken to hang.
        teachers: handle of the `TeacherServer` of distilled students.
        usual_epoch: the longest epoch that is known, in seconds.
        on_report: is given each report as it comes; after a loss, earlier ones come again.
        on_lost: is given each model that is trained again, and why.
    """
    threads = max(1, int(allotment.total_cpus) // max(1, len(jobs)))
    gpus = min(1.0, allotment.total_gpus / max(1, len(jobs)))
    gpus = max(allotment.gpus, gpus * (1 - TEACHER_GPU))
    task = train_model.options(
        num_cpus=min(threads, allotment.total_cpus), num_gpus=gpus, num_returns="streaming"
    )
    numbers = {name: number for number, name in enumerate(jobs)}
    streams: dict[Any, str] = {}
    reports: dict[str, list[Report]] = {}
    losses = dict.fromkeys(jobs, 0)

    def begin(name: str) -> None:
        reports[name] = []
        stream = task.remote(arrays, jobs[name], builders, threads, extras, teachers, desk, numbers[name])
        streams[stream] = name

    def usual(_: Sequence[int]) -> float:
        seen = [report.seconds for so_far in list(reports.values()) for report in list(so_far)]
        return 0.0 if teachers is None else max([usual_epoch, *seen])

    def lost(name: str) -> str:
        """Train a model again and return nothing, or return why it is given up."""
        words = "" if desk is None else last_words(desk, (numbers[name],))
        losses[name] += 1
        if losses[name] <= resources.max_failures:
            on_lost(name, f"{words or LOST}; it is trained again")
            begin(name)
            return ""
        return (words or LOST) + (f" ({losses[name]} times)" if losses[name] > 1 else "")

    for name in jobs:
        begin(name)
    with watchdog(desk, usual, None if desk is None else resources.stall_seconds, what="batch"):
        while streams and not stopping():
            streaming: list[Any] = list(streams)
            ready, _ = ray.wait(streaming, num_returns=1, timeout=0.5)
            for stream in cast(list[Any], ready):
                name = streams[stream]
                weights, why = None, "its training ended without weights"
                try:
                    kind, value = ray.get(next(stream))
                except StopIteration:
                    pass
                # Raised in training, it would be raised again; and without this machine's Ray nothing is trained again.
                except (ray.exceptions.RayTaskError, ray.exceptions.LocalRayletDiedError) as error:
                    why = reason(error)
                except ray.exceptions.RayError:
                    why = lost(name)
                else:
                    if kind == "report":
                        report = Report.from_dict(value)
                        reports[name].append(report)
                        on_report(name, report)
                        continue
                    weights, why = value, ""
                del streams[stream]
                if weights is not None or why:
                    yield Outcome(name, tuple(reports[name]), weights, why)


def reason(error: Exception) -> str:
    """Return the last line of what a worker says went wrong."""
    cause = getattr(error, "cause", None)
    text = str(cause if isinstance(cause, BaseException) else error).strip()
    return text.splitlines()[-1] if text else type(error).__name__
