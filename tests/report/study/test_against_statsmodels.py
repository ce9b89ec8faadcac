"""Counts of affected classes, from the counts of a study to the cells of a table, against statsmodels."""

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttest_ind

from kdtune.fairness import affected_classes
from kdtune.report.study.results.reading import ModelOnTest, Study
from kdtune.report.study.statistics.significance import expected_floor, tally
from kdtune.report.study.tables.classes import classes_table
from kdtune.runs.records import ALL


@pytest.fixture(scope="module", autouse=True)
def little_to_collect() -> None:
    """Let the collector pass over what is there: statsmodels has it run in each of Holm's corrections."""
    gc.collect()
    gc.freeze()


def quantity(models: Any, null: str) -> np.ndarray:
    by_class = np.array([m.counts[ALL].hits[0] / m.counts[ALL].examples[0] for m in models])
    total = np.array([m.counts[ALL].hits.sum() / m.counts[ALL].examples.sum() for m in models])[:, None]
    return {"ratio": by_class / total, "difference": by_class - total, "raw": by_class}[null]


def p_values(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.array([ttest_ind(x, y, usevar="unequal")[1] for x, y in zip(a.T, b.T, strict=True)])


@pytest.mark.parametrize("null", ["ratio", "difference", "raw"])
def test_the_cells_of_table_1(made: Callable[..., Study], null: Any) -> None:
    classes = tuple("abcdefghij")
    uneven = np.linspace(0.68, 0.82, 10)
    study = made(classes=classes, right={"student": uneven, "nds": uneven[::-1]}, temperatures=(1, 4))
    [series] = study.series
    table = classes_table(study, series, null)
    seen = set()
    for row in table.rows[2:]:
        students = series.students[float(row[0].removeprefix("T = "))]
        for column, reference in ((3, series.nds), (7, series.teachers)):
            a, b = quantity(reference, null), quantity(students, null)
            p = p_values(a, b)
            better = (p <= 0.05) & (b.mean(axis=0) > a.mean(axis=0))
            holm, bh = (multipletests(p, alpha=0.05, method=m)[0].sum() for m in ("holm", "fdr_bh"))
            raw = int((p <= 0.05).sum())
            expected = [str(raw), f"{better.sum()} / {raw - better.sum()}", str(holm), str(bh)]
            assert list(row[column : column + 4]) == expected
            seen.add((raw, int(holm), int(bh)))
    assert any(raw > holm > 0 for raw, holm, _ in seen), "corrections must have something to take away"


@pytest.mark.parametrize(("correction", "method"), [("holm", "holm"), ("bh", "fdr_bh")])
@pytest.mark.parametrize("seeds", [(2, 2), (5, 5), (4, 9)])
def test_p_values(correction: Any, method: str, seeds: tuple[int, int]) -> None:
    rng = np.random.default_rng(seeds[1])
    a, b = (rng.normal(0.7, 0.05, (n, 40)) for n in seeds)
    b[:, :15] += 0.08
    p = p_values(a, b)
    found = affected_classes(a, b, null="raw", correction=correction)
    assert found.p_uncorrected == pytest.approx(p)
    rejected, adjusted, *_ = multipletests(p, alpha=0.05, method=method)
    assert found.p == pytest.approx(adjusted)
    assert found.affected.tolist() == rejected.tolist()


@pytest.mark.parametrize("null", ["ratio", "difference", "raw"])
def test_identical_models_give_the_expected_floor(tested: Callable[..., ModelOnTest], null: Any) -> None:
    """Ten classes, five seeds against five, all drawn alike: from counts, as a study has them."""
    rng, repeats, right = np.random.default_rng(1), 300, np.linspace(0.6, 0.9, 10)
    counts = []
    for k in range(repeats):
        models = [tested(f"m{k}-{s}", s, right, {}, rng) for s in range(10)]
        counts.append(tally(models[:5], models[5:], null=null, level=0.05).n_raw)
    expected = expected_floor(10, 5, 5, 0.05)
    assert expected is not None
    error = np.std(counts) / repeats**0.5
    assert np.mean(counts) == pytest.approx(expected.raw, abs=3 * error)
