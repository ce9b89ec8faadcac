"""What a sweep compares its students with: their teachers, and the same students without a teacher."""

from collections.abc import Mapping

from kdtune.errors import SweepError
from kdtune.runs.objectives import References
from kdtune.runs.paths import baseline_id
from kdtune.sweep.plan import Plan
from kdtune.sweep.recorded_models import PlannedModel, RecordedModels


def planned_baselines(plan: Plan) -> list[PlannedModel]:
    """Return the baselines of a sweep: teachers first, then non-distilled students."""
    jobs = {architecture: plan.baseline_job(*architecture) for architecture in plan.architectures}
    return [
        PlannedModel(baseline_id(role, name), role, job, job.flat()) for (role, name), job in jobs.items()
    ]


def make_baselines(models: RecordedModels, planned: list[PlannedModel]) -> None:
    """Make all baselines.

    Raises:
        SweepError: one could not be trained.
    """
    failed = models.make(planned)
    if failed:
        model_id, message = next(iter(failed.items()))
        raise SweepError(f"{model_id} could not be trained: {message}")


def references_of(
    plan: Plan, models: RecordedModels, planned: list[PlannedModel]
) -> Mapping[str, References]:
    """Return, by pair, the final counts of its teacher and of its student trained without one."""
    counts = {(model.role, model.job.architecture): models.last_counts(model) for model in planned}
    return {
        pair.pair: References(teacher=counts["teacher", pair.teacher], nds=counts["nds", pair.student])
        for pair in plan.space.pairs
    }
