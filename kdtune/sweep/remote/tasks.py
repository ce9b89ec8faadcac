"""Trains models as parallel Ray tasks: their reports arrive as they come, their weights at the end."""

import contextlib
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import ray

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.config import Job
from kdtune.distill.execution.device_errors import device_words, is_device_error
from kdtune.distill.teachers.ensemble import EnsembleTraining
from kdtune.distill.training import Training
from kdtune.distill.weights.state import saved_state
from kdtune.errors import SweepError
from kdtune.runs.records import Report
from kdtune.space.reading import Resources
from kdtune.sweep.remote.allotment import Allotment
from kdtune.sweep.remote.carried_code import UserCode
from kdtune.sweep.remote.teacher_server import TeacherClient, TrainedTeacher, serve_teachers
from kdtune.sweep.remote.watchdog import watchdog
from kdtune.sweep.remote.worker_registry import LOST, RegistryClient
from kdtune.sweep.remote.worker_setup import place_here, prepare_process
from kdtune.user_code import own_code

RAY_ENDED = "Ray ended on this machine (its process raylet is gone); what was trained is kept"


@ray.remote(max_retries=0)
def train_model(
    arrays: Arrays,
    job: Job,
    user_code: UserCode,
    threads: int,
    extras: tuple[str, ...],
    teachers: TeacherClient | None = None,
    registry: RegistryClient | None = None,
    number: int = 0,
) -> Iterator[tuple[str, Any]]:
    """Train one model as a task; yield its place first, each report as it comes, its weights (safetensors) last.

    The place is a machine and a GPU, or nothing where it has no GPU.

    A distilled student learns from `teachers`, which serve the job's view seed. If there is a `registry`, the process
    reports to it batch by batch, under the model's number.
    """
    device = prepare_process(threads, user_code)
    yield "place", place_here()

    def on_batch() -> None:
        if registry is not None:
            registry.go_on((number,))

    try:
        data = DeviceData(arrays, device, view_seed=job.view_seed, augment=job.train.augment)
        signal = None
        if job.distillation is not None:
            assert teachers is not None
            signal = teachers.signal(job.distillation.teacher)
        on_batch()
        training: Training | EnsembleTraining
        if job.members:
            training = EnsembleTraining(job, data, extras=extras, on_batch=on_batch)
        else:
            training = Training(job, data, teacher=signal, extras=extras, on_batch=on_batch)
        while not training.done:
            with own_code("a model or loss ended the process", passed=(Exception,)):
                report = training.step()
            yield "report", report.to_dict()
    except Exception as error:
        if not is_device_error(error):
            raise
        # Whatever this process would compute next would fail too, so it ends, and Ray starts another one.
        if registry is not None:
            registry.report_failure((number,), device_words(error))
        os._exit(1)
    finally:
        if registry is not None:
            registry.end()
    yield "weights", saved_state(training.model.state_dict())


@dataclass(frozen=True)
class Outcome:
    """What became of one model.

    Attributes:
        weights: safetensors; None if it could not be trained.
        failure: why it could not be trained.
    """

    id: str
    reports: tuple[Report, ...]
    weights: bytes | None
    failure: str = ""


def _never() -> bool:
    return False


def _ignore(model_id: str, news: object) -> None:
    """Ignore news of a model."""


@dataclass(frozen=True)
class TaskTrainer:
    """Trains models as parallel Ray tasks, and holds what all models of a run need.

    Attributes:
        arrays: reference to `Arrays`.
        user_code: what the user registered.
        extras: measures in addition to the counts.
        registry: where workers report; without it, no worker is assumed to hang.
        stopping: returns whether the run was asked to stop; models at work are then abandoned.
    """

    arrays: Any
    allotment: Allotment
    user_code: UserCode
    extras: tuple[str, ...]
    resources: Resources
    registry: RegistryClient | None = None
    stopping: Callable[[], bool] = _never

    def serve(
        self, teachers: Mapping[str, TrainedTeacher], *, view_seed: int, augment: bool, epochs: int
    ) -> contextlib.AbstractContextManager[TeacherClient]:
        """Run a process with these teachers, by architecture, for students of so many epochs, until the block ends."""
        return serve_teachers(
            self.arrays,
            teachers,
            self.user_code,
            self.allotment,
            view_seed=view_seed,
            augment=augment,
            registry=self.registry,
            max_failures=self.resources.max_failures,
            epochs=epochs,
        )

    def train(
        self,
        jobs: Mapping[str, Job],
        *,
        costs: Mapping[str, float] | None = None,
        teachers: TeacherClient | None = None,
        usual_epoch: float = 0.0,
        on_report: Callable[[str, Report], object] = _ignore,
        on_lost: Callable[[str, str], object] = _ignore,
        on_place: Callable[[str, Mapping[str, str]], object] = _ignore,
    ) -> Generator[Outcome]:
        """Train models by any id, and yield each as it ends.

        A model whose worker dies is trained again, `max_failures` times at most. So is one whose worker hangs: no batch
        ends for `stall_seconds` and, if it may be waiting for its teacher, for ten times the longest epoch.

        Args:
            costs: what each training costs, by id, of all models among which the machine is divided, including those
                that an earlier driver trained: the last bits of the weights depend on the number of threads, so that
                must not change with the number of models that are left. By default they cost the same.
            teachers: teachers of distilled students.
            usual_epoch: the longest epoch that is known, in seconds.
            on_report: called with each report as it comes; after a loss, earlier ones come again.
            on_lost: called with each model that is trained again, and why.
            on_place: called with each model that begins, and with its machine and its GPU, if it has one.

        Raises:
            SweepError: Ray ended on this machine.
        """
        turns = self.allotment.turns(costs or dict.fromkeys(jobs, 1.0))
        shares = {name: share for turn in turns for name, share in turn.items()}
        numbers = {name: number for number, name in enumerate(jobs)}
        streams: dict[Any, str] = {}
        reports: dict[str, list[Report]] = {}
        losses = dict.fromkeys(jobs, 0)

        def begin(name: str) -> None:
            reports[name] = []
            streams[self._begin(jobs[name], shares[name], teachers, numbers[name])] = name

        def usual(_: Sequence[int]) -> float:
            seen = [report.seconds for so_far in list(reports.values()) for report in list(so_far)]
            return 0.0 if teachers is None else max([usual_epoch, *seen])

        def lost(name: str) -> str:
            """Train a model again and return an empty string, or return why it is given up."""
            words = "" if self.registry is None else self.registry.pop_failure((numbers[name],))
            losses[name] += 1
            if losses[name] <= self.resources.max_failures:
                on_lost(name, f"{words or LOST}; it is trained again")
                begin(name)
                return ""
            return (words or LOST) + (f" ({losses[name]} times)" if losses[name] > 1 else "")

        with watchdog(self.registry, usual, self.resources.stall_seconds, what="batch"):
            for turn in turns:
                if self.stopping():
                    break
                # Ray may begin the next turn, if it knows of it, before all of this one have begun.
                for name in turn:
                    if name in jobs:
                        begin(name)
                while streams and not self.stopping():
                    ready, _ = ray.wait(list[Any](streams), num_returns=1, timeout=0.5)
                    for stream in cast(list[Any], ready):
                        name = streams[stream]
                        kind, value = _news(stream)
                        if kind == "place":
                            on_place(name, value)
                        elif kind == "report":
                            report = Report.from_dict(value)
                            reports[name].append(report)
                            on_report(name, report)
                        elif kind == "weights":
                            del streams[stream]
                            yield Outcome(name, tuple(reports[name]), value)
                        else:
                            del streams[stream]
                            if why := lost(name) if kind == "lost" else value:
                                yield Outcome(name, tuple(reports[name]), None, why)

    def _begin(self, job: Job, share: tuple[int, float], teachers: TeacherClient | None, number: int) -> Any:
        threads, gpus = share
        task = train_model.options(num_cpus=threads, num_gpus=gpus, num_returns="streaming")
        return task.remote(
            self.arrays, job, self.user_code, threads, self.extras, teachers, self.registry, number
        )


def _news(stream: Any) -> tuple[str, Any]:
    """Return what a task yields next, or `failed` and why, or `lost` where its worker has died.

    Raises:
        SweepError: Ray ended on this machine.
    """
    try:
        news: tuple[str, Any] = ray.get(next(stream))
    except StopIteration:
        return "failed", "its training ended without weights"
    except ray.exceptions.RayTaskError as error:
        return "failed", reason(error)  # an error in training would come again
    except ray.exceptions.LocalRayletDiedError as error:
        raise SweepError(RAY_ENDED) from error  # no other model can be trained either
    except ray.exceptions.RayError:
        return "lost", None
    return news


def reason(error: Exception) -> str:
    """Return the last line of what a worker says went wrong."""
    cause = getattr(error, "cause", None)
    text = str(cause if isinstance(cause, BaseException) else error).strip()
    return text.splitlines()[-1] if text else type(error).__name__
