"""Opens a cohort: several members as one network, a single one by itself."""

from collections.abc import Sequence
from pathlib import Path

from kdtune.distill.arrays import DeviceData
from kdtune.distill.cohorts.cohort import Cohort, CohortMember
from kdtune.distill.cohorts.solo import Solo


def open_cohort(
    members: Sequence[CohortMember],
    data: DeviceData,
    *,
    state: Path | None = None,
    extras: tuple[str, ...] = (),
    rungs: tuple[int, ...] = (),
) -> Cohort:
    """Return members ready to train: from their saved state if it is intact, else from the start.

    Args:
        state: file for the common state of those that are trained as one; None for a single one.
        extras: measures in addition to the counts, computed after the last epoch and at `rungs`.
    """
    if state is not None:
        from kdtune.distill.cohorts.fused import Fused

        return Fused(members, data, state, extras, rungs)
    [member] = members
    return Solo(member, data, extras, rungs)
