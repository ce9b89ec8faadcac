"""The page of a study: what was found beside what identical models would show, with every figure and table."""

from collections.abc import Sequence
from datetime import datetime

from kdtune.report.drawing.html import render
from kdtune.report.drawing.picture import Picture
from kdtune.report.study import published
from kdtune.report.study.results.reading import Series, Study
from kdtune.report.study.statistics import quantities
from kdtune.report.study.statistics.quantities import spread
from kdtune.report.study.statistics.significance import (
    FEW_CLASSES,
    FEW_CLASSES_WARNING,
    NULLS,
    Null,
    Tally,
    expected_floor,
    tally,
)
from kdtune.report.study.tables.cells import percent
from kdtune.report.study.tables.rendering import Table
from kdtune.text import counted, listed


def page(study: Study, pictures: Sequence[Picture], tables: Sequence[Table], null: Null) -> str:
    """Return the report as HTML."""
    record = study.record
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    fingerprint = f"Data fingerprint {record.dataset['fingerprint'][:16]}…; {versions}."
    sections = [
        {
            "heading": heading,
            "pictures": [p for p in pictures if p.name.startswith(prefixes)],
            "tables": [t for t in tables if t.page and t.name.startswith(prefixes)],
        }
        for prefixes, heading in _SECTIONS
    ]
    return render(
        "study.html",
        title=f"Study {record.name}",
        under=f"{record.dataset['name']}: {len(record.classes)} classes, {study.n_test:,} test examples, "
        f"{counted(len(study.spec.seed_list), 'seed')}, begun {datetime.fromtimestamp(record.created):%Y-%m-%d}",
        opening=opening(study, null),
        sections=[section for section in sections if section["pictures"] or section["tables"]],
        doubts=doubts(study, null),
        differences=differences(study),
        made=[*protocol(study, null), fingerprint],
    )


_SECTIONS = (
    (("accuracy", "affected", "disagreement", "table-1", "noise-floor", "class-means"), "Classes"),
    (("gaps",), "Groups"),
    (("individual",), "Individual fairness"),
    (("trends",), "Trends"),
)
"""The headings of the page, with the beginnings of the names of the figures and tables below them."""


def opening(study: Study, null: Null) -> list[str]:
    """Return a few sentences, written from the numbers and nothing else."""
    lines = []
    for series in study.series:
        t = max(series.temperatures, key=lambda t: spread(series.students[t], quantities.accuracy).mean)
        best = spread(series.students[t], quantities.accuracy)
        lines.append(
            f"{series.title}: the teacher is right on {percent(spread(series.teachers, quantities.accuracy))} % of the "
            f"test examples, the student without a teacher on {percent(spread(series.nds, quantities.accuracy))} %, "
            f"and the distilled student on {percent(best)} % at T = {t:g}, the best one on these test examples. "
            f"{_affected(study, series, null)}"
        )
    return lines


def _affected(study: Study, series: Series, null: Null) -> str:
    found = _tallies(study, series, null)
    raw = [f.n_raw for f in found if f.n_raw is not None]
    corrected = [f.n_bh for f in found if f.n_bh is not None]
    floor = expected_floor(
        len(study.record.classes),
        len(series.nds),
        max(len(m) for m in series.students.values()),
        study.spec.level,
    )
    if not raw or floor is None:
        return "Which classes are affected can't be tested, because a test needs two or more seeds of each model."
    n = len(study.record.classes)
    affected = _span(raw) if max(raw) else "none"
    at = "at every T" if min(raw) == max(raw) else "depending on T"
    beside = [f"{_span(corrected)} after Benjamini–Hochberg"] if max(raw) else []
    if null == "ratio" and n < FEW_CLASSES:
        alone = [f.n_raw for f in _tallies(study, series, "raw") if f.n_raw is not None]
        beside.append(f"{_span(alone)} by class accuracy alone")
    return (
        f"Compared with the student without a teacher, {affected} of {n} classes are found affected on these test "
        f"examples, {at}{f' ({listed(beside)})' if beside else ''}. Between identical models, {floor.raw:.2f} classes "
        "would be, on average."
    )


def _tallies(study: Study, series: Series, null: Null) -> list[Tally]:
    """Compare the students of each T with those without a teacher."""
    level = study.spec.level
    return [tally(series.nds, series.students[t], null=null, level=level) for t in series.temperatures]


def _span(values: Sequence[int]) -> str:
    return str(values[0]) if min(values) == max(values) else f"{min(values)} to {max(values)}"


def doubts(study: Study, null: Null) -> list[str]:
    """Return the reasons why a reader should doubt the numbers."""
    lines = [
        "Everything here was measured on the test split, as in the paper, for every T. To choose a T by these figures "
        "is to choose on test.",
        "Error bars show the spread over seeds. Other data of the same kind would change the results as well, and "
        "those of small groups most.",
        "EOD and DPD are never negative: compare them with what a model with equal rates in all groups shows. A weaker "
        "model often has a larger EOD simply because it errs more, so look at accuracy first.",
        "Welch's test assumes that class accuracies are normally distributed. Near 100 % they are not, and a few seeds "
        "can't show it.",
    ]
    lines.append(
        "All models are tested on the same examples, so #SC and #TC speak of these test examples: they say that "
        "training changed how many of them are right, not that it would on other examples of the class."
    )
    if null == "ratio" and len(study.record.classes) < FEW_CLASSES:
        lines.append(f"{FEW_CLASSES_WARNING} The counts by class accuracy alone stand beside.")
    lines += list(study.spec.warnings)
    if study.missing:
        shown = "; ".join(study.missing[:8]) + (
            f"; and {len(study.missing) - 8} more" if len(study.missing) > 8 else ""
        )
        lines.append(f"Left out, because they have no result: {shown}.")
    notes = set()
    for series in study.series:
        for t in series.temperatures:
            for reference in (series.nds, series.teachers):
                found = tally(reference, series.students[t], null=null, level=study.spec.level)
                if found.note and any(test.degenerate.any() for test in found.tests.values()):
                    notes.add(f"{series.title}, T = {t:g}: {found.note} (marked *).")
    models = [m for series in study.series for m in (*series.nds, *series.teachers)]
    if study.spec.individual is not None and not any(m.individual for m in models):
        lines.append(f"Individual fairness was not measured: {next(m.individual_note for m in models)}.")
    return lines + sorted(notes)


def differences(study: Study) -> list[str]:
    """Return which values are compared with published ones, and how the protocols differ."""
    record, spec = study.record, study.spec
    name = str(record.dataset["name"])
    matched = [
        series.title
        for series in study.series
        if published.classes_of(record.dataset, series.pair)
        or published.individual_of(record.dataset, series.pair)
    ]
    if not matched:
        return [
            f"The paper has no figures for these pairs on {name}, so none are shown beside ours. The tables and "
            "figures here are of the same kinds as the paper's: affected classes (its Table 1), disagreement "
            "matrices, EOD and DPD against T, individual fairness against T."
        ]
    train = record.space.get("train", {})
    return [
        "Columns marked 'published' are the paper's (Mohammadshahi and Ioannou, TMLR 03/2025), from its blog, slides "
        "and poster. They are not a target: the paper does not state optimiser, schedule, epochs, batch size or "
        "augmentation.",
        f"Here: {_epochs(study)}, {train or 'default training settings'}; α = {spec.alpha:g} (in the paper 0.8, "
        f"second-hand); T² in the loss: {spec.scale_by_t2} (not in the formula that the paper prints).",
        f"Here: data set options {dict(record.dataset['options'])}, inputs {record.dataset['input_shape']}, "
        f"{record.dataset['splits']['train']['n']:,} training examples. The paper's Trifeature has 224×224 images.",
        f"Here: {len(spec.seed_list)} seeds (paper: 5); its null is {NULLS['ratio']}; level and correction of the "
        "paper are unknown. Individual fairness: its feature space and pairs are unknown.",
    ]


def protocol(study: Study, null: Null) -> list[str]:
    """Return the settings in words."""
    spec = study.spec
    loss = {
        False: "α · KL + (1 − α) · CE, as the paper prints it, without T²",
        True: "α · T² · KL + (1 − α) · CE",
        "both": "both with and without T² before the soft term",
    }[spec.scale_by_t2]
    temperatures = ", ".join(f"{t:g}" for t in spec.temperatures)
    individual = (
        "not measured"
        if spec.individual is None
        else (
            f"features {spec.individual.features}, output {spec.individual.output}, pairs "
            f"{'all' if spec.individual.pairs is None else spec.individual.pairs}, ε {spec.individual.epsilon:g}"
        )
    )
    return [
        f"T = {temperatures}; α = {spec.alpha:g}; loss: {loss}; {_epochs(study)}.",
        f"Seeds {', '.join(map(str, spec.seed_list))}: each has its own teacher, from which its students learn. The "
        "distilled students of one seed share the augmented views of the data and their order; no two models share "
        "initial weights.",
        f"Classes: Welch's t-test, null: equal {NULLS[null]}, level {spec.level:g}. Individual fairness: {individual}.",
        "Accuracy, gaps and tests are derived from integer counts in the run directory. 'kdtune study --figures-only "
        f"{study.record.name}' makes this report again from them.",
    ] + [f"Not defined: {note}" for note in _undefined(study)]


def _epochs(study: Study) -> str:
    students = study.record.epochs
    teachers = dict(study.record.space.get("teacher") or {}).get("epochs", students)
    return f"epochs: {students}" + (f", of teachers {teachers}" if teachers != students else "")


def _undefined(study: Study) -> list[str]:
    lines = []
    for attribute, names in study.attributes.items():
        for model in study.series[0].nds[:1]:
            found = model.counts[attribute].undefined(names, study.record.classes)
            if found:
                more = f", and {len(found) - 4} more" if len(found) > 4 else ""
                lines.append(f"over {attribute}: {'; '.join(found[:4])}{more}")
    return lines
