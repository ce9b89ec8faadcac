"""Trains the models of a study as Ray tasks, and continues where an earlier driver ended."""

from collections.abc import Sequence
from functools import partial

from kdtune.errors import SweepError
from kdtune.runs.measures.objectives import References
from kdtune.runs.writer import RunWriter
from kdtune.sweep.baselines import check_teachers, make_baselines
from kdtune.sweep.plan import Plan
from kdtune.sweep.recorded_models import RecordedModels
from kdtune.sweep.remote.tasks import TaskTrainer
from kdtune.sweep.study.plan import StudyModel
from kdtune.text import counted


def run_study(
    plan: Plan,
    planned: Sequence[StudyModel],
    models: RecordedModels,
    trainer: TaskTrainer,
    writer: RunWriter,
) -> None:
    """Train what is not trained yet: teachers and students without one, then the distilled students seed by seed.

    A distilled student that can't be trained is recorded as failed, and the study goes on without it.

    Raises:
        InputError: a teacher from a file does not know the data.
        SweepError: a baseline could not be trained, or no distilled student could.
    """
    writer.run_state("preparing", "teachers and non-distilled students")
    baselines = [model for model in planned if model.role != "student"]
    make_baselines(models, list(baselines))
    if trainer.stopping():
        return
    check_teachers(plan, models, baselines, partial(writer.run_state, "preparing"))
    students = [model for model in planned if model.role == "student"]
    writer.run_state("running", f"{counted(trainer.allotment.workers, 'student')} at once")
    failed: dict[str, str] = {}
    for seed in dict.fromkeys(model.seed for model in students):
        of_seed = [model for model in students if model.seed == seed]
        if not all(map(models.has, of_seed)) and not trainer.stopping():
            failed |= _distil(of_seed, [m for m in baselines if m.seed == seed], models, trainer)
    for trial in writer.state.trials.values():
        if trial.state == "running":
            writer.model_state(trial.id, "interrupted")
    if failed and len(failed) == len(students):
        raise SweepError(f"all {len(failed)} students failed; the first: {next(iter(failed.values()))}")


def _distil(
    students: Sequence[StudyModel],
    baselines: Sequence[StudyModel],
    models: RecordedModels,
    trainer: TaskTrainer,
) -> dict[str, str]:
    """Train the students of one seed from the teachers of that seed; return which failed, and why."""
    final = {(m.role, m.job.architecture): models.last_counts(m) for m in baselines}
    references, needed = {}, set()
    for model in students:
        soft = model.job.distillation
        assert soft is not None
        needed.add(soft.teacher)
        references[model.id] = References(
            teacher=final["teacher", soft.teacher], nds=final["nds", model.job.architecture]
        )
    teachers = models.trained_teachers([m for m in baselines if m.job.architecture in needed])
    job = students[0].job
    train = job.train
    with trainer.serve(
        teachers, view_seed=job.view_seed, augment=train.augment, epochs=train.epochs
    ) as served:
        return models.make(students, teachers=served, references=references)
