"""Models trained as Ray tasks beside each other: their reports as they come, their weights at the end."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import ray

from kdtune.distill.config import Job
from kdtune.models import Builder
from kdtune.runs.records import Report
from kdtune.sweep.cluster import TEACHER_GPU, Allotment
from kdtune.sweep.workers import train_model


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
    *,
    teachers: Any = None,
    on_report: Callable[[str, Report], object],
    stopping: Callable[[], bool],
) -> Iterator[Outcome]:
    """Train models, and yield each as it ends; all that are at work are left behind where `stopping` says so.

    Args:
        jobs: by any id.
        arrays: reference to `Arrays`.
        teachers: handle of the `TeacherServer` of distilled students.
        on_report: is given each report as it comes.
    """
    threads = max(1, int(allotment.total_cpus) // max(1, len(jobs)))
    gpus = min(1.0, allotment.total_gpus / max(1, len(jobs)))
    gpus = max(allotment.gpus, gpus * (1 - TEACHER_GPU))
    task = train_model.options(
        num_cpus=min(threads, allotment.total_cpus), num_gpus=gpus, num_returns="streaming"
    )
    streams: dict[Any, str] = {
        task.remote(arrays, job, builders, threads, extras, teachers): name for name, job in jobs.items()
    }
    reports: dict[str, list[Report]] = {name: [] for name in jobs}
    while streams and not stopping():
        streaming: list[Any] = list(streams)
        ready, _ = ray.wait(streaming, num_returns=1, timeout=0.5)
        for stream in cast(list[Any], ready):
            name = streams[stream]
            try:
                kind, value = ray.get(next(stream))
            except StopIteration:
                del streams[stream]
                yield Outcome(name, tuple(reports[name]), None, "its training ended without weights")
                continue
            except Exception as error:
                del streams[stream]
                yield Outcome(name, tuple(reports[name]), None, reason(error))
                continue
            if kind == "report":
                report = Report.from_dict(value)
                reports[name].append(report)
                on_report(name, report)
                continue
            del streams[stream]
            yield Outcome(name, tuple(reports[name]), value)


def reason(error: Exception) -> str:
    """Return the last line of what a worker says went wrong."""
    cause = getattr(error, "cause", None)
    text = str(cause if isinstance(cause, BaseException) else error).strip()
    return text.splitlines()[-1] if text else type(error).__name__
