"""What a Ray trial carries: a cohort of students, as plain values on their way to a worker."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from kdtune.distill.config import Job


@dataclass(frozen=True)
class ProposedStudent:
    """A trial of the study, to be trained.

    Attributes:
        checkpoint: file for its own state.
    """

    number: int
    job: Job
    checkpoint: Path


@dataclass(frozen=True)
class Proposal:
    """One student to train, or several as one.

    Attributes:
        state: file for the common state of a cohort; None for a student that is trained by itself.
    """

    students: tuple[ProposedStudent, ...]
    state: Path | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the students."""
        return tuple(student.number for student in self.students)

    @property
    def ended(self) -> Path | None:
        """File in which the driver tells the worker which students of a cohort are not to be trained further."""
        return None if self.state is None else self.state.with_suffix(".ended.json")

    def to_config(self) -> dict[str, Any]:
        """Return the proposal as a configuration for Tune."""
        students = [
            {"number": s.number, "job": s.job.to_dict(), "checkpoint": str(s.checkpoint)}
            for s in self.students
        ]
        # One string, because Tune walks through every value of a nested configuration again and again.
        return {"students": json.dumps(students), "state": str(self.state or "")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the proposal in a configuration."""
        students = [
            ProposedStudent(s["number"], Job.from_dict(s["job"]), Path(s["checkpoint"]))
            for s in json.loads(config["students"])
        ]
        return cls(tuple(students), Path(config["state"]) if config["state"] else None)
