"""What a study trains: every teacher, student without one, and distilled student, by id."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kdtune.data.seeds import derive_seed
from kdtune.distill.config import Distillation, Job
from kdtune.runs.paths import baseline_id, trial_id
from kdtune.sweep.plan import Plan


@dataclass(frozen=True)
class StudyModel:
    """One model of a study.

    Attributes:
        role: `teacher`, `nds` or `student`.
        seed: of the study's seeds, the one that this model repeats.
        pair: of a distilled student.
        config: what `config.json` and the events say of it.
    """

    id: str
    role: str
    seed: int
    job: Job
    config: Mapping[str, Any]
    pair: str | None = None


def study_models(plan: Plan) -> tuple[StudyModel, ...]:
    """Return all models of a study: baselines first, then the students seed by seed.

    No two models share a seed, and teachers and students without one have views of the data of their own: Welch's
    test takes what it compares for independent. What the distilled students of one repetition share, and no other
    model, is their views and the order in which they see them, so that their teacher runs once on each.
    """
    study = plan.space.study
    assert study is not None
    models = []
    for seed in study.seed_list:
        for role, architecture in plan.architectures:
            model_id = f"{baseline_id(role, architecture)}-s{seed}"
            job = replace(
                plan.baseline_job(role, architecture),
                seed=_seed(plan, model_id),
                view_seed=_seed(plan, f"views of {model_id}"),
            )
            models.append(StudyModel(model_id, role, seed, job, _config(job, seed)))
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
                    config = _config(job, seed, pair.pair)
                    models.append(StudyModel(trial_id(number), "student", seed, job, config, pair.pair))
                    number += 1
    return tuple(models)


def _seed(plan: Plan, key: str) -> int:
    return derive_seed(plan.space.seed, "study", key) % 2**31


def _config(job: Job, seed: int, pair: str | None = None) -> dict[str, Any]:
    """Return one level of plain values, in the form that a sweep records; `study_seed` is the repetition."""
    soft = job.distillation
    train = {k: v for k, v in job.to_dict()["train"].items() if k != "epochs"}
    train["milestones"] = list(train["milestones"])
    if soft is None:
        named: dict[str, Any] = {"architecture": job.architecture}
    else:
        named = {
            "pair": pair,
            "teacher": soft.teacher,
            "student": job.architecture,
            "temperature": soft.temperature,
            "alpha": soft.alpha,
            "scale_by_t2": soft.scale_by_t2,
        }
    return {**named, **train, "seed": job.seed, "view_seed": job.view_seed, "study_seed": seed}
