"""What runs on Ray's workers as Tune trials: students, alone or several as one."""

import contextlib
import json
import traceback
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.distill.cohorts.cohort import Cohort, CohortMember
from kdtune.distill.cohorts.open_cohort import open_cohort
from kdtune.distill.config import Job
from kdtune.distill.execution.device_errors import device_words, is_device_error
from kdtune.distill.teachers.signal import TeacherSignal
from kdtune.errors import DiskError, KdtuneError, RunError
from kdtune.files import read_json
from kdtune.sweep.remote.carried_code import UserCode
from kdtune.sweep.remote.memory_guard import MemoryGuard
from kdtune.sweep.remote.run_folder import RunFolder
from kdtune.sweep.remote.teacher_server import TeacherClient
from kdtune.sweep.remote.worker_registry import RegistryClient
from kdtune.sweep.remote.worker_setup import place_here, prepare_process
from kdtune.sweep.trials.proposal import Proposal
from kdtune.user_code import own_code


@dataclass(frozen=True)
class Shared:
    """What all trials share, by reference: the objects are in Ray's object store, once per node.

    Attributes:
        arrays: reference to `Arrays`.
        user_code: what the user registered, so that workers know it too.
        threads: threads of each trial.
        extras: measures in addition to the counts, computed after the last epoch and at `rungs`.
        rungs: epochs after which early stopping judges.
        run: the run's directory on the driver's machine.
        owner: what the run's lock file says.
        memory: bytes that each trial may take.
    """

    arrays: Any
    teachers: TeacherClient
    user_code: UserCode
    threads: int
    extras: tuple[str, ...]
    rungs: tuple[int, ...]
    registry: RegistryClient
    run: Path
    owner: str
    memory: int


class CohortTrial(tune.Trainable):
    """One cohort of students after another, in one process: data, teacher logits and torch stay loaded."""

    _cohort: Cohort | None
    _sent: dict[int, int]
    _placed: bool

    def setup(self, config: dict[str, Any], shared: Shared | None = None) -> None:
        """Load the shared objects, once per process."""
        assert shared is not None
        self._shared = shared
        self._device = prepare_process(shared.threads, shared.user_code)
        self._place = place_here()
        self._arrays: Arrays = ray.get(shared.arrays)
        self._data: dict[tuple[int, bool], DeviceData] = {}
        self._signals: dict[str, TeacherSignal] = {}
        self._registry = shared.registry
        self._folder = RunFolder(shared.run, shared.owner, shared.registry)
        self._begin(config)
        MemoryGuard(shared.memory, lambda words: self._registry.report_failure(self._proposal.numbers, words))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Go on to the next cohort in the same process."""
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train one epoch and return what is new for each student.

        On a GPU, the first result of a cohort only says which one that is: so it is known before an epoch has ended.
        """
        if self._place and not self._placed:
            self._placed = True
            return {"students": "[]", "done": False, **self._place}
        return self._train()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save nothing for Tune: students save their own checkpoints, under their own ids."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Load nothing."""

    def cleanup(self) -> None:
        """Leave nothing on this machine: no trial follows in this process."""
        self._folder.remove()

    def _train(self) -> dict[str, Any]:
        """Train one epoch and return what is new for each student.

        A resumed cohort first returns the reports that it holds: the driver may have missed them, and may still decide
        on them before the next epoch. A cohort that can't be trained ends with `failed`, because a retry would fail
        too. An error that may not recur in another process (from Ray, the disk, or the GPU) ends this one.
        """
        self._registry.begin(self._proposal.numbers)
        try:
            ended = self._ended()
            cohort = self._cohort
            if cohort is None:
                if set(self._proposal.numbers) <= set(ended):
                    return {"done": True}
                cohort = self._cohort = self._open(ended)
            for number in ended:
                cohort.drop(number)
            if not self._unsent(cohort) and cohort.live:
                with own_code("a model or loss ended the process", passed=(Exception,)):
                    cohort.step()
            self._folder.send_changes()
            return self._news(cohort)
        except DiskError as error:
            return {"done": True, "disk": str(error)}
        except KdtuneError as error:
            return {"done": True, "failed": str(error)}
        except MemoryError:
            return {"done": True, "failed": "out of memory"}
        except (ray.exceptions.RayError, OSError) as error:
            self._registry.report_failure(self._proposal.numbers, _said(error))
            raise
        except Exception as error:
            if is_device_error(error):
                self._registry.report_failure(self._proposal.numbers, device_words(error))
                raise
            return {"done": True, "failed": _said(error), "traceback": traceback.format_exc()}
        finally:
            self._registry.end()

    def _begin(self, config: dict[str, Any]) -> None:
        self._proposal = Proposal.from_config(config)
        self._registry.begin(self._proposal.numbers)
        self._folder.clear()
        self._cohort = None
        self._placed = False
        self._sent = dict.fromkeys(self._proposal.numbers, 0)

    def _unsent(self, cohort: Cohort) -> bool:
        return any(len(cohort.reports[number]) > self._sent[number] for number in cohort.live)

    def _news(self, cohort: Cohort) -> dict[str, Any]:
        news = []
        for number, reports in cohort.reports.items():
            unsent = [report.to_dict() for report in reports[self._sent[number] :]]
            self._sent[number] = len(reports)
            failed = cohort.failures.get(number, "")
            if unsent or failed:
                news.append({"number": number, "reports": unsent, "failed": failed})
        return {"students": json.dumps(news), "done": not cohort.live, "why_eager": cohort.why_eager}

    def _open(self, ended: Collection[int]) -> Cohort:
        members = []
        for student in self._proposal.students:
            if student.number in ended:
                continue
            assert student.job.distillation is not None
            signal = self._signal(student.job.distillation.teacher)
            checkpoint = self._folder.fetch(student.checkpoint)
            members.append(CohortMember(student.number, student.job, signal, checkpoint))
        data = self._device_data(members[0].job)
        state = None if self._proposal.state is None else self._folder.fetch(self._proposal.state)
        return open_cohort(members, data, state=state, extras=self._shared.extras, rungs=self._shared.rungs)

    def _ended(self) -> list[int]:
        """Return the students of a cohort that the driver wants trained no further."""
        if self._proposal.ended is None:
            return []
        path = self._folder.fetch(self._proposal.ended)
        # A machine that lost its power may have left an empty file; the driver knows who ended in any case.
        with contextlib.suppress(RunError):
            return [int(number) for number in read_json(path)["ended"]]
        return []

    def _device_data(self, job: Job) -> DeviceData:
        key = (job.view_seed, job.train.augment)
        if key not in self._data:
            self._data[key] = DeviceData(self._arrays, self._device, view_seed=key[0], augment=key[1])
        return self._data[key]

    def _signal(self, teacher: str) -> TeacherSignal:
        if teacher not in self._signals:
            self._signals[teacher] = self._shared.teachers.signal(teacher)
        return self._signals[teacher]


def _said(error: Exception) -> str:
    """Return one line for a person: the kind of an error, and the first line of what it says."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
