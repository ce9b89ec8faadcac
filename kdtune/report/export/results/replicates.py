"""A front with other seeds: every seed gives a student, and all of them are judged alike.

What is shipped is a student, not its configuration. So a configuration whose seeds do badly on average keeps the
student that does well, and the seed of the search is one among the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch

from kdtune.data.dataset import Dataset
from kdtune.output import narrate
from kdtune.report.evaluate.evaluation import SplitData
from kdtune.report.evaluate.trained import Trained
from kdtune.report.export.pick import Choice
from kdtune.report.export.results.members import EvaluatedModel, checked, references_of
from kdtune.runs.choosing import training_values, values_to_choose_by
from kdtune.runs.front import is_feasible, objective_values
from kdtune.runs.measures.objectives import Objective, front_mask, recorded_values
from kdtune.runs.reader import Run
from kdtune.runs.records import ALL
from kdtune.runs.state import ModelState, RunState

if TYPE_CHECKING:
    from kdtune.sweep.replicates import Replicate

LEAST_SEEDS = 5
"""With fewer seeds no bootstrap share is shown: with two, a member that others dominate has a share of 95 % or more in
22 of 100 cases, with five in 6 (simulated)."""

RESAMPLES = 2000


def train_again(
    run: Run, dataset: Dataset, models: Sequence[EvaluatedModel], n: int, *, address: str | None
) -> "list[Replicate]":
    """Train models with n further seeds; those that an earlier export trained are reused."""
    from kdtune.space.reading import parse_space
    from kdtune.sweep.replicates import Source, replicate

    space = parse_space(dict(run.record.space), str(run.files.record))
    sources = [
        Source(m.trained.id, m.trained.role, m.trained.job, safetensors.torch.save(dict(m.trained.state)))
        for m in models
    ]  # those known by logits alone are among them, because students learn from them
    return replicate(
        run.files,
        dataset,
        sources,
        n,
        seed=run.record.seed,
        extras=tuple(models[0].trained.recorded.scalars),
        resources=space.resources,
        address=address,
        say=narrate,
    )


def students_of(
    run: Run, models: Sequence[EvaluatedModel], replicates: "Sequence[Replicate]", validation: SplitData
) -> list[EvaluatedModel]:
    """Return the replicates that could be trained as models like the others, named `t0007-s2`.

    Students are compared with the run's own baselines, whose values on validation the run recorded.
    """
    by_id = {model.trained.id: model for model in models}
    final = {name: model.trained.recorded.counts[ALL] for name, model in by_id.items()}
    found = []
    for item in replicates:
        if item.weights is None:
            continue
        source = by_id[item.source].trained
        config = {**source.config, "seed": item.job.seed, "view_seed": item.job.view_seed}
        if "job" in config:
            config["job"] = item.job.to_dict()
        trained = Trained(
            id=f"{item.source}-s{item.number}",
            role=source.role,
            config=config,
            job=item.job,
            state={name: t.contiguous() for name, t in safetensors.torch.load(item.weights).items()},
            recorded=item.reports[-1],
        )
        values = recorded_values(run.record, trained.recorded, references_of(trained, final))
        [model] = checked(run, [(trained, values)], validation)
        found.append(replace(model, source=item.source))
    return found


def choices_among(run: Run, state: RunState, students: Sequence[EvaluatedModel]) -> list[Choice]:
    """Return the students that are feasible and non-dominated among these on validation, with what they are chosen by.

    They are judged as the search judged its trials: each by its own recorded values and, unless the run is read raw, by
    its training examples. The trials that are not candidates take part in estimating how much those count.

    Returns:
        The best in the first objective first.
    """
    objectives = run.objectives
    names = [objective.name for objective in objectives]
    candidates = [_as_state(student, objectives) for student in students]
    ids = {candidate.id for candidate in candidates}
    rest = [trial for trial in state.trials.values() if trial.state == "done" and trial.id not in ids]
    models = [*candidates, *rest]
    feasible = np.array([is_feasible(model, run.record.constraints) for model in models], dtype=bool)
    values = objective_values(models, names) if run.raw else values_to_choose_by(models, names, feasible)
    n = len(candidates)
    chosen = np.flatnonzero(front_mask(values[:n], objectives, feasible[:n])).tolist()
    front = [
        Choice(candidates[k].id, candidates[k].values, dict(zip(names, values[k].tolist(), strict=True)))
        for k in chosen
    ]
    first = objectives[0]
    return sorted(front, key=lambda choice: first.measure.badness(choice.values[first.name]))


def _as_state(student: EvaluatedModel, objectives: Sequence[Objective]) -> ModelState:
    trained = student.trained
    found = training_values(trained.recorded, objectives)
    return ModelState(
        trained.id,
        "student",
        trained.config,
        trained.recorded.epoch,
        state="done",
        values=dict(student.searched),
        seen={} if found is None else found.seen,
        overfit=None if found is None else found.overfit,
    )


def seed_numbers(
    run: Run, models: Sequence[EvaluatedModel], replicates: "Sequence[Replicate]"
) -> dict[str, dict[str, Any]]:
    """Return `replicate_numbers` of each configuration, by the id of the run's own model; {} without replicates.

    From `LEAST_SEEDS` further seeds of every member on, members also have `bootstrap_share` by split.

    Args:
        models: all models, evaluated on both splits.
    """
    if not replicates:
        return {}
    own = {m.trained.id: m for m in models if not m.source and m.trained.job.logits is None}
    by_source: dict[str, list[EvaluatedModel]] = {name: [] for name in own}
    for model in models:
        if model.source:
            by_source[model.source].append(model)
    failed = {name: sum(r.source == name and r.weights is None for r in replicates) for name in own}
    numbers = {}
    for name, others in by_source.items():
        values = {
            split: [other.numbers[split]["values"] for other in others] for split in ("validation", "test")
        }
        numbers[name] = replicate_numbers(values, failed[name])
    members = [name for name, model in own.items() if model.trained.role == "student"]
    if min(len(by_source[name]) for name in members) >= LEAST_SEEDS:
        names = [objective.name for objective in run.objectives]
        for split in ("validation", "test"):
            rows = [
                np.array([[other.numbers[split]["values"][n] for n in names] for other in by_source[m]])
                for m in members
            ]
            for member, share in zip(members, bootstrap_share(rows, run.objectives), strict=True):
                numbers[member].setdefault("bootstrap_share", {})[split] = float(share)
    return numbers


def replicate_numbers(values: Mapping[str, Sequence[Mapping[str, float]]], failed: int) -> dict[str, Any]:
    """Return mean, standard deviation and values of each measure over seeds.

    Args:
        values: `validation` and `test` -> measures of each seed.
        failed: seeds that could not be trained.
    """
    numbers: dict[str, Any] = {"n": len(values["test"]), "failed": failed}
    for split, seeds in values.items():
        names = dict.fromkeys(name for seed in seeds for name in seed)
        numbers[split] = {
            name: {
                **spread([seed.get(name, float("nan")) for seed in seeds]),
                "values": [seed.get(name, float("nan")) for seed in seeds],
            }
            for name in names
        }
    return numbers


def bootstrap_share(
    values: Sequence[np.ndarray],
    objectives: Sequence[Objective],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> np.ndarray:
    """Return the share of resamples of the seeds, with replacement, in whose means each member is non-dominated.

    It speaks of the configuration, for whoever trains it again, and not of the student that is shipped.

    Args:
        values: for each member, the objectives of its seeds [seeds, objectives].

    Returns:
        float [members]; NaN for all if a member has fewer than two seeds, which do not show any spread.
    """
    if min((len(rows) for rows in values), default=0) < 2:
        return np.full(len(values), np.nan)
    rng = np.random.default_rng(seed)
    # [resamples, members, objectives]
    means = np.stack(
        [rows[rng.integers(0, len(rows), (resamples, len(rows)))].mean(axis=1) for rows in values], axis=1
    )
    return np.asarray(np.mean([front_mask(sample, objectives) for sample in means], axis=0))


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return mean and standard deviation (n - 1) of values over seeds, and their number."""
    known = np.array(values, dtype=float)
    return {
        "mean": float(known.mean()) if known.size else float("nan"),
        "std": float(known.std(ddof=1)) if known.size > 1 else float("nan"),
        "n": int(known.size),
    }
