"""The tables of a study."""

import math
from collections.abc import Sequence

import numpy as np

from kdtune.fairness import disagreement
from kdtune.report.study import groups, published
from kdtune.report.study.gather import Series, Study, Tested
from kdtune.report.study.groups import Spread, spread
from kdtune.report.study.significance import (
    CORRECTIONS,
    Floor,
    Null,
    Tally,
    expected_floor,
    measured_floor,
    tally,
)
from kdtune.report.study.table import Table
from kdtune.runs.records import ALL
from kdtune.runs.summary import GAPS

PUBLISHED = "published"


def all_tables(study: Study, null: Null) -> list[Table]:
    """Return every table, in the order of the page."""
    found = []
    for series in study.series:
        found += [classes_table(study, series, null), floors_table(study, series, null)]
    for series in study.series:
        for attribute in study.attributes:
            found.append(gaps_table(study, series, attribute))
        if groups.has_individual(series):
            found.append(individual_table(study, series))
    found.append(trends_table(study))
    found += [class_accuracy_table(study), tests_table(study, null), disagreement_table(study)]
    return found


def classes_table(study: Study, series: Series, null: Null) -> Table:
    """Return Table 1 of the paper: accuracy, #SC and #TC, with corrections and floors beside the counts."""
    theirs = published.classes_of(study.record.dataset["name"], series.pair)
    head = ["model", "accuracy, %", "seeds"]
    for test in ("#SC", "#TC"):
        head += [test, f"{test} better / worse", f"{test} Holm", f"{test} BH"]
    if theirs is not None:
        head += [f"accuracy, {PUBLISHED}", f"#SC, {PUBLISHED}", f"#TC, {PUBLISHED}"]
    rows = []
    for name, models in series.rows:
        row = [name, percent(spread(models, groups.accuracy)), str(len(models))]
        if name in ("teacher", "NDS"):
            row += ["–"] * 8
            if theirs is not None:
                row += [f"{theirs.teacher if name == 'teacher' else theirs.nds:.2f}", "–", "–"]
        else:
            for reference in (series.nds, series.teachers):
                row += _tally_cells(tally(reference, models, null=null, level=study.spec.level))
            if theirs is not None:
                values = theirs.students.get(float(name.removeprefix("T = ")))
                row += ["–"] * 3 if values is None else [f"{values[0]:.2f}", str(values[1]), str(values[2])]
        rows.append(row)
    caption = (
        f"Test split, {len(study.record.classes)} classes, mean ± standard deviation over seeds. #SC: classes that "
        "differ significantly between NDS (student without a teacher) and distilled student; #TC: between teacher and "
        f"distilled student. Welch's t-test over seeds, level {study.spec.level:g}, null: equal {NULLS[null]}. Counts "
        "without a word are uncorrected; better / worse: that quantity is higher or lower in the distilled student."
    )
    return Table(
        f"table-1-classes-{series.key}", f"Affected classes, {series.title} (Table 1)", caption, head, rows
    )


NULLS = {
    "ratio": "class accuracy / model accuracy",
    "difference": "class accuracy − model accuracy",
    "raw": "class accuracy",
}


def floors_table(study: Study, series: Series, null: Null) -> Table:
    """Return how many classes would seem affected if no model differed."""
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
        "Mean number of classes that seem affected between models that do not differ. A count of the table above that "
        "is not clearly larger says nothing. The splits of a few seeds are not independent of each other."
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


def gaps_table(study: Study, series: Series, attribute: str) -> Table:
    """Return EOD and DPD over one attribute, with what chance and labels alone give."""
    name = study.record.dataset["name"]
    theirs = {gap: published.gap_of(name, series.pair, attribute, gap) for gap in GAPS}
    head = ["model"]
    for gap in GAPS:
        head += [f"{gap.upper()}, %", f"{gap.upper()} by chance, %"]
        if theirs[gap] is not None:
            head.append(f"{gap.upper()}, {PUBLISHED}")
    rows = []
    for label, models in series.rows:
        row = [label]
        for gap in GAPS:
            row.append(percent(spread(models, groups.gap_value(attribute, gap))))
            row.append(_percent(groups.chance(models, attribute, gap)))
            of = theirs[gap]
            if of is not None:
                row.append(_published(of, label))
        rows.append(row)
    undefined = sum(m.counts[attribute].n_undefined for m in series.nds[:1])
    caption = (
        f"Test split, {len(study.attributes[attribute])} groups, mean ± standard deviation over seeds. By chance: the "
        "mean that a model with the same rates in every group would show at these group sizes. The labels themselves "
        f"differ by {_percent(groups.label_gap(study, attribute))} % (the DPD of a model that is always right)."
        + (f" {undefined} rates have no example and are left out." if undefined else "")
    )
    safe = attribute.replace("*", "-x-")
    return Table(
        f"gaps-{safe}-{series.key}", f"EOD and DPD over {attribute}, {series.title}", caption, head, rows
    )


def individual_table(study: Study, series: Series) -> Table:
    """Return individual fairness by T."""
    theirs = published.individual_of(study.record.dataset["name"], series.pair)
    head = ["model", "I(f)", *([f"I(f), {PUBLISHED}"] if theirs is not None else [])]
    rows = []
    for label, models in series.rows:
        found = spread(models, groups.individual_value(series))
        row = [label, plain(found)]
        if theirs is not None:
            row.append(_published(theirs, label, digits=4))
        rows.append(row)
    spec = study.spec.individual
    assert spec is not None
    pairs = "all pairs" if spec.pairs is None else f"{spec.pairs:,} drawn pairs"
    caption = (
        f"Mean over {pairs} of test examples of the change of the output over the distance of the inputs; lower means "
        f"that similar examples get more similar answers. Output: {spec.output}; distance: cosine in the feature space "
        f"'{spec.features}'; pairs at a distance of {spec.epsilon:g} or less are left out. Values of another feature "
        "space or output are not comparable. A less confident model has a lower value, and so has a constant one."
    )
    return Table(f"individual-{series.key}", f"Individual fairness, {series.title}", caption, head, rows)


def trends_table(study: Study) -> Table:
    """Return Spearman's correlation of T with every quantity."""
    rows = []
    for series in study.series:
        for name, value in groups.quantities(study, series):
            for label, temperatures in groups.ranges(series.temperatures):
                found = groups.trend_of(series, temperatures, value)
                interval = "–" if math.isnan(found.low) else f"{_signed(found.low)} to {_signed(found.high)}"
                rho = "undefined" if math.isnan(found.rho) else _signed(found.rho)
                sure = "" if math.isnan(found.low) else ("yes" if found.low > 0 or found.high < 0 else "no")
                rows.append([series.title, name, label, rho, interval, sure, str(found.n), found.note])
    caption = (
        "Spearman's rank correlation ρ of T with each quantity over all seeds' models: −1 where it falls with every "
        "step of T, 0 where T says nothing. The interval resamples seeds whole (95 %, percentiles); with few seeds it "
        "is rough, and tends to be too narrow. Of many trends without effect one in twenty excludes 0."
    )
    head = ["series", "quantity", "T", "ρ", "interval", "excludes 0", "models", "note"]
    return Table("trends", "Trends of T", caption, head, rows, text=3)


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
    """Return the p-value of every single test."""
    rows = []
    for series in study.series:
        for t in series.temperatures:
            for name, reference in (("SC", series.nds), ("TC", series.teachers)):
                found = tally(reference, series.students[t], null=null, level=study.spec.level)
                if not found.tests:
                    continue
                for k, label in enumerate(study.record.classes):
                    p = [f"{found.tests[c].p[k]:.6g}" for c in CORRECTIONS]
                    test = found.tests[None]
                    direction = "better" if test.better[k] else "worse"
                    rows.append(
                        [series.title, f"{t:g}", name, label, *p, direction, str(bool(test.degenerate[k]))]
                    )
    head = ["series", "T", "test", "class", "p", "p Holm", "p BH", "direction", "degenerate"]
    return Table("class-tests", "Every test of a class", "", head, rows, text=4, page=False)


def disagreement_table(study: Study) -> Table:
    """Return the cells of all disagreement matrices, mean over seeds; empty cells are left out."""
    rows = []
    for series in study.series:
        for label, models in series.rows[1:]:
            cells = disagreements(series, models, len(study.record.classes))
            for i, j in np.argwhere(cells > 0):
                classes = study.record.classes
                rows.append([series.title, label, classes[i], classes[j], f"{cells[i, j]:.1f}"])
    head = ["series", "student", "teacher says", "student says", "examples"]
    return Table("disagreement", "Disagreement with the teacher", "", head, rows, text=4, page=False)


def disagreements(series: Series, models: Sequence[Tested], n_classes: int) -> np.ndarray:
    """Return the disagreement matrix of students with the teacher of the same seed, mean over seeds, [C, C]."""
    teachers = {m.seed: m for m in series.teachers}
    found = [
        disagreement(teachers[m.seed].predictions, m.predictions, n_classes=n_classes)
        for m in models
        if m.seed in teachers
    ]
    return np.mean(found, axis=0) if found else np.zeros((n_classes, n_classes))


def percent(found: Spread) -> str:
    """Return a share's mean ± spread, in %."""
    if math.isnan(found.mean):
        return "undefined"
    if math.isnan(found.std):
        return f"{100 * found.mean:.2f} (one seed)"
    return f"{100 * found.mean:.2f} ± {100 * found.std:.2f}"


def plain(found: Spread) -> str:
    """Return a mean ± spread as they are."""
    if math.isnan(found.mean):
        return "undefined"
    return f"{found.mean:.4f}" + (" (one seed)" if math.isnan(found.std) else f" ± {found.std:.4f}")


def _percent(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{100 * value:.2f}"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _published(series: published.PublishedSeries, label: str, digits: int = 2) -> str:
    value = {"teacher": series.teacher, "NDS": series.nds}.get(label)
    if value is None and label.startswith("T"):
        value = series.students.get(float(label.removeprefix("T = ")))
    return "–" if value is None else f"{value:.{digits}f}"
