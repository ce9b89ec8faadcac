"""A front with other seeds: means, spread, and how often each member is non-dominated.

The seed of the search is left out, because members were chosen for doing well with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch

from kdtune.data.dataset import Dataset
from kdtune.output import narrate
from kdtune.report.evaluate.evaluation import SplitData, evaluate
from kdtune.report.export.results.members import EvaluatedModel, references_of
from kdtune.report.export.results.metrics import spread
from kdtune.runs.objectives import Objective, all_measures, front_mask
from kdtune.runs.reader import Run
from kdtune.runs.records import ALL

if TYPE_CHECKING:
    from kdtune.sweep.replicates import Replicate

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
    ]
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


def reseed(
    run: Run, models: Sequence[EvaluatedModel], replicates: "Sequence[Replicate]", splits: Sequence[SplitData]
) -> dict[str, dict[str, Any]]:
    """Return the numbers of each model's replicates, by id; {} without replicates.

    Each model has `replicate_numbers`; members also `on_front` (non-dominated and feasible in means on validation)
    and `non_dominated` (by split, see `chance_non_dominated`).
    """
    if not replicates:
        return {}
    by_id = {model.trained.id: model for model in models}
    final = {s.name: {k: m.on[s.name][1].report.counts[ALL] for k, m in by_id.items()} for s in splits}
    measured: dict[str, dict[str, list[dict[str, float]]]] = {k: {s.name: [] for s in splits} for k in by_id}
    failed = dict.fromkeys(by_id, 0)
    for item in replicates:
        if item.weights is None:
            failed[item.source] += 1
            continue
        trained = by_id[item.source].trained
        state = {name: tensor.contiguous() for name, tensor in safetensors.torch.load(item.weights).items()}
        module = replace(trained, state=state).module(run)
        for split in splits:
            report = evaluate(module, split, item.reports[-1]).report
            references = references_of(trained, final[split.name])
            measured[item.source][split.name].append(
                all_measures(report, references, list(run.record.attributes))
            )
    numbers = {name: replicate_numbers(values, failed[name]) for name, values in measured.items()}
    members = [name for name, model in by_id.items() if model.trained.role == "student"]
    objectives = run.objectives
    names = [objective.name for objective in objectives]
    rows = {
        split.name: [
            np.array([[seed[n] for n in names] for seed in measured[m][split.name]], dtype=float).reshape(
                -1, len(names)
            )
            for m in members
        ]
        for split in splits
    }
    means = [numbers[member]["validation"] for member in members]
    feasible = np.array(
        [
            all(c.violation(m.get(c.name, {}).get("mean", np.nan)) <= 0 for c in run.record.constraints)
            for m in means
        ]
    )
    on_front = front_over_means(rows["validation"], objectives) & feasible
    chances = {name: chance_non_dominated(values, objectives) for name, values in rows.items()}
    for k, member in enumerate(members):
        numbers[member]["on_front"] = bool(on_front[k])
        numbers[member]["non_dominated"] = {name: float(values[k]) for name, values in chances.items()}
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


def chance_non_dominated(
    values: Sequence[np.ndarray],
    objectives: Sequence[Objective],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> np.ndarray:
    """Return the share of resamples of the seeds, with replacement, in whose means each member is non-dominated.

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


def front_over_means(values: Sequence[np.ndarray], objectives: Sequence[Objective]) -> np.ndarray:
    """Return which members are non-dominated in means over seeds: bool [members]."""
    means = [rows.mean(axis=0) if len(rows) else np.full(len(objectives), np.nan) for rows in values]
    return np.asarray(front_mask(np.array(means), objectives))
