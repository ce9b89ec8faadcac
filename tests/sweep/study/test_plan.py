"""Which models a study trains, and what they share."""

from typing import Any

from kdtune.sweep.study.plan import study_models


def test_only_the_distilled_students_of_one_seed_share_views(plan_of: Any) -> None:
    models = study_models(plan_of(study={"temperatures": [1, 4, 10], "seeds": 3, "scale_by_t2": "both"}))
    assert len({m.job.seed for m in models}) == len(models) == 3 * (2 + 6)
    shared: dict[int, list[str]] = {}
    for model in models:
        shared.setdefault(model.job.view_seed, []).append(f"{model.role} {model.seed}")
    students = sorted(names[0] for names in shared.values() if len(names) > 1)
    assert students == ["student 0", "student 1", "student 2"]
    assert all(len(set(names)) == 1 and len(names) in (1, 6) for names in shared.values())
