"""What a worker trains, epoch by epoch: a single student, or several that are trained as one."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from kdtune.distill.config import Job
from kdtune.distill.teachers.signal import TeacherSignal
from kdtune.runs.records import Report


@dataclass(frozen=True)
class CohortMember:
    """One student of a cohort.

    Attributes:
        number: identifies it among the members.
        checkpoint: file for its state, written after each epoch if it is trained by itself, else when it ends.
    """

    number: int
    job: Job
    teacher: TeacherSignal
    checkpoint: Path


class Cohort(ABC):
    """Students in training that share each batch.

    Attributes:
        reports: those of each member, by number: one per trained epoch, including epochs before a resume.
        failures: why a member produced no model, by number.
    """

    reports: dict[int, list[Report]]
    failures: dict[int, str]

    @property
    @abstractmethod
    def live(self) -> tuple[int, ...]:
        """Numbers of the members whose training continues."""

    @property
    @abstractmethod
    def why_eager(self) -> str:
        """Why steps are not executed as the jobs ask; empty if they are, or none was taken."""

    @abstractmethod
    def step(self) -> None:
        """Train all live members for one epoch, evaluate them, and save their state."""

    @abstractmethod
    def drop(self, number: int) -> None:
        """End a member early; the others go on as if it had never been there."""
