"""A study's results as plain numbers for programs: every model, every count of classes, every floor."""

import math
from typing import Any

from kdtune.fairness import GAPS
from kdtune.report.study.results.reading import ModelOnTest, Series, Study
from kdtune.report.study.statistics import quantities
from kdtune.report.study.statistics.significance import (
    Floor,
    Null,
    Tally,
    expected_floor,
    measured_floor,
    tally,
)
from kdtune.report.study.tables.rendering import Table


def as_record(study: Study, null: Null) -> dict[str, Any]:
    """Return a study's results for JSON; rates are shares, and null if undefined."""
    return {
        "run": study.record.name,
        "null": null,
        "level": study.spec.level,
        "settings": study.spec.model_dump(mode="json"),
        "classes": list(study.record.classes),
        "models": models(study),
        "affected": [row for series in study.series for row in _affected(study, series, null)],
        "floors": [_floors(study, series, null) for series in study.series],
        "missing": list(study.missing),
    }


def models(study: Study) -> list[dict[str, Any]]:
    """Return one row per model: what it is, and its rates."""
    found: dict[str, dict[str, Any]] = {}
    for series in study.series:
        for role, name, of in (
            ("teacher", series.teacher_name, series.teachers),
            ("nds", series.student_name, series.nds),
        ):
            for model in of:
                found.setdefault(
                    model.id, {**_named(model, role, name, None, None, None), **_rates(study, series, model)}
                )
        for t, of in series.students.items():
            for model in of:
                named = _named(model, "student", series.student_name, series.teacher_name, t, series.scaled)
                found[model.id] = {**named, **_rates(study, series, model)}
    return list(found.values())


def models_table(study: Study) -> Table:
    """Return the same as a table; undefined cells are empty."""
    rows = models(study)
    head = list(rows[0])
    cells = [[_cell(value) for value in row.values()] for row in rows]
    return Table("models", "Every model", "", head, cells, text=7, page=False)


def _cell(value: object) -> str:
    undefined = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if undefined else str(value)


def _named(
    model: ModelOnTest, role: str, name: str, teacher: str | None, t: float | None, scaled: bool | None
) -> dict[str, Any]:
    return {
        "id": model.id,
        "role": role,
        "architecture": name,
        "teacher": teacher,
        "temperature": t,
        "scale_by_t2": scaled,
        "seed": model.seed,
    }


def _rates(study: Study, series: Series, model: ModelOnTest) -> dict[str, float]:
    gaps = {
        f"{gap}@{attribute}": quantities.gap_value(attribute, gap)(model)
        for attribute in study.attributes
        for gap in GAPS
    }
    return {
        "accuracy": quantities.accuracy(model),
        **gaps,
        "individual_fairness": quantities.individual_value(series)(model),
    }


def _affected(study: Study, series: Series, null: Null) -> list[dict[str, Any]]:
    rows = []
    for t in series.temperatures:
        for test, reference in (("SC", series.nds), ("TC", series.teachers)):
            found = tally(reference, series.students[t], null=null, level=study.spec.level)
            alone = tally(reference, series.students[t], null="raw", level=study.spec.level)
            rows.append(
                {
                    **_series(series),
                    "temperature": t,
                    "test": test,
                    **_tally(found),
                    "uncorrected_by_class_accuracy": alone.n_raw,
                }
            )
    return rows


def _tally(found: Tally) -> dict[str, Any]:
    return {
        "uncorrected": found.n_raw,
        "holm": found.n_holm,
        "bh": found.n_bh,
        "better": found.better,
        "worse": found.worse,
        "note": found.note,
    }


def _floors(study: Study, series: Series, null: Null) -> dict[str, Any]:
    level, n_classes = study.spec.level, len(study.record.classes)
    sizes = max((len(m) for m in series.students.values()), default=0)
    return {
        **_series(series),
        "expected": _floor(expected_floor(n_classes, len(series.nds), sizes, level)),
        "measured": _floor(measured_floor(series.nds, null=null, level=level)),
    }


def _floor(found: Floor | None) -> dict[str, Any] | None:
    return None if found is None else {**vars(found), "sizes": list(found.sizes)}


def _series(series: Series) -> dict[str, Any]:
    return {"pair": series.pair, "scale_by_t2": series.scaled}
