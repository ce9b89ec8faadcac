"""The tables of a study about classes: Table 1 of the paper, its noise floors, and the values behind them."""

import math
from collections.abc import Sequence

import numpy as np

from kdtune.fairness import disagreement
from kdtune.report.study import published
from kdtune.report.study.results.reading import ModelOnTest, Series, Study
from kdtune.report.study.statistics import quantities
from kdtune.report.study.statistics.quantities import spread, spread_of
from kdtune.report.study.statistics.significance import (
    CORRECTIONS,
    FEW_CLASSES,
    FEW_CLASSES_WARNING,
    NULLS,
    Floor,
    Null,
    Tally,
    class_accuracies,
    expected_floor,
    measured_floor,
    tally,
)
from kdtune.report.study.tables.cells import PUBLISHED, percent
from kdtune.report.study.tables.rendering import Table
from kdtune.runs.records import ALL

MOST_ON_PAGE = 40
"""A table of more classes than this is written only as a file."""


def classes_table(study: Study, series: Series, null: Null) -> Table:
    """Return Table 1 of the paper: accuracy, #SC and #TC, with the counts after correction."""
    theirs = published.classes_of(study.record.dataset, series.pair)
    few = null == "ratio" and len(study.record.classes) < FEW_CLASSES
    head = ["model", "accuracy, %", "seeds"]
    for test in ("#SC", "#TC"):
        head += [test, f"{test} better / worse", f"{test} Holm", f"{test} BH"]
        head += [f"{test}, class accuracy"] if few else []
    if theirs is not None:
        head += [f"accuracy, {PUBLISHED}", f"#SC, {PUBLISHED}", f"#TC, {PUBLISHED}"]
    rows = []
    for name, models in series.rows:
        row = [name, percent(spread(models, quantities.accuracy)), str(len(models))]
        if name in ("teacher", "NDS"):
            row += ["–"] * (10 if few else 8)
            if theirs is not None:
                row += [f"{theirs.teacher if name == 'teacher' else theirs.nds:.2f}", "–", "–"]
        else:
            for reference in (series.nds, series.teachers):
                row += _tally_cells(tally(reference, models, null=null, level=study.spec.level))
                if few:
                    alone = tally(reference, models, null="raw", level=study.spec.level)
                    row.append("no test" if alone.n_raw is None else str(alone.n_raw))
            if theirs is not None:
                values = theirs.students.get(float(name.removeprefix("T = ")))
                row += ["–"] * 3 if values is None else [f"{values[0]:.2f}", str(values[1]), str(values[2])]
        rows.append(row)
    caption = (
        f"Test split, {len(study.record.classes)} classes, mean ± standard deviation over seeds. #SC: classes that "
        "differ significantly between NDS (student without a teacher) and distilled student; #TC: between teacher and "
        f"distilled student. Welch's t-test over seeds, level {study.spec.level:g}, null: equal {NULLS[null]}. Plain "
        "#SC and #TC are uncorrected; better / worse: that quantity is higher or lower in the distilled student. "
        f"α = {study.spec.alpha:g}, {'with' if series.scaled else 'without'} T² in the loss."
    )
    if few:
        caption += f" {FEW_CLASSES_WARNING} The columns 'class accuracy' test that alone, uncorrected."
    if any("*" in cell for row in rows for cell in row):
        caption += (
            " * Some classes do not vary over the seeds of either model: no test of them is possible, and they are not "
            "counted."
        )
    return Table(
        f"table-1-classes-{series.key}", f"Affected classes, {series.title} (Table 1)", caption, head, rows
    )


def floors_table(study: Study, series: Series, null: Null) -> Table:
    """Return how many classes would seem affected if the models did not differ."""
    level, n_classes = study.spec.level, len(study.record.classes)
    sizes = max((len(m) for m in series.students.values()), default=0)
    measured = measured_floor(series.nds, null=null, level=level)
    rows = [
        _floor_row(
            f"expected, {len(series.nds)} seeds against {sizes}",
            expected_floor(n_classes, len(series.nds), sizes, level),
            "simulation",
        ),
    ]
    if measured is None:
        rows.append(["measured, NDS against NDS", "–", "–", "–", "needs 4 seeds or more"])
    else:
        a, b = measured.sizes
        rows.append(
            _floor_row(
                f"measured, NDS against NDS, {a} seeds against {b}",
                measured,
                f"{measured.splits} splits of {a + b} seeds",
            )
        )
        rows.append(
            _floor_row(
                f"expected, {a} seeds against {b}", expected_floor(n_classes, a, b, level), "simulation"
            )
        )
    caption = (
        "Mean number of classes that seem affected between models that do not differ. A count in the table above means "
        "something only if it is clearly larger. The splits of a few seeds are not independent of each other."
    )
    return Table(
        f"noise-floor-{series.key}",
        f"Noise floor, {series.title}",
        caption,
        ["identical models", "uncorrected", "Holm", "BH", "from"],
        rows,
    )


def _floor_row(name: str, floor: Floor | None, source: str) -> list[str]:
    if floor is None:
        return [name, "–", "–", "–", "no test with one seed"]
    return [name, f"{floor.raw:.2f}", f"{floor.holm:.2f}", f"{floor.bh:.2f}", source]


def _tally_cells(found: Tally) -> list[str]:
    if found.n_raw is None:
        return ["no test"] + ["–"] * 3
    mark = " *" if any(test.degenerate.any() for test in found.tests.values()) else ""
    return [f"{found.n_raw}{mark}", f"{found.better} / {found.worse}", str(found.n_holm), str(found.n_bh)]


def class_means_table(study: Study, series: Series) -> Table:
    """Return the class accuracies by model, mean and spread over seeds."""
    columns = [(label, class_accuracies(models)) for label, models in series.rows if models]
    rows = []
    for k, name in enumerate(study.record.classes):
        rows.append([name, *(percent(spread_of(accuracies[:, k])) for _, accuracies in columns)])
    caption = (
        "Share of each class's test examples that is classified correctly, in %, mean ± standard deviation over seeds. "
        "class-accuracy.csv has every seed, class-tests.csv the p-value of every class."
    )
    return Table(
        f"class-means-{series.key}",
        f"Class accuracy, {series.title}",
        caption,
        ["class", *(label for label, _ in columns)],
        rows,
        page=len(study.record.classes) <= MOST_ON_PAGE,
    )


def class_accuracy_table(study: Study) -> Table:
    """Return every class accuracy by model and seed."""
    rows = []
    for series in study.series:
        for label, models in series.rows:
            for model in models:
                counts = model.counts[ALL]
                for k, name in enumerate(study.record.classes):
                    n, hits = int(counts.examples[0, k]), int(counts.hits[0, k])
                    rows.append([series.title, label, model.id, str(model.seed), name, str(n), str(hits)])
    head = ["series", "model", "id", "seed", "class", "n", "hits"]
    return Table("class-accuracy", "Hits by class and seed", "", head, rows, text=5, page=False)


def tests_table(study: Study, null: Null) -> Table:
    """Return the p-value of every test."""
    rows = []
    for series in study.series:
        for t in series.temperatures:
            for name, reference in (("SC", series.nds), ("TC", series.teachers)):
                found = tally(reference, series.students[t], null=null, level=study.spec.level)
                if not found.tests:
                    continue
                for k, label in enumerate(study.record.classes):
                    p = [_p_cell(float(found.tests[c].p[k])) for c in CORRECTIONS]
                    test = found.tests[None]
                    direction = "better" if test.better[k] else "worse"
                    rows.append([series.title, f"{t:g}", name, label, *p, direction])
    head = ["series", "T", "test", "class", "p", "p Holm", "p BH", "direction"]
    return Table("class-tests", "Every test of a class", "", head, rows, text=4, page=False)


def _p_cell(p: float) -> str:
    return "no test" if math.isnan(p) else f"{p:.6g}"


def disagreement_table(study: Study) -> Table:
    """Return the cells of all disagreement matrices, mean over seeds, without those that are 0."""
    rows = []
    for series in study.series:
        for label, models in series.rows[1:]:
            cells = disagreements(series, models, len(study.record.classes))
            for i, j in np.argwhere(cells > 0):
                classes = study.record.classes
                rows.append([series.title, label, classes[i], classes[j], f"{cells[i, j]:.1f}"])
    head = ["series", "student", "teacher says", "student says", "examples"]
    return Table("disagreement", "Disagreement with the teacher", "", head, rows, text=4, page=False)


def disagreements(series: Series, models: Sequence[ModelOnTest], n_classes: int) -> np.ndarray:
    """Return the disagreement matrix of students with the teacher of the same seed, mean over seeds, [C, C]."""
    teachers = {m.seed: m for m in series.teachers}
    found = [
        disagreement(teachers[m.seed].predictions, m.predictions, n_classes=n_classes)
        for m in models
        if m.seed in teachers
    ]
    return np.mean(found, axis=0) if found else np.zeros((n_classes, n_classes))
