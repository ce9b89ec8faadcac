"""What a study trains: every teacher, student without one, and distilled student, by id."""

from dataclasses import dataclass, replace

from kdtune.data.seeds import derive_seed
from kdtune.distill.config import Distillation
from kdtune.runs.paths import baseline_id, trial_id
from kdtune.runs.state import STUDY_SEED
from kdtune.sweep.plan import Plan
from kdtune.sweep.recorded_models import PlannedModel


@dataclass(frozen=True)
class StudyModel(PlannedModel):
    """One model of a study.

    Attributes:
        seed: which of the study's seeds this model belongs to.
    """

    seed: int


def study_models(plan: Plan) -> tuple[StudyModel, ...]:
    """Return all models of a study: baselines first, then the students seed by seed.

    No two models share a seed, and teachers and students without one have their own views of the data, because Welch's
    test assumes that the samples it compares are independent. Only the distilled students of one repetition share
    their views and the order in which they see them, so that their teacher runs once on each view.
    """
    study = plan.space.study
    assert study is not None
    models = []
    for seed in study.seed_list:
        for role, architecture in plan.architectures:
            model_id = baseline_id(role, architecture, seed)
            job = plan.baseline_job(role, architecture).with_seeds(
                _seed(plan, model_id), _seed(plan, f"views of {model_id}")
            )
            config = {**job.flat(), STUDY_SEED: seed}
            models.append(StudyModel(model_id, role, job, config, seed))
    number = 0
    for seed in study.seed_list:
        view_seed = _seed(plan, f"views s{seed}")
        for pair in plan.space.pairs:
            student = plan.baseline_job("nds", pair.student)
            for scaled in study.scalings:
                for temperature in study.temperatures:
                    soft = Distillation(pair.teacher, float(temperature), float(study.alpha), scaled)
                    key = f"{pair.teacher}->{pair.student} T={temperature:g} scaled={scaled} s{seed}"
                    job = replace(student, seed=_seed(plan, key), view_seed=view_seed, distillation=soft)
                    config = {"pair": pair.pair, **job.flat(), STUDY_SEED: seed}
                    models.append(StudyModel(trial_id(number), "student", job, config, seed))
                    number += 1
    return tuple(models)


def _seed(plan: Plan, key: str) -> int:
    return derive_seed(plan.space.seed, "study", key) % 2**31
