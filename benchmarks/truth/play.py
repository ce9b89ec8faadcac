"""Plays policies on banks, and scores what they ship on test against what validation alone chooses."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from benchmarks.truth.banks import read_split
from benchmarks.truth.deck import Deck
from benchmarks.truth.policies import DIRECTIONS, Policy, Shipped, drawn, raw_of
from benchmarks.truth.sets import TruthSet
from benchmarks.truth.training import SplitStudents
from benchmarks.truth.view import Cells, count_cells, has_model
from kdtune.data.split import stratified_cut
from kdtune.pareto import hypervolume, non_dominated
from kdtune.runs.choosing import is_alike
from kdtune.space.reading import Range, Space, parse_space

WEIGHTS = (0.25, 0.5, 1.0, 2.0)
"""How much a user may mind the gap, in points of accuracy for a point of gap."""

SCORES = ("hypervolume", "three", "utility", "members")
BASELINE = "validation alone"


@dataclass(frozen=True)
class Table:
    """A deck with what its students are worth on test, which no policy sees.

    Attributes:
        test: accuracy and gap, [C, S, 2].
        folds_test: the same of the students of the folds, [C, folds, 2]; None without folds.
    """

    deck: Deck
    test: np.ndarray
    folds_test: np.ndarray | None


def tables(item: TruthSet, split: int, cuts: int) -> Iterator[Table]:
    """Yield decks of one split: as it was cut, then with other parts of what it keeps back as validation."""
    students = read_split(item, split)
    if students is None:
        return
    space = parse_space(item.space(split), item.name)
    numbers, pairs = _settings(space, students)
    kept = np.asarray(has_model(students).all(axis=1))
    m, n = len(students.labels), students.n_validation
    for cut in range(cuts):
        own = np.arange(m) < n
        if cut:
            own = np.zeros(m, dtype=bool)
            own[_cut(students, np.arange(m), n, cut)] = True
        rows, rest = np.flatnonzero(own), np.flatnonzero(~own)
        larger = {}
        for times in (2, 4):
            if (times - 1) * n <= len(rest) - n:  # as much as validation stays for test, at least
                more = rest[_cut(students, rest, (times - 1) * n, cut)]
                larger[times] = (np.concatenate([rows, more]), more)
        rest = np.setdiff1d(rest, np.concatenate([more for _, more in larger.values()])) if larger else rest
        folds, folds_test = _folds(item, split, students, rest) if cut == 0 else (None, None)
        majority = np.bincount(students.labels[rows]).max() / len(rows)
        own_cells = count_cells(students, rows)
        on_train = {times: _on_train(students, times, len(rows)) for times in (None, 1.0, 2.0)}
        deck = Deck(
            numbers=numbers[kept],
            pairs=pairs[kept],
            students=_only(students, kept),
            rows=rows,
            values=own_cells.values(item.gap)[kept],
            train=on_train[None].values(item.gap)[kept],
            counted=on_train[1.0].values(item.gap)[kept],
            pooled={times: (part + own_cells).values(item.gap)[kept] for times, part in on_train.items()},
            larger={t: count_cells(students, both).values(item.gap)[kept] for t, (both, _) in larger.items()},
            curves=_curves(students, rows, item.gap)[kept],
            is_alike=is_alike(own_cells.counts((0, 0)), on_train[1.0].counts((0, 0))),
            folds=None if folds is None else _part(folds, kept),
            budget=min(space.budget.trials or 60, int(kept.sum())),
            bound=majority + item.margin,
            gap=item.gap,
        )
        test = count_cells(students, rest).values(item.gap)[kept]
        yield Table(deck, test, None if folds_test is None else folds_test[kept])


def play(
    item: TruthSet,
    policies: Mapping[str, Policy],
    slow: Mapping[str, Policy] | None = None,
    *,
    cuts: int,
    draws: int,
) -> dict[str, dict[str, list[float]]]:
    """Return, by policy and score, the mean over cuts and draws of each split; differences from validation alone.

    Those in `slow` are played once a split, as it was cut.

    The entry of validation alone holds its scores themselves, and `oracle` those of choosing its students on test.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for split in range(item.splits):
        scores: dict[str, list[np.ndarray]] = {}
        for cut, table in enumerate(tables(item, split, cuts)):
            for draw in range(draws):
                alone = policies[BASELINE](table.deck, _rng(split, cut, draw))
                assert alone is not None
                own = score(alone, table)
                scores.setdefault(BASELINE, []).append(own)
                scores.setdefault("oracle", []).append(
                    score(_oracle(table, _rng(split, cut, draw)), table) - own
                )
                others = {**policies, **((slow or {}) if cut == draw == 0 else {})}
                for name, policy in others.items():
                    shipped = None if name == BASELINE else policy(table.deck, _rng(split, cut, draw))
                    if shipped is not None:
                        scores.setdefault(name, []).append(score(shipped, table) - own)
        for name, rows in scores.items():
            for key, value in zip(SCORES, np.nanmean(rows, axis=0), strict=True):
                found.setdefault(name, {}).setdefault(key, []).append(float(value))
    return found


def _rng(split: int, cut: int, draw: int) -> np.random.Generator:
    return np.random.default_rng([split, cut, draw])


def _oracle(table: Table, rng: np.random.Generator) -> Shipped:
    who = drawn(table.deck, table.deck.budget, rng)
    feasible = raw_of(table.deck, who)[:, 0] >= table.deck.bound
    values = np.array([table.test[w] for w in who])
    on = non_dominated(values, DIRECTIONS, feasible)
    return Shipped([w for w, yes in zip(who, on, strict=True) if yes], values[on])


def score(shipped: Shipped, table: Table) -> np.ndarray:
    """Return the scores of what is shipped, in the order of `SCORES`.

    Hypervolume on test, of all members; of the three that make the largest one by what is believed of them; the mean
    over `WEIGHTS` of accuracy - weight * gap on test, of the member that looks best; number of members.
    """
    if not shipped.students:
        return np.array([0.0, 0.0, np.nan, 0.0])
    truth = table.folds_test if shipped.of_folds else table.test
    assert truth is not None
    test, believed = np.array([truth[w] for w in shipped.students]), shipped.beliefs
    picks = [int(np.argmax(believed[:, 0] - weight * believed[:, 1])) for weight in WEIGHTS]
    utility = np.mean([test[k, 0] - w * test[k, 1] for k, w in zip(picks, WEIGHTS, strict=True)])
    return np.array([volume(test), volume(test[three(believed)]), float(utility), float(len(test))])


def three(believed: np.ndarray) -> list[int]:
    """Return the three members that make the largest hypervolume together: exactly up to 12, else one by one."""
    if len(believed) <= 3:
        return list(range(len(believed)))
    if len(believed) <= 12:
        return list(
            max(itertools.combinations(range(len(believed)), 3), key=lambda k: volume(believed[list(k)]))
        )
    chosen: list[int] = []
    for _ in range(3):
        left = [k for k in range(len(believed)) if k not in chosen]
        chosen.append(max(left, key=lambda k: volume(believed[[*chosen, k]])))
    return chosen


def volume(values: np.ndarray) -> float:
    """Return the hypervolume of accuracies and gaps, [n, 2], in the unit square; 0 if there are none."""
    return hypervolume(np.column_stack([1 - values[:, 0], values[:, 1]]), ["min", "min"], np.ones(2))


def _settings(space: Space, students: SplitStudents) -> tuple[np.ndarray, np.ndarray]:
    columns = []
    for name, choice in sorted(space.search.items()):
        if isinstance(choice, Range):
            values = np.array([one[name] for one in students.settings], dtype=float)
            low, high = choice.low, choice.high
            if choice.log:
                values, low, high = np.log(values), float(np.log(low)), float(np.log(high))
            columns.append((values - low) / (high - low))
    names = sorted({one["pair"] for one in students.settings})
    return np.column_stack(columns), np.array([names.index(one["pair"]) for one in students.settings])


def _cut(students: SplitStudents, rows: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return n positions within `rows`, stratified by class and group."""
    labels = torch.from_numpy(students.labels[rows].astype(np.int64))
    groups = {"group": torch.from_numpy(students.groups[rows].astype(np.int64))}
    return stratified_cut(labels, groups, n, seed)[1].numpy()


def _on_train(students: SplitStudents, times: float | None, n_validation: int) -> Cells:
    seen = replace(students, labels=students.train_labels, groups=students.train_groups)
    rows = np.arange(len(seen.labels))
    if times is not None and times * n_validation < len(rows):
        rows = np.random.default_rng(0).choice(rows, int(times * n_validation), replace=False)
    return count_cells(seen, rows, students.train_predictions)


def _curves(students: SplitStudents, rows: np.ndarray, gap: str) -> np.ndarray:
    if not students.curves.shape[-1]:
        return np.zeros((students.predictions.shape[1], 0, 2))
    return count_cells(students, rows, students.curves).values(gap)


def _only(students: SplitStudents, kept: np.ndarray) -> SplitStudents:
    return replace(students, predictions=students.predictions[:, kept])


def _part(cells: Cells, kept: np.ndarray) -> Cells:
    return Cells(
        cells.examples, cells.predicted[kept], cells.hits[kept], cells.all_examples, cells.all_hits[kept]
    )


def _folds(
    item: TruthSet, split: int, first: SplitStudents, test_rows: np.ndarray
) -> tuple[Cells | None, np.ndarray | None]:
    """Return the counts of each fold's students on their own part, and their values on test."""
    if item.folds == 1:
        return None, None
    parts: list[Cells] = []
    tests: list[np.ndarray] = []
    for fold in range(item.folds):
        students = first if fold == 0 else read_split(item, split, fold)
        if students is None:
            return None, None
        one = students.predictions[:, :, 0]
        parts.append(count_cells(students, np.arange(students.n_validation), one))
        rows = test_rows - first.n_validation + students.n_validation
        tests.append(count_cells(students, rows, one).values(item.gap))
    cells = Cells(
        np.sum([part.examples for part in parts], axis=0),
        np.stack([part.predicted for part in parts], axis=1),
        np.stack([part.hits for part in parts], axis=1),
        sum(part.all_examples for part in parts),
        np.stack([part.all_hits for part in parts], axis=1),
    )
    return cells, np.stack(tests, axis=1)
