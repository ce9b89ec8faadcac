"""What a sweep compares its students with: their teachers, and the same students without a teacher."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from kdtune.errors import InputError, SweepError
from kdtune.fairness import mean_class_bias
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import baseline_id
from kdtune.runs.writer import RunWriter
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
        SweepError: one could not be trained; the message says why, and what to change.
    """
    failed = models.make(planned)
    if failed:
        model_id, message = next(iter(failed.items()))
        role = next(model.role for model in planned if model.id == model_id)
        section = "teacher or train" if role == "teacher" else "train"
        raise SweepError(
            f"{model_id} could not be trained, and its students need it: {message}: change {section} in the space, or "
            "leave its pairs out, and begin a new run"
        )


def check_teachers(
    plan: Plan, models: RecordedModels, baselines: Sequence[PlannedModel], say: Callable[[str], object]
) -> None:
    """Hold each teacher against saying the most frequent class, and against its students trained without it.

    Of a teacher that was trained here a line says so; one from a file is more likely misread than bad. Of several seeds
    the means are compared.

    Raises:
        InputError: a teacher from a file does worse, and the space does not say that this is meant.
    """
    accuracies: dict[tuple[str, str], list[float]] = {}
    for model in baselines:
        accuracy = models.last_counts(model).accuracy
        accuracies.setdefault((model.role, model.job.architecture), []).append(accuracy)
    means = {key: fmean(values) for key, values in accuracies.items()}
    for pair in plan.space.pairs:
        accuracy, without = means["teacher", pair.teacher], means["nds", pair.student]
        better = [
            f"{what} {value:.3f}"
            for what, value in (
                ("saying the most frequent class alone gives", plan.dataset.majority),
                (f"{pair.student} trained without it has", without),
            )
            if accuracy < value
        ]
        if not better:
            continue
        file = plan.file("teacher", pair.teacher)
        told = f"teacher {pair.teacher}{'' if file is None else f' ({file.path})'}: accuracy {accuracy:.3f}"
        if file is None or file.lacks is not None or not plan.space.teacher.check:
            say(f"{told}, and {better[0]}: there may be little to learn from it")
            continue
        raise InputError(
            f"{told} of {plan.dataset.n_classes} classes: are its classes in another order, its inputs normalised "
            f"otherwise? On validation {', and '.join(better)}. teacher.classes says what its outputs mean, "
            "teacher.normalisation what its inputs were; a new run with --set teacher.check=false goes on all the same"
        )


def record_class_bias(
    plan: Plan, models: RecordedModels, planned: Sequence[PlannedModel], writer: RunWriter
) -> None:
    """Record the class bias of each student trained without a teacher, against the teacher that its pairs share.

    It shows what the same network does to the classes by itself.
    """
    counts = {(model.role, model.job.architecture): models.last_counts(model) for model in planned}
    for model in planned:
        teachers = {p.teacher for p in plan.space.pairs if p.student == model.job.architecture}
        if model.role == "nds" and len(teachers) == 1:
            bias = mean_class_bias(counts["nds", model.job.architecture], counts["teacher", teachers.pop()])
            if not math.isnan(bias):
                writer.values(model.id, {"class_bias_teacher": bias})


def references_of(
    plan: Plan, models: RecordedModels, planned: list[PlannedModel]
) -> Mapping[str, References]:
    """Return, by pair, the final counts of its teacher and of its student trained without one."""
    counts = {(model.role, model.job.architecture): models.last_counts(model) for model in planned}
    return {
        pair.pair: References(teacher=counts["teacher", pair.teacher], nds=counts["nds", pair.student])
        for pair in plan.space.pairs
    }
