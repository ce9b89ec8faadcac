"""Intervals, chance floors and importance, computed in a helper process: keys must not wait for them."""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

from kdtune.runs.comparison.resolution import Resolution
from kdtune.runs.records import Report
from kdtune.runs.summary import Doubt

from ..state.importance import Importance
from .helper import FAILURES, Helper
from .questions import DoubtKey, DoubtOf, Question, RankingOf, ResolutionOf

KEPT = 20_000
"""Intervals that are remembered; beyond, all are forgotten and asked for again."""

MOST_FAILURES = 3
"""Helper processes that may die before the monitor goes on without."""


class BackgroundIntervals:
    """Intervals and chance floors by (model, epoch, gap), and settings by importance, as far as they are known.

    Args:
        attributes: the run's sensitive attributes.
        read: reads a model's report of an epoch, for questions that come without it; None if there is none.

    Attributes:
        doubts: the intervals and chance floors that have been computed.
        rankings: the last answer by measure; it may belong to a state a little older than the one asked for.
        resolution: what of the front is beyond noise; likewise. None while it is not known.
        revision: grows when either does.
    """

    def __init__(
        self, attributes: Sequence[str], read: Callable[[str, int], Report | None] = lambda *_: None
    ) -> None:
        self.doubts: dict[DoubtKey, Doubt] = {}
        self.rankings: dict[str, Sequence[Importance]] = {}
        self.resolution: Resolution | None = None
        self.revision = 0
        self._resolved: ResolutionOf | None = None
        self._ranked: dict[str, Hashable] = {}
        self._attributes = list(attributes)
        self._read = read
        self._todo: list[Question] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._helper: Helper | None = None
        self._thread: threading.Thread | None = None
        self._failed = 0
        self._asking = False

    def want(self, questions: Sequence[Question]) -> None:
        """Ask these questions, the most important first; those asked before and not begun are dropped."""
        todo = [question for question in questions if not self._knows(question)]
        with self._lock:
            self._todo = todo
        if todo and self._failed < MOST_FAILURES:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="intervals", daemon=True)
                self._thread.start()
            self._wake.set()

    @property
    def idle(self) -> bool:
        """Whether every question has its answer."""
        return not self._todo and not self._asking

    def _knows(self, question: Question) -> bool:
        if isinstance(question, DoubtOf):
            return question.key in self.doubts
        if isinstance(question, ResolutionOf):
            return question == self._resolved
        return self._ranked.get(question.measure) == question.state

    def stop(self) -> None:
        """End the helper process and the thread."""
        self._stopped = True
        self._wake.set()
        helper = self._helper
        if helper is not None:
            helper.kill()
        if self._thread is not None:
            self._thread.join(2.0)
        if helper is not None:
            helper.close()

    def _run(self) -> None:
        while not self._stopped:
            with self._lock:
                question = self._todo.pop(0) if self._todo else None
                self._asking = question is not None
                if question is None:
                    self._wake.clear()
            if question is None:
                self._wake.wait()
                continue
            try:
                if self._helper is None:
                    self._helper = Helper()
                if isinstance(question, DoubtOf):
                    question = self._with_reports(question)
                answer = self._helper.ask(question, self._attributes)
            except FAILURES:
                self._failed += 1
                self._drop()
                if self._failed >= MOST_FAILURES:
                    return
                continue
            if answer is not None:
                self._remember(question, answer)

    def _with_reports(self, question: DoubtOf) -> DoubtOf:
        if question.report is None:
            question = replace(question, report=self._read(question.key[0], question.key[1]))
        if question.against is not None and question.reference is None:
            question = replace(question, reference=self._read(*question.against))
        return question

    def _remember(self, question: Question, answer: Any) -> None:
        if isinstance(question, RankingOf):
            self.rankings[question.measure] = answer
            self._ranked[question.measure] = question.state
        elif isinstance(question, ResolutionOf):
            self.resolution, self._resolved = answer, question
        else:
            if len(self.doubts) > KEPT:
                self.doubts = {}
            self.doubts[question.key] = answer
        self.revision += 1

    def _drop(self) -> None:
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.kill()
            helper.close()
