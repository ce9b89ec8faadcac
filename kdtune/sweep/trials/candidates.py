"""The students of a sweep that may be on its front, now or later: a sweep of many trials looks at few of them again."""

from collections.abc import Iterable, Sequence

import numpy as np

from kdtune.pareto import Constraint
from kdtune.runs.choosing import Chooser
from kdtune.runs.front import is_feasible, may_come_onto_the_front, objective_values
from kdtune.runs.measures.objectives import Objective, front_hypervolume, front_mask
from kdtune.runs.state import ModelState


class Candidates:
    """Keeps the students, of those done, that may be on the front (see `may_come_onto_the_front`).

    Whoever can't come onto it any more never can, so each new student is compared with the candidates alone, and the
    time that this takes does not grow with the number of trials.

    Args:
        done: the students that are done already.
    """

    def __init__(
        self, objectives: Sequence[Objective], constraints: Sequence[Constraint], done: Iterable[ModelState]
    ) -> None:
        self._objectives, self._constraints = objectives, constraints
        self._names = [objective.name for objective in objectives]
        self._chooser = Chooser(self._names)
        self._candidates: list[ModelState] = []
        self.done = 0
        """Number of students that are done."""
        for model in done:
            self._take(model)
        self._reduce()

    @property
    def ids(self) -> list[str]:
        """The ids of the candidates, in the order in which they were added."""
        return [model.id for model in self._candidates]

    def add(self, model: ModelState) -> None:
        """Take up a student that is done now."""
        self._take(model)
        self._reduce()

    def hypervolume(self) -> float:
        """Return the hypervolume of the front, as a share of the objectives' box."""
        on_front = front_mask(self._chooser.values(self._candidates), self._objectives)
        return front_hypervolume(objective_values(self._candidates, self._names)[on_front], self._objectives)

    def _take(self, model: ModelState) -> None:
        self.done += 1
        if is_feasible(model, self._constraints):
            self._chooser.add(model)
            self._candidates.append(model)

    def _reduce(self) -> None:
        everybody = np.ones(len(self._candidates), dtype=bool)
        kept = may_come_onto_the_front(self._candidates, self._objectives, everybody)
        self._candidates = [model for model, keep in zip(self._candidates, kept, strict=True) if keep]
