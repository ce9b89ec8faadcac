"""Students that are trained as one, or a single one: what a worker trains, epoch by epoch."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from kdtune.distill.config import Job
from kdtune.distill.teacher import TeacherSignal
from kdtune.runs.records import Report


@dataclass(frozen=True)
class CohortMember:
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
