"""What is to be trained next: trials that an earlier driver left unfinished, new ones of the study, and retries."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from kdtune.runs.paths import RunFiles, trial_id
from kdtune.sweep.plan import Plan
from kdtune.sweep.trials import optuna_study
from kdtune.sweep.trials.cohorts import group
from kdtune.sweep.trials.known import with_known
from kdtune.sweep.trials.proposal import Proposal, ProposedStudent


class ProposalQueue:
    """Draws trials from the study, block by block, and forms cohorts within a block.

    Args:
        plan: of the sweep.
        files: of the run.
        study: of the run.
        known: trials of another run that the sampler knows.
    """

    def __init__(
        self, plan: Plan, files: RunFiles, study: optuna.Study, known: Sequence[FrozenTrial] = ()
    ) -> None:
        self._plan = plan
        self._files = files
        self._study = study
        self._seen = with_known(study, known) if known else None
        self._unfinished = optuna_study.unfinished(study)
        self._begun = len(study.get_trials(deepcopy=False))
        self._waiting: list[Proposal] = []
        self._pairs: dict[int, str] = {}
        self._most: int | None = None

    @property
    def unfinished(self) -> list[int]:
        """Numbers of the trials that an earlier driver began, and that are still to be proposed again."""
        return list(self._unfinished)

    def take_up(self, numbers: Collection[int]) -> None:
        """Propose these trials of the study again too: they were begun, or what was kept of them is lost."""
        self._unfinished = sorted({*self._unfinished, *(n for n in numbers if n < self._begun)})

    def drop(self, number: int) -> None:
        """Propose an unfinished trial no more: how it ended is known."""
        self._unfinished.remove(number)

    def pair_of(self, number: int) -> str:
        """Return the pair of a trial that was proposed."""
        return self._pairs[number]

    def next(self) -> Proposal | None:
        """Return what to train next, None where the budget is spent."""
        if not self._waiting:
            self._waiting = self._next_block()
        return self._waiting.pop(0) if self._waiting else None

    def put_first(self, proposals: Sequence[Proposal]) -> None:
        """Propose these again, before all others."""
        self._waiting[:0] = proposals

    def put_last(self, proposal: Proposal) -> None:
        """Propose this one after those that wait."""
        self._waiting.append(proposal)

    def halve(self, proposal: Proposal, rest: Sequence[ProposedStudent]) -> None:
        """Propose the rest of a cohort as two of half its size, before all others; later cohorts are no larger."""
        assert proposal.state is not None
        self._most = -(-len(rest) // 2)
        halves = self._cut(rest, proposal.state)
        for half in halves:
            if half.state is not None and half.state != proposal.state and proposal.state.exists():
                shutil.copyfile(proposal.state, half.state)  # it resumes the members that it knows
        proposal.state.unlink(missing_ok=True)
        self.put_first(halves)

    def _cut(self, members: Sequence[ProposedStudent], state: Path) -> list[Proposal]:
        """Return cohorts of these members, none larger than what is known to have room."""
        if self._most is None or len(members) <= self._most:
            return [Proposal(tuple(members), state)]
        if self._most == 1:
            return [Proposal((member,)) for member in members]
        return [
            Proposal(tuple(members[k : k + self._most]), state.with_stem(f"{state.stem}-{self._most}-{k}"))
            for k in range(0, len(members), self._most)
        ]

    def _next_block(self) -> list[Proposal]:
        """Propose the trials of the next block: its unfinished ones and those that are still to come."""
        size = self._plan.cohort
        first = self._unfinished[0] if self._unfinished else self._begun
        end = (first // size + 1) * size
        students: dict[int, ProposedStudent] = {}

        def draw(trial: optuna.Trial) -> None:
            pair, job = self._plan.student(trial)
            self._pairs[trial.number] = pair.pair
            checkpoint = self._files.checkpoint(trial_id(trial.number)).resolve()
            students[trial.number] = ProposedStudent(trial.number, job, checkpoint)

        budget = self._plan.space.budget.trials
        with optuna_study.waiting_once(self._study):
            # Each trial has its own sampler, so each is drawn before the next is asked for.
            for number in [n for n in self._unfinished if n < end]:
                draw(optuna_study.take_up(self._study, self._plan.space, number, self._seen))
            self._unfinished = [n for n in self._unfinished if n >= end]
            while self._begun < (end if budget is None else min(end, budget)):
                draw(optuna_study.ask(self._study, self._plan.space, self._begun, self._seen))
                self._begun += 1
        proposals = []
        for signature, numbers in group((n, s.job) for n, s in students.items()):
            members = tuple(students[number] for number in numbers)
            state = self._files.cohort(f"b{first // size:04d}-{signature}").resolve()
            if self._plan.trains_as_one([member.job for member in members]):
                proposals += self._cut(members, state)
            else:
                proposals += [Proposal((member,)) for member in members]
        return proposals
