"""To the same front: how much of the full sweep's hypervolume a search reaches, and with how many of its epochs."""

import contextlib
import itertools
import math
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import benchmarks.datasets  # noqa: F401 (it registers them)
from benchmarks.bank import Bank, record
from benchmarks.simulated import Trace, play
from benchmarks.tables import table
from kdtune.runs.measures.objectives import Objective, References
from kdtune.runs.records import Report
from kdtune.space.reading import Space, parse_space
from kdtune.sweep.plan import make_plan
from kdtune.sweep.trials import history

SAMPLERS = ("random", "tpe", "nsgaii")
METHODS = ("none", "asha", "moasha")
WORKERS = 2
TEXT = """\
kdtune's own trial manager, Optuna study and halving run each search on recorded students: a table of configurations
(Sobol points of T, α and learning rate), each trained once to its last epoch. Each proposal of a sampler gets the curve
of the nearest configuration. There are two workers, and time is simulated. Shares are relative to the full sweep: same
sampler, same seed, no early stopping. `no stopping, same epochs` is the front of that full sweep when it had trained as
many epochs. `asha` ranks by accuracy, `moasha` by the objectives (accuracy, EOD). Hypervolume is kdtune's: of the unit
square, against the worst corner. The second table shows why early stopping costs what it does: it has Spearman's rank
correlation between an early epoch and the last one, over the recorded students that meet the constraint in the end.

After 900 trials TPE looks at the best trials and the latest 900 only, so that the cost of a proposal does not depend on
the number of trials. The last table shows what a front loses by that, at a size that can be simulated: TPE looks at the
best twelve trials and the latest 24 of 96, or at all of them. The difference is between pairs with the same seed,
without early stopping, ± its standard error."""
RANGES = {
    "temperature": {"low": 1, "high": 40, "log": True},
    "alpha": {"low": 0.0, "high": 1.0},
}


@dataclass(frozen=True)
class Sizes:
    """How much is recorded and simulated."""

    curves: int = 128
    trials: int = 48
    epochs: int = 16
    seeds: int = 5
    examples: int = 640
    long: int = 96
    long_seeds: int = 20


QUICK = Sizes(curves=6, trials=8, epochs=4, seeds=1, examples=320, long=14, long_seeds=2)
SEEN, BEST = 0.25, 0.125
"""Shares of a long search's trials that TPE looks at where its history is bounded: the latest, and the best."""


def spaces(sizes: Sizes, data: Path) -> dict[str, dict[str, Any]]:
    """Return the searches by name: digits, and people in a table if that is available."""
    budget = {"trials": sizes.trials, "epochs": sizes.epochs}
    lr = {"low": 1e-3, "high": 1e-1, "log": True}
    found = {
        "digits, CNN→MLP": {
            "dataset": {"name": "bench-digits", "n_train": sizes.examples},
            "pairs": ["cnn8->mlp-16"],
            "search": {**RANGES, "lr": lr},
            "constraints": {"accuracy": ">= majority + 0.3"},
            "budget": budget,
            "train": {"batch_size": 64, "lr": 0.05},
        }
    }
    if (data / "compas" / "compas.csv").exists():
        found["COMPAS, MLP→MLP"] = {
            "dataset": {
                "name": "table", "path": str(data / "compas" / "compas.csv"), "label": "two_year_recid",
                "positive": "1", "features": ["age", "juv_fel_count", "juv_misd_count", "juv_other_count",
                                              "priors_count", "c_charge_degree"],
                "sensitive": ["race", "sex"], "groups": {"race": ["African-American", "Caucasian"]}, "rare": "missing",
            },
            "pairs": ["mlp-128-128->mlp-8"],
            "search": {**RANGES, "lr": lr},
            "constraints": {"accuracy": ">= majority + 0.05"},
            "budget": budget,
            "train": {"batch_size": 256, "lr": 0.02, "weight_decay": 1e-4},
        }  # fmt: skip
    return found


@dataclass(frozen=True)
class Outcome:
    """One way to search, over all seeds; shares are of the full sweep: same sampler, no early stopping.

    Attributes:
        hypervolume: share of the full sweep's, one per seed.
        epochs, seconds: share of the full sweep's.
        full_then: hypervolume share of the full sweep when it had trained as many epochs.
        total: hypervolume itself.
    """

    data: str
    sampler: str
    method: str
    hypervolume: list[float]
    epochs: list[float]
    seconds: list[float]
    full_then: list[float]
    total: list[float]


def measure(sizes: Sizes, data: Path, names: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Record the banks, simulate every search on every seed, and yield the outcomes as JSON.

    Args:
        names: how the names of the data begin; all if there are none.
    """
    for name, content in spaces(sizes, data).items():
        if names and not name.startswith(tuple(names)):
            continue
        bank = record(parse_space(content, name), sizes.curves)
        yield {"data": name, "foresight": foresight(bank)}
        yield {"data": name, "history": _histories(bank, content, sizes)}
        for sampler in SAMPLERS:
            traces = {
                (method, seed): _play(bank, content, sampler, method, seed)
                for method, seed in itertools.product(METHODS, range(sizes.seeds))
            }
            for method in METHODS:
                pairs = [(traces[method, seed], traces["none", seed]) for seed in range(sizes.seeds)]
                yield asdict(_outcome(name, sampler, method, pairs))


def foresight(bank: Bank) -> dict[str, dict[str, float]]:
    """Return, by share of the epochs and objective, how well the ranking at that time predicts the final one."""
    from scipy.stats import spearmanr

    plan, epochs = bank.plan, bank.plan.space.budget.epochs
    references = References()
    whole = [[Report.from_dict(r) for r in curve] for curve in bank.curves if len(curve) == epochs]
    kept = [
        curve
        for curve in whole
        if all(
            c.violation(Objective.parse(c.name, plan.dataset.attributes).value(curve[-1], references)) <= 0
            for c in plan.constraints
        )
    ]
    found: dict[str, dict[str, float]] = {}
    for share in (8, 4, 2):
        early = max(1, epochs // share)
        found[f"1/{share}"] = {}
        for objective in plan.objectives:
            then, at_last = (
                [objective.value(curve[epoch - 1], references) for curve in kept] for epoch in (early, epochs)
            )
            rho = spearmanr(then, at_last, nan_policy="omit").statistic if len(kept) > 2 else math.nan
            found[f"1/{share}"][objective.name] = float(rho)
    return {**found, "students": {"n": len(kept)}}


def _play(bank: Bank, content: Mapping[str, Any], sampler: str, method: str, seed: int) -> Trace:
    space: Space = parse_space(
        {**content, "sampler": sampler, "early_stopping": {"method": method}, "seed": seed}, "front"
    )
    folder = Path(tempfile.mkdtemp(prefix="kdtune-front-"))
    try:
        return play(
            make_plan(space, bank.plan.dataset),
            lambda student: bank.nearest(student.job),
            workers=WORKERS,
            folder=folder / "run",
            epoch_seconds=bank.seconds,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _histories(bank: Bank, content: Mapping[str, Any], sizes: Sizes) -> dict[str, list[float]]:
    """Return hypervolumes by seed after a long search with TPE that looks at all trials, and at some."""
    budget = {"trials": sizes.long, "epochs": sizes.epochs}
    found: dict[str, list[float]] = {"all": [], "some": []}
    some: dict[str, Any] = {"LATEST": round(SEEN * sizes.long), "BEST": round(BEST * sizes.long)}
    for seed in range(sizes.long_seeds):
        for which, reached in found.items():
            with mock.patch.multiple(history, **some) if which == "some" else contextlib.nullcontext():
                trace = _play(bank, {**content, "budget": budget}, "tpe", "none", seed)
            reached.append(trace.hypervolume[-1])
    return found


def _outcome(data: str, sampler: str, method: str, pairs: Sequence[tuple[Trace, Trace]]) -> Outcome:
    return Outcome(
        data,
        sampler,
        method,
        hypervolume=[_share(own.hypervolume[-1], full) for own, full in pairs],
        epochs=[own.epochs[-1] / full.epochs[-1] for own, full in pairs],
        seconds=[own.seconds[-1] / full.seconds[-1] for own, full in pairs],
        full_then=[_share(full.at(own.epochs[-1]), full) for own, full in pairs],
        total=[own.hypervolume[-1] for own, full in pairs],
    )


def _share(hypervolume: float, full: Trace) -> float:
    return hypervolume / full.hypervolume[-1] if full.hypervolume[-1] else math.nan


def report(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """Return the section of RESULTS.md."""
    known = [o for o in outcomes if "foresight" in o]
    long = [o for o in outcomes if "history" in o]
    outcomes = [o for o in outcomes if "method" in o]
    seeds = len(outcomes[0]["hypervolume"])
    rows = [
        [
            o["data"],
            o["sampler"],
            o["method"],
            _spread(o["epochs"]),
            _spread(o["seconds"]),
            _spread(o["hypervolume"], percent=True),
            _spread(o["full_then"], percent=True) if o["method"] != "none" else "",
            _spread(o["total"], digits=4),
        ]
        for o in outcomes
    ]
    head = [
        "data", "sampler", "early stopping", "epochs", "time", "hypervolume", "no stopping, same epochs", "absolute",
    ]  # fmt: skip
    parts = [f"Median of {seeds} seeds [lowest, highest].\n", table(head, rows), _foresight_table(known)]
    return "\n".join([*parts, _history_table(long)])


def _foresight_table(known: Sequence[Mapping[str, Any]]) -> str:
    shares = ("1/8", "1/4", "1/2")
    rows = [
        [o["data"], str(int(o["foresight"]["students"]["n"])), name]
        + [f"{o['foresight'][share][name]:+.2f}" for share in shares]
        for o in known
        for name in o["foresight"][shares[0]]
    ]
    return table(
        ["data", "students", "objective", *(f"after {share} of the epochs" for share in shares)], rows
    )


def _history_table(long: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for o in long:
        whole, some = (np.array(o["history"][which]) for which in ("all", "some"))
        error = (some - whole).std(ddof=1) / math.sqrt(len(some))
        difference = f"{(some - whole).mean():+.4f} ± {error:.4f}"
        rows.append([o["data"], str(len(some)), f"{whole.mean():.4f}", f"{some.mean():.4f}", difference])
    return table(["data", "seeds", "TPE sees all: hypervolume", "sees some", "difference"], rows)


def _spread(values: Sequence[float], *, percent: bool = False, digits: int = 2) -> str:
    def show(value: float) -> str:
        return f"{100 * value:.1f} %" if percent else f"{value:.{digits}f}"

    return f"{show(statistics.median(values))} [{show(min(values))}, {show(max(values))}]"
