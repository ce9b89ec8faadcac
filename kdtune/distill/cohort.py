"""Students that are trained as one, or a single one: what a worker trains, epoch by epoch."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kdtune.distill.arrays import DeviceData
from kdtune.distill.checkpoint import CheckpointError
from kdtune.distill.config import Job
from kdtune.distill.teacher import TeacherSignal
from kdtune.distill.training import DivergedError, Training
from kdtune.runs.records import Report


@dataclass(frozen=True)
class Member:
    """One student of a cohort.

    Attributes:
        number: names it among the members.
        checkpoint: where its state is kept: after each epoch where it is trained by itself, else when it ends.
    """

    number: int
    job: Job
    teacher: TeacherSignal
    checkpoint: Path


class Cohort(ABC):
    """Students in training that share each batch.

    Attributes:
        reports: of each member, one for each epoch trained, those before a resume included.
        failures: why members gave no model, by number.
    """

    reports: dict[int, list[Report]]
    failures: dict[int, str]

    @property
    @abstractmethod
    def live(self) -> tuple[int, ...]:
        """Members that are trained further."""

    @abstractmethod
    def step(self) -> None:
        """Train one epoch of all live members, evaluate them, and keep their state."""

    @abstractmethod
    def drop(self, number: int) -> None:
        """End a member early; the others go on as if it had never been there."""


class Single(Cohort):
    """A cohort of one."""

    def __init__(
        self, member: Member, data: DeviceData, extras: tuple[str, ...] = (), rungs: tuple[int, ...] = ()
    ) -> None:
        self._number = member.number
        self._dropped = False
        self.failures = {}

        def open_training() -> Training:
            return Training(
                member.job,
                data,
                teacher=member.teacher,
                checkpoint=member.checkpoint,
                extras=extras,
                rungs=rungs,
            )

        try:
            self._training = open_training()
        except CheckpointError:
            member.checkpoint.unlink(missing_ok=True)
            self._training = open_training()
        self.reports = {member.number: self._training.reports}

    @property
    def live(self) -> tuple[int, ...]:
        """The member, until it ends."""
        return () if self._dropped or self.failures or self._training.done else (self._number,)

    def step(self) -> None:
        """Train one epoch."""
        try:
            self._training.step()
        except DivergedError as error:
            self.failures[self._number] = str(error)

    def drop(self, number: int) -> None:
        """End the member early."""
        self._dropped = True


def open_cohort(
    members: Sequence[Member],
    data: DeviceData,
    *,
    state: Path | None = None,
    extras: tuple[str, ...] = (),
    rungs: tuple[int, ...] = (),
) -> Cohort:
    """Return members ready to train: from what was kept of them where it is whole, else from the start.

    Args:
        state: where the common state of those that are trained as one is kept; None for a single one.
        extras: measures beside the counts, taken after the last epoch and at `rungs`.
    """
    if state is not None:
        from kdtune.distill.fused.training import Fused

        return Fused(members, data, state, extras, rungs)
    [member] = members
    return Single(member, data, extras, rungs)
