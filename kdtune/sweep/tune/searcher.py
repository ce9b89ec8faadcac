"""Ray Tune's searcher on the study: proposes trials, and passes their results to the manager.

`ray.tune.search.optuna.OptunaSearch` would not do: it leaves a trial with an undefined value running for ever, treats
an errored or early-stopped one as complete, and does not pass constraints to the sampler.
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
        workers: returns how many carriers may run at once, now.
        why_lost: called with the trials of a worker that died; returns the reason it gave.
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
        # Tune pickles its arguments for a restore that kdtune never does: the journal holds everything.
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
            # A cohort that could not be trained as one may come back in parts.
            return None if self._live else Searcher.FINISHED
        self._live[trial_id] = proposal
        return proposal.to_config()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Leave a result to `goes_on`, which Tune's scheduler asks first."""

    def goes_on(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Record the epochs in a result, and return whether its carrier is to go on."""
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
        """Call the manager, unless the disk has failed: Tune would mistake that for a failure of the trial."""
        if self._manager.broken is None:
            try:
                return do()
            except OSError as error:
                self._manager.broken = error
        return None

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the journal holds everything."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""
