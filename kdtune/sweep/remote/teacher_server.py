"""The one process that runs teachers: it computes each view of the data once, when it is first asked for."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import ray
import safetensors.torch
import torch

from kdtune.distill.arrays import Arrays, DeviceData, tensor_of
from kdtune.distill.config import Job
from kdtune.distill.teachers.logits import signal_of_logits
from kdtune.distill.teachers.signal import TeacherSignal, signal_of
from kdtune.distill.weights.module import module_of
from kdtune.sweep.remote.allotment import TEACHER_GPU, Allotment
from kdtune.sweep.remote.carried_code import UserCode
from kdtune.sweep.remote.worker_setup import prepare_process

_ATTEMPTS = 5


@dataclass(frozen=True)
class TrainedTeacher:
    """A teacher's architecture, protocol and weights (safetensors), or its logits in their place."""

    job: Job
    weights: bytes


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
class TeacherServer:
    """Runs each teacher once on each view, when it is first asked for, and keeps the logits in the object store.

    It holds no state that can't be computed again: if its node dies, Ray starts it elsewhere.
    """

    def __init__(
        self,
        references: list[Any],
        user_code: UserCode,
        threads: int,
        view_seed: int,
        augment: bool,
    ) -> None:
        device = prepare_process(threads, user_code)
        arrays: Arrays
        teachers: Mapping[str, TrainedTeacher]
        arrays, teachers = ray.get(references)
        data = DeviceData(arrays, device, view_seed=view_seed, augment=augment)
        self._signals = {}
        for name, teacher in teachers.items():
            if teacher.job.logits is not None:
                self._signals[name] = signal_of_logits(teacher.weights)
                continue
            model = module_of(teacher.job, input_shape=arrays.input_shape, n_classes=arrays.n_classes)
            model.load_state_dict(safetensors.torch.load(teacher.weights))
            self._signals[name] = signal_of(model.to(device), data, precision=teacher.job.train.precision)
        self._views: dict[tuple[str, int], Any] = {}
        self._features: dict[tuple[str, int], Any] = {}

    def logits(self, teacher: str, view: int) -> Any:
        """Return a reference to the logits, float32 [n, classes], of a teacher on a view of all training examples."""
        if (teacher, view) not in self._views:
            logits = self._signals[teacher].logits(view)
            self._views[teacher, view] = ray.put(logits.cpu().numpy())
        return self._views[teacher, view]

    def features(self, teacher: str, view: int) -> Any:
        """Return a reference to the features, float32 [n, D], of a teacher on a view of all training examples."""
        if (teacher, view) not in self._features:
            self._features[teacher, view] = ray.put(self._signals[teacher].features(view).cpu().numpy())
        return self._features[teacher, view]

    def validation_predictions(self, teacher: str) -> np.ndarray:
        """Return the classes, int64 [m], that a teacher gives the validation examples."""
        return self._signals[teacher].validation_predictions

    def views(self) -> list[tuple[str, int]]:
        """Return which (teacher, view) were computed."""
        return list(self._views)


class TeacherClient:
    """The client of the process with the teachers, for driver and workers; it is pickled on its way to workers.

    Args:
        handle: handle of the Ray actor.
        needs: references to what a restart of the actor needs, held here because Ray does not hold them.
    """

    def __init__(self, handle: Any, needs: Sequence[Any] = ()) -> None:
        self._handle = handle
        self._needs = needs

    def __reduce__(self) -> Any:
        return TeacherClient, (self._handle,)

    def signal(self, teacher: str) -> TeacherSignal:
        """Return a teacher's signal; its latest view is kept."""

        def latest(ask: Any) -> Callable[[int], torch.Tensor]:
            kept: dict[int, torch.Tensor] = {}

            def on(view: int) -> torch.Tensor:
                if view not in kept:
                    kept.clear()
                    kept[view] = tensor_of(self._fetched(ask, teacher, view))
                return kept[view]

            return on

        return TeacherSignal(
            latest(self._handle.logits),
            ray.get(self._handle.validation_predictions.remote(teacher)),
            latest(self._handle.features),
        )

    def ready(self) -> Any:
        """Return a reference that is resolved once the process can answer."""
        return self._handle.views.remote()

    def _fetched(self, ask: Any, teacher: str, view: int) -> np.ndarray:
        """Fetch an array; if its process died between the answer and the fetch, its successor computes it again."""
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(ray.exceptions.ObjectLostError):
                return cast(np.ndarray, ray.get(ray.get(ask.remote(teacher, view))))
        return cast(np.ndarray, ray.get(ray.get(ask.remote(teacher, view))))


@contextlib.contextmanager
def serve_teachers(
    arrays: Any,
    teachers: Mapping[str, TrainedTeacher],
    user_code: UserCode,
    allotment: Allotment,
    *,
    view_seed: int,
    augment: bool,
) -> Iterator[TeacherClient]:
    """Run a process with these teachers, by architecture, until the block ends.

    `arrays` is a reference to `Arrays`. References travel inside a list: a reference that is itself an argument would
    be gone when Ray restarts the actor on another node.
    """
    actor: Any = TeacherServer  # Ray's decorator adds `options`
    references = [arrays, ray.put(dict(teachers))]
    handle = actor.options(num_gpus=TEACHER_GPU if allotment.gpus else 0).remote(
        references, user_code, allotment.threads, view_seed, augment
    )
    try:
        yield TeacherClient(handle, references)
    finally:
        ray.kill(handle)
