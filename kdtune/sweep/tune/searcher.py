"""Ray Tune's searcher on the study: proposes trials, and hands what comes back to the manager.

Not `ray.tune.search.optuna.OptunaSearch`: that leaves a trial with an undefined value running for ever, takes an
errored or early-stopped one for complete, and keeps constraints from the sampler.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ray.tune.search import Searcher

from kdtune.sweep.remote.worker_registry import LOST
from kdtune.sweep.trials.proposal import Proposal
from kdtune.sweep.trials.trial_manager import TrialManager

T = TypeVar("T")


class StudySearcher(Searcher):
    """Proposes to Tune what the manager has to train.

    Args:
        workers: tells how many carriers may run at once, now.
        why_lost: is given the trials of a worker that died, and tells what it said of it.
    """

    def __init__(
        self, manager: TrialManager, *, workers: Callable[[], int], why_lost: Callable[[Sequence[int]], str]
    ) -> None:
        super().__init__()
        self._manager = manager
        self._workers = workers
        self._why_lost = why_lost
        self._live: dict[str, Proposal] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles its arguments for a restore that kdtune never does: the journal holds all.
        return {}

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Accept whatever Tune knows: metrics and space are the study's business."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """Return the next carrier's configuration, None while all workers are busy, or FINISHED."""
        if len(self._live) >= self._workers():
            return None
        proposal = self._guarded(self._manager.next_proposal)
        if proposal is None:
            # What is at work may come back in parts: a cohort that could not be trained as one.
            return None if self._live else Searcher.FINISHED
        self._live[trial_id] = proposal
        return proposal.to_config()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Leave a result to `goes_on`, which Tune's scheduler asks first."""

    def goes_on(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Record the epochs in a result, and tell whether its carrier is to go on."""
        proposal = self._live[trial_id]
        return bool(self._guarded(lambda: self._manager.record(proposal, result)))

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record how a trial ended."""
        proposal = self._live.pop(trial_id, None)
        if proposal is not None:
            said = self._why_lost(proposal.numbers)
            lost = (said or LOST) if error else None
            self._guarded(lambda: self._manager.close(proposal, result, lost=lost))

    def _guarded(self, do: Callable[[], T]) -> T | None:
        """Do what the manager records, unless the disk has failed: Tune would take that for a failure of the trial."""
        if self._manager.broken is None:
            try:
                return do()
            except OSError as error:
                self._manager.broken = error
        return None

    def save(self, checkpoint_path: str) -> None:
        """Keep nothing: the journal holds all."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""
