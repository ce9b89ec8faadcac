"""What runs on Ray's workers: students as Tune trials, and other models as tasks."""

import json
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import safetensors.torch
from ray import tune

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.checkpoint import CheckpointError
from kdtune.distill.config import Job
from kdtune.distill.teacher import TeacherSignal
from kdtune.distill.training import Training
from kdtune.errors import KdtuneError
from kdtune.models import Builder
from kdtune.sweep.process import prepare_process
from kdtune.sweep.teachers import served_signal


@dataclass(frozen=True)
class Shared:
    """What all trials share, by reference: the objects lie in Ray's object store, once a node.

    Attributes:
        arrays: reference to `Arrays`.
        teachers: handle of the `TeacherServer`.
        builders: models that the user registered, so that workers know them too.
        threads: of each trial.
        extras: measures beside the counts, taken after the last epoch and at `rungs`.
        rungs: epochs after which early stopping judges.
    """

    arrays: Any
    teachers: Any
    builders: Mapping[str, Builder]
    threads: int
    extras: tuple[str, ...]
    rungs: tuple[int, ...] = ()


class StudentTrial(tune.Trainable):
    """One distilled student after another, in one process: data, teacher logits and torch stay loaded."""

    _training: Training | None
    _sent: int

    def setup(self, config: dict[str, Any], shared: Shared | None = None) -> None:
        """Take the shared objects, once for each process."""
        assert shared is not None
        self._shared = shared
        self._device = prepare_process(shared.threads, shared.builders)
        self._arrays: Arrays = ray.get(shared.arrays)
        self._data: dict[tuple[int, bool], DeviceData] = {}
        self._signals: dict[str, TeacherSignal] = {}
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Go on to the next student in the same process."""
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train one epoch; return its report, and those of earlier epochs that the driver may have missed.

        A student that can't be trained ends with `failed`: what is wrong with it now is wrong again in a retry.
        """
        try:
            training = self._training or self._open()
            if not training.done:
                training.step()
            reports = training.reports[self._sent :]
            self._sent = len(training.reports)
        except KdtuneError as error:
            return {"done": True, "failed": str(error)}
        except MemoryError:
            return {"done": True, "failed": "out of memory"}
        except Exception as error:
            return {
                "done": True,
                "failed": f"{type(error).__name__}: {error}",
                "traceback": traceback.format_exc(),
            }
        last = training.reports[-1]
        return {
            "reports": json.dumps([report.to_dict() for report in reports]),
            "epoch": last.epoch,
            "accuracy": last.counts["all"].accuracy,
            "worst_class_accuracy": last.counts["all"].worst_class_accuracy,
            "done": training.done,
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Keep nothing for Tune: each student keeps its own checkpoint, under its own id."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Load nothing."""

    def _begin(self, config: dict[str, Any]) -> None:
        self._job = Job.from_dict(json.loads(config["job"]))
        self._checkpoint = Path(config["checkpoint"])
        self._training = None
        self._sent = 0

    def _open(self) -> Training:
        """Build the training; from its checkpoint where there is a good one."""
        job = self._job
        assert job.distillation is not None
        data = self._device_data(job)
        options: dict[str, Any] = {
            "teacher": self._signal(job.distillation.teacher),
            "checkpoint": self._checkpoint,
            "extras": self._shared.extras,
            "rungs": self._shared.rungs,
        }
        try:
            self._training = Training(job, data, **options)
        except CheckpointError:
            self._checkpoint.unlink(missing_ok=True)
            self._training = Training(job, data, **options)
        return self._training

    def _device_data(self, job: Job) -> DeviceData:
        key = (job.view_seed, job.train.augment)
        if key not in self._data:
            self._data[key] = DeviceData(self._arrays, self._device, view_seed=key[0], augment=key[1])
        return self._data[key]

    def _signal(self, teacher: str) -> TeacherSignal:
        if teacher not in self._signals:
            self._signals[teacher] = served_signal(self._shared.teachers, teacher)
        return self._signals[teacher]


@ray.remote(max_retries=2)
def train_model(
    arrays: Arrays,
    job: Job,
    builders: Mapping[str, Builder],
    threads: int,
    extras: tuple[str, ...],
    teachers: Any = None,
) -> Iterator[tuple[str, Any]]:
    """Train one model as a task; yield each report as it comes, and the weights (safetensors) last.

    A distilled student learns from `teachers`, the handle of a `TeacherServer` with the job's view seed.
    """
    device = prepare_process(threads, builders)
    data = DeviceData(arrays, device, view_seed=job.view_seed, augment=job.train.augment)
    signal = None if job.distillation is None else served_signal(teachers, job.distillation.teacher)
    training = Training(job, data, teacher=signal, extras=extras)
    while not training.done:
        yield "report", training.step().to_dict()
    state = {name: tensor.contiguous().cpu() for name, tensor in training.model.state_dict().items()}
    yield "weights", safetensors.torch.save(state)
