"""A cohort of one: a student that is trained by itself."""

from kdtune.distill.arrays import DeviceData
from kdtune.distill.checkpoint import CheckpointError
from kdtune.distill.cohorts.cohort import Cohort, CohortMember
from kdtune.distill.training import DivergedError, Training


class Solo(Cohort):
    """A cohort of one."""

    def __init__(
        self,
        member: CohortMember,
        data: DeviceData,
        extras: tuple[str, ...] = (),
        rungs: tuple[int, ...] = (),
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

    @property
    def why_eager(self) -> str:
        """Why steps are not executed as the job asks; empty if they are, or none was taken."""
        return self._training.execution.why_eager

    def step(self) -> None:
        """Train one epoch."""
        try:
            self._training.step()
        except DivergedError as error:
            self.failures[self._number] = str(error)

    def drop(self, number: int) -> None:
        """End the member early."""
        self._dropped = True
