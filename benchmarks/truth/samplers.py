"""Samplers on a bank: each proposal is answered by the nearest configuration that was recorded."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution

if TYPE_CHECKING:
    from benchmarks.truth.deck import Deck

Sampling = Callable[["Deck", int, np.random.Generator], list[tuple[int, int]]]
STARTUP = 10


def sampled(kind: str, believe: Any = None, block: int = 5, **options: Any) -> Sampling:
    """Return how an Optuna sampler chooses configurations.

    Args:
        kind: `tpe`, `gp` or `nsgaii`.
        believe: what the sampler is told of past trials; the raw values if left out.
        block: after so many trials the sampler is told anew what is believed of all.
    """

    def choose(deck: "Deck", n: int, rng: np.random.Generator) -> list[tuple[int, int]]:
        seed = int(rng.integers(2**31))
        who: list[tuple[int, int]] = []
        times = np.zeros(deck.shape[0], dtype=int)
        orders = [rng.permutation(deck.shape[1]) for _ in range(deck.shape[0])]
        space: dict[str, Any] = {f"x{k}": FloatDistribution(0.0, 1.0) for k in range(deck.numbers.shape[1])}
        if deck.pairs.max() > 0:
            space["pair"] = CategoricalDistribution(list(range(int(deck.pairs.max()) + 1)))
        points: list[dict[str, Any]] = []
        while len(who) < n:
            raw = np.array([deck.values[w] for w in who]).reshape(-1, 2)
            told = raw if believe is None or len(who) < STARTUP else believe(deck, who, raw)
            study = _study(kind, seed + len(who), options)
            for point, values, measured in zip(points, told, raw, strict=True):
                study.enqueue_trial(point)
                _tell(study, study.ask(space), values, deck.bound - measured[0])
            for _ in range(n - len(who) if believe is None else min(block, n - len(who))):
                trial = study.ask(space)
                at = np.array([trial.params[f"x{k}"] for k in range(deck.numbers.shape[1])])
                far = ((deck.numbers - at) ** 2).sum(axis=1)
                far[deck.pairs != trial.params.get("pair", 0)] = np.inf
                c = int(far.argmin())
                who.append((c, int(orders[c][times[c] % deck.shape[1]])))
                times[c] += 1
                points.append(trial.params)
                value = deck.values[who[-1]]
                _tell(study, trial, value, deck.bound - value[0])
        return list(dict.fromkeys(who))

    return choose


def _study(kind: str, seed: int, options: dict[str, Any]) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = {
            "tpe": lambda: optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=STARTUP, multivariate=True, **options
            ),
            "gp": lambda: optuna.samplers.GPSampler(
                seed=seed, n_startup_trials=STARTUP, deterministic_objective=False, **options
            ),
            "nsgaii": lambda: optuna.samplers.NSGAIISampler(seed=seed, population_size=20, **options),
        }[kind]()
        return optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)


def _tell(study: optuna.Study, trial: optuna.Trial, values: np.ndarray, violation: float) -> None:
    trial.set_constraint("accuracy", float(violation))
    study.tell(trial, [float(value) for value in values])
