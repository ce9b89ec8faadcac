"""The one process that runs teachers: it computes each view of the data once, when it is first asked for."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import ray
import safetensors.torch
import torch

from kdtune.distill.arrays import Arrays, DeviceData, tensor_of
from kdtune.distill.config import Job
from kdtune.distill.epoch import is_channels_last
from kdtune.distill.execution.device_errors import device_words, is_device_error
from kdtune.distill.teachers.logits import signal_of_logits
from kdtune.distill.teachers.signal import TeacherSignal, signal_of
from kdtune.distill.weights.module import trained_module
from kdtune.errors import KdtuneError, SweepError
from kdtune.sweep.remote.allotment import TEACHER_GPU, Allotment
from kdtune.sweep.remote.carried_code import UserCode
from kdtune.sweep.remote.worker_registry import RegistryClient
from kdtune.sweep.remote.worker_setup import prepare_process
from kdtune.user_code import own_code

_ATTEMPTS = 5

_WARNING = b"has constructor arguments in the object store"


@dataclass(frozen=True)
class TrainedTeacher:
    """A teacher.

    Attributes:
        job: its architecture and protocol.
        weights: safetensors: its weights, or its logits in their place.
        predictions: the classes that it gave the validation examples after its last epoch, int [m]; None where they
            were not recorded.
    """

    job: Job
    weights: bytes
    predictions: np.ndarray | None = None


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
class TeacherServer:
    """Runs each teacher once on each view, when it is first asked for, and keeps the logits in the object store.

    It holds no state that can't be computed again: if its node dies, Ray starts it elsewhere. After an error of the
    device its process ends, and Ray starts another one, `max_failures` times at most; then every call raises
    SweepError with what the device said.
    """

    def __init__(
        self,
        references: list[Any],
        user_code: UserCode,
        threads: int,
        at_once: int,
        view_seed: int,
        augment: bool,
        registry: RegistryClient | None,
        max_failures: int,
        epochs: int,
    ) -> None:
        self._registry = registry
        self._max_failures = max_failures
        self._broken = ""
        self._views: dict[tuple[str, int], Any] = {}
        self._features: dict[tuple[str, int], Any] = {}
        device = prepare_process(threads, user_code)
        arrays: Arrays
        teachers: Mapping[str, TrainedTeacher]
        arrays, teachers = ray.get(references)
        self._signals = {}
        self._n_views = 1
        try:
            with self._computing():
                data = DeviceData(arrays, device, view_seed=view_seed, augment=augment)
                self._n_views = epochs if data.train.varies else 1
                for name, teacher in teachers.items():
                    self._signals[name] = _signal_of(teacher, data, at_once)
        except SweepError:
            if not self._broken:  # an error in a constructor would hide what the device said
                raise

    def logits(self, teacher: str, view: int) -> Any:
        """Return a reference to the logits, float32 [n, classes], of a teacher on a view of all training examples."""
        with self._computing():
            if (teacher, view) not in self._views:
                logits = self._signals[teacher].logits(view)
                self._views[teacher, view] = ray.put(logits.cpu().numpy())
        return self._views[teacher, view]

    def prepare(self, teacher: str, view: int) -> None:
        """Compute the logits of a view before somebody asks for it, if there is such a view."""
        if view < self._n_views and not self._broken:
            self.logits(teacher, view)

    def features(self, teacher: str, view: int) -> Any:
        """Return a reference to the features, float32 [n, D], of a teacher on a view of all training examples."""
        with self._computing():
            if (teacher, view) not in self._features:
                self._features[teacher, view] = ray.put(self._signals[teacher].features(view).cpu().numpy())
        return self._features[teacher, view]

    def validation_predictions(self, teacher: str) -> np.ndarray:
        """Return the classes, int64 [m], that a teacher gives the validation examples."""
        with self._computing():
            return self._signals[teacher].validation_predictions

    def views(self) -> list[tuple[str, int]]:
        """Return which (teacher, view) were computed."""
        return list(self._views)

    @contextlib.contextmanager
    def _computing(self) -> Iterator[None]:
        """End this process at an error of the device, unless that has happened too often."""
        if self._broken:
            raise SweepError(self._broken)
        try:
            with own_code("a teacher ended the process", passed=(Exception,)):
                yield
        except Exception as error:
            if not is_device_error(error):
                raise
            me = str(ray.get_runtime_context().get_actor_id())
            times = self._max_failures + 1 if self._registry is None else self._registry.count_end(me)
            if times <= self._max_failures:
                os._exit(1)
            self._broken = f"the process with the teachers: {device_words(error)}"
            if times > 1:
                self._broken += f" ({times} times)"
            raise SweepError(self._broken) from None


def _signal_of(teacher: TrainedTeacher, data: DeviceData, at_once: int) -> TeacherSignal:
    if teacher.job.logits is not None:
        return signal_of_logits(teacher.weights)
    model = trained_module(
        teacher.job,
        safetensors.torch.load(teacher.weights),
        input_shape=data.arrays.input_shape,
        n_classes=data.arrays.n_classes,
    ).to(data.device)
    if is_channels_last(teacher.job, data):
        model = model.to(memory_format=torch.channels_last)
    return signal_of(
        model,
        data,
        precision=teacher.job.train.precision,
        threads=at_once,
        validation_predictions=teacher.predictions,
    )


class TeacherClient:
    """The client of the process with the teachers, for driver and workers; it is pickled on its way to workers.

    Args:
        handle: handle of the Ray actor.
        needs: references to what a restart of the actor needs, held here because Ray does not hold them.
        ahead: whether the logits of the next view are computed while a student learns from those of one.
    """

    def __init__(self, handle: Any, needs: Sequence[Any] = (), *, ahead: bool = False) -> None:
        self._handle = handle
        self._needs = needs
        self._ahead = ahead

    def __reduce__(self) -> Any:
        return partial(TeacherClient, ahead=self._ahead), (self._handle,)

    def signal(self, teacher: str) -> TeacherSignal:
        """Return a teacher's signal; its latest view is kept.

        Raises:
            SweepError: the device failed again and again; the signal's own calls raise it too.
        """

        def latest(ask: Any) -> Callable[[int], torch.Tensor]:
            kept: dict[int, torch.Tensor] = {}

            def on(view: int) -> torch.Tensor:
                if view not in kept:
                    kept.clear()
                    kept[view] = tensor_of(self._fetched(ask, teacher, view))
                return kept[view]

            return on

        logits = latest(self._handle.logits)

        def logits_and_next(view: int) -> torch.Tensor:
            found = logits(view)
            if self._ahead:
                self._handle.prepare.remote(teacher, view + 1)
            return found

        return TeacherSignal(
            logits_and_next,
            _answer(self._handle.validation_predictions.remote(teacher)),
            latest(self._handle.features),
        )

    def ready(self) -> Any:
        """Return a reference that is resolved once the process can answer."""
        return self._handle.views.remote()

    def _fetched(self, ask: Any, teacher: str, view: int) -> np.ndarray:
        """Fetch an array; if its process died between the answer and the fetch, its successor computes it again."""
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(ray.exceptions.ObjectLostError):
                return cast(np.ndarray, ray.get(_answer(ask.remote(teacher, view))))
        return cast(np.ndarray, ray.get(_answer(ask.remote(teacher, view))))


def _answer(reference: Any) -> Any:
    """Return what the process answers; what it says to a person is raised as it was, without Ray's frame."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, KdtuneError):
            raise error.cause from None
        raise


@contextlib.contextmanager
def unwarned() -> Iterator[None]:
    """Leave out that Ray's core warns of references among an actor's arguments, which `TeacherClient` holds.

    The core writes to the descriptor of standard error itself; all other lines are written when the block ends.
    """
    with contextlib.ExitStack() as stack:
        try:
            errors = stack.enter_context(open(os.dup(2), "wb", buffering=0))
            aside = stack.enter_context(tempfile.TemporaryFile())
        except OSError:  # standard error is closed, or there is no room for a file
            yield
            return
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(errors.fileno(), 2)
            with contextlib.suppress(OSError):  # nobody reads it any more
                aside.seek(0)
                for line in aside:
                    if _WARNING not in line:
                        errors.write(line)


@contextlib.contextmanager
def serve_teachers(
    arrays: Any,
    teachers: Mapping[str, TrainedTeacher],
    user_code: UserCode,
    allotment: Allotment,
    *,
    view_seed: int,
    augment: bool,
    registry: RegistryClient | None = None,
    max_failures: int = 0,
    epochs: int = 1,
) -> Iterator[TeacherClient]:
    """Run a process with these teachers, by architecture, until the block ends.

    `arrays` is a reference to `Arrays`. References travel inside a list: a reference that is itself an argument would
    be gone when Ray restarts the actor on another node. The `registry` counts how often the device has failed; without
    one, the first time is the last. On GPUs the next view is made while students train: there are `epochs` of them at
    most. On processors that would only take time from the students.
    """
    actor: Any = TeacherServer  # Ray's decorator adds `options`
    references = [arrays, ray.put(dict(teachers))]
    with unwarned():
        handle = actor.options(num_gpus=TEACHER_GPU if allotment.gpus else 0).remote(
            references,
            user_code,
            allotment.threads,
            allotment.side_by_side,
            view_seed,
            augment,
            registry,
            max_failures,
            epochs,
        )
    try:
        yield TeacherClient(handle, references, ahead=allotment.gpus > 0)
    finally:
        ray.kill(handle)
