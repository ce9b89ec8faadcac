"""The tables of an export's page. Shares and differences of shares are percentages with one decimal."""

import math
from typing import TYPE_CHECKING, Any

from kdtune.fairness import GAPS
from kdtune.report.drawing.html import Cell, Rows
from kdtune.report.export.labels import (
    bare,
    bare_change,
    change_heading,
    heading,
    interval_of,
    is_share,
    measure_name,
    short,
)
from kdtune.report.export.results.findings import Findings
from kdtune.report.export.results.model import ModelFindings
from kdtune.runs.comparison.resolution import Difference
from kdtune.runs.measures.objectives import Objective, objective_of
from kdtune.runs.summary import telling_settings
from kdtune.text import byte_size, listed, number, setting, signed

if TYPE_CHECKING:
    import pandas

_AGAINST = {"nds": "NDS", "teacher": "teacher"}
"""How the heads of columns call what a student is compared with."""

_MOST_NAMES = 3
"""A cell names about as many models that dominate a student."""

MOST_CLASSES = 40
"""A table of more classes than this is written only as a file."""

MOST_CELLS = 12
"""A confusion matrix of more classes than this is written only as a file."""


def front_table(findings: Findings) -> Rows:
    """Return the objectives of members and baselines on test and validation."""
    names = list(dict.fromkeys(["accuracy", *(o.name for o in findings.objectives)]))
    objectives = [objective_of(findings.record, name) for name in names]
    heads = ["student"]
    for objective in objectives:
        heads += [f"{heading(objective)}, test", f"{heading(objective)}, validation"]
    rows: list[list[Cell]] = []
    for k, model in enumerate((*findings.models, *findings.points)):
        row: list[Cell] = [_name(findings, model, k)]
        for objective in objectives:
            if objective.measure.need == model.role:
                row += ["–", "–"]
                continue
            searched = model.searched.get(objective.name, math.nan)
            row += [
                (bare(model.value(objective.name), objective), _between(model, objective)),
                bare(searched, objective),
            ]
        rows.append(row)
    return Rows(heads, rows)


def settings_table(findings: Findings) -> Rows:
    """Return what each member was trained with, as far as members differ in it."""
    settings = [name for name in telling_settings([m.config for m in findings.members]) if name != "pair"]
    heads = ["student", "pair"]
    heads += [{"temperature": "T", "alpha": "α"}.get(name, name.replace("_", " ")) for name in settings]
    rows: list[list[Cell]] = [
        [
            member.id,
            str(member.config.get("pair", "")).replace("->", " → "),
            *(setting(member.config.get(name, "")) for name in settings),
        ]
        for member in findings.members
    ]
    caption = (
        "Pair: teacher → student. T: temperature that softens the answers of the teacher. α: weight of these answers; "
        "the labels have the rest."
    )
    return Rows(heads, rows, caption)


def cost_table(findings: Findings) -> Rows | None:
    """Return accuracy beside weights, size on disk and latency of members and baselines; None if none was measured."""
    rows: list[list[Cell]] = [
        [
            model.id if model.role == "student" else short(model),
            model.architecture,
            bare(model.value("accuracy"), objective_of(findings.record, "accuracy")),
            f"{model.cost.parameters:,}",
            byte_size(model.cost.bytes),
            _milliseconds(model.cost.milliseconds),
        ]
        for model in findings.models
        if model.cost is not None
    ]
    caption = (
        "Size: of the float32 weights, without the file around them. Latency: one example at a time, in float32, on "
        "one core of the machine that made this report: the median of 30 runs. More cores, a GPU or a batch change it."
    )
    heads = ["model", "architecture", "accuracy, %, test", "weights", "size", "latency"]
    return Rows(heads, rows, caption) if rows else None


def _milliseconds(value: float) -> str:
    """Return a latency with three digits, the last ones zeros or not: `0.0110 ms`, `12.0 ms`, `345 ms`."""
    return f"{value:,.0f} ms" if value >= 100 else f"{value:#.3g} ms"


def _name(findings: Findings, model: ModelFindings, k: int) -> Cell:
    if k >= len(findings.members):
        return short(model)
    marks = []
    if model.id in findings.recommendation.unusable:
        marks.append(findings.recommendation.unusable[model.id])
    if dominating := [short(other) for other in findings.dominating(model)]:
        more = [f"{len(dominating) - _MOST_NAMES} more"] if len(dominating) > _MOST_NAMES + 1 else []
        named = dominating[: _MOST_NAMES + 1 - len(more)]
        marks.append(f"dominated on test by {listed([*named, *more])}")
    if not model.exported:
        marks.append("no folder")
    return (model.id, "; ".join(marks)) if marks else model.id


def _between(model: ModelFindings, objective: Objective) -> str:
    interval = interval_of(model, objective)
    return "" if interval is None else f"{bare(interval[0], objective)} to {bare(interval[1], objective)}"


def versus_table(findings: Findings) -> Rows | None:
    """Return how each member differs from its NDS and its teacher on test; None if nothing can be compared."""
    columns = [
        (role, o)
        for role in ("nds", "teacher")
        for o in findings.objectives
        if any(
            d.objective == o.name and d.tested
            for v in findings.versus
            if v.role == role
            for d in v.differences
        )
    ]
    if not columns:
        return None
    heads = ["student", "step", *(change_heading(o, _AGAINST[role]) for role, o in columns)]
    resolution = findings.comparisons.resolution
    rows: list[list[Cell]] = []
    for member in findings.members:
        step = resolution.step_of(member.id)
        row: list[Cell] = [member.id, "–" if step is None else str(step + 1)]
        for role, objective in columns:
            versus = findings.against(role, member.id)
            differences = () if versus is None else versus.differences
            found = next((d for d in differences if d.objective == objective.name), None)
            row.append("–" if found is None else _verdict(found, objective))
        rows.append(row)
    caption = (
        "Differences on the same test examples. NDS is the same network, trained without a teacher. 'Better' and "
        f"'worse' are beyond noise, and the intervals are as wide as that takes: among {resolution.models} equal "
        "models, any two would be called different in at most 5 of 100 data sets. Students of one step do not differ "
        "from each other beyond noise."
    )
    return Rows(heads, rows, caption)


def _verdict(found: Difference, objective: Objective) -> Cell:
    if math.isnan(found.difference):
        return ("–", "undefined")
    shown = bare_change(found.difference, objective)
    if not found.tested:
        return (shown, "not tested")
    word = {True: " better", False: " worse", None: ""}[found.better]
    return (f"{shown}{word}", f"{bare_change(found.low, objective)} to {bare_change(found.high, objective)}")


def sizes_table(findings: Findings, attribute: str) -> Rows:
    """Return EOD and DPD over an attribute, beside what equal rates would show, and the ratio of selection rates."""
    numbers = findings.models[0].splits["test"]["attributes"][attribute]
    classes = findings.record.classes
    heads = ["student"]
    for gap in GAPS:
        heads += [f"{gap.upper()}, %", f"{gap.upper()} with equal rates, %"]
    heads.append("lowest ratio of selection rates")
    rows: list[list[Cell]] = []
    for model in findings.models:
        of = model.splits["test"]["attributes"][attribute]
        row: list[Cell] = [short(model)]
        for gap in GAPS:
            low, high = of[gap]["interval"]
            chance = of[gap]["chance"]
            row.append((_share(of[gap]["value"]), _ends(low, high)))
            row.append(
                (
                    _share(chance["mean"]),
                    "" if math.isnan(chance["mean"]) else f"up to {_share(chance['exceeded_once_in_20'])}",
                )
            )
        known = {c: v for c, v in enumerate(of["ratios"]["selection_rate"]) if not math.isnan(v)}
        if len(classes) == 2:
            known.pop(0, None)
        c = min(known, key=lambda k: known[k], default=None)
        row.append("–" if c is None else (f"{known[c]:.2f}", f"class {classes[c]}"))
        rows.append(row)
    sizes = ", ".join(f"{group['group']} {group['n']:,}" for group in numbers["groups"])
    of_labels = numbers["dpd"]["base_rate_gap"]
    labels = (
        ""
        if math.isnan(of_labels)
        else f"The labels themselves differ by {_share(of_labels)} points (the DPD of a student that is always right). "
    )
    caption = (
        f"{attribute} on test: {sizes}. With equal rates: what a model with equal true and false positive rates in all "
        "groups shows on average, and up to which value in 95 of 100 data sets of these sizes. "
        f"{labels}Audits take a ratio of selection rates below 0.80 (four fifths) as a sign of adverse impact."
    )
    return Rows(heads, rows, caption)


def calibration_table(findings: Findings, attribute: str) -> Rows:
    """Return confidence, accuracy and calibration error by group, of the advised model and those beside it."""
    heads = [
        "model",
        "group",
        "n",
        "confidence, %",
        "right, %",
        "calibration error, %",
        "error if calibrated, %",
    ]
    rows: list[list[Cell]] = []
    for model in findings.in_focus:
        of = model.splits["test"]["calibration"]
        parts = {"all": of["all"], **(of["attributes"][attribute] if attribute else {})}
        for group, found in parts.items():
            chance = "" if math.isnan(found["chance"]) else f"up to {_share(found['chance_high'])}"
            rows.append(
                [
                    short(model),
                    group,
                    f"{found['n']:,}",
                    _share(found["confidence"]),
                    _share(found["accuracy"]),
                    _share(found["error"]),
                    (_share(found["chance"]), chance),
                ]
            )
    caption = (
        "Confidence: the mean probability of the answer that the model gives. Calibration error: how far confidence "
        "and the share of right answers lie apart, mean over 15 bins (expected calibration error). It is never "
        "negative. Error if calibrated: what a perfectly calibrated model shows on average, and up to which value in "
        "95 of 100 data sets of these sizes."
    )
    return Rows(heads, rows, caption)


def class_table(findings: Findings) -> Rows:
    """Return a row for each class: what the advised model and those beside it recognise, and what the student gains."""
    model, *others = findings.in_focus
    student = findings.focus
    baselines = [other for other in findings.in_focus if other is not student]
    changes = findings.comparisons.by_class
    changes = changes[changes["id"] == student.id]
    heads = [
        "class",
        "n",
        *(f"recognised by {short(m)}, %" for m in findings.in_focus),
        f"precision of {short(model)}, %",
        *(f"{student.id} minus {_AGAINST[other.role]}, points" for other in baselines),
    ]
    rows: list[list[Cell]] = []
    for k, entry in enumerate(model.splits["test"]["by_class"]):
        low, high = entry["interval"]
        precision = entry["precision"]
        row: list[Cell] = [entry["class"], f"{entry['n']:,}", (_share(entry["value"]), _ends(low, high))]
        row += [_share(other.splits["test"]["by_class"][k]["value"]) for other in others]
        row.append(_share(precision))
        for other in baselines:
            found = changes[(changes["against"] == other.id) & (changes["class"] == entry["class"])]
            if found.empty:
                row.append("–")
                continue
            one = found.iloc[0]
            word = ("gains" if one["difference"] > 0 else "loses") if one["beyond_noise"] else ""
            row.append((_signed(one["difference"]), word))
        rows.append(row)
    caption = (
        "Recognised: the share of the class's test examples that are given this class. Precision: the share of the "
        "examples given this class that belong to it. Minus: the difference of the shares recognised, from the same "
        "network trained without a teacher (NDS) or from the teacher; 'gains' and 'loses' are beyond noise, over all "
        "students and classes together (McNemar's exact test, Holm). by_class.csv has every student."
    )
    return Rows(heads, rows, caption)


def confusion_table(findings: Findings, attribute: str, group: str) -> Rows:
    """Return which class the advised model took for which, in one group; `all` for everybody."""
    classes = findings.record.classes
    table = findings.confusion
    table = table[
        (table["id"] == findings.advised.id) & (table["attribute"] == attribute) & (table["group"] == group)
    ]
    cells = {(row["class"], row["answer"]): int(row["n"]) for _, row in table.iterrows()}
    rows: list[list[Cell]] = [
        [true, *(f"{cells.get((true, answer), 0):,}" for answer in classes)] for true in classes
    ]
    who = "all test examples" if group == "all" else f"{attribute}: {group}"
    return Rows(["class", *(f"taken for {name}" for name in classes)], rows, who)


def seeds_table(findings: Findings) -> Rows:
    """Return a row for each configuration: its student of the search, and the spread of its further seeds."""
    own = {m.id: m for m in (*findings.models, *findings.others) if not m.source}
    shares = any("bootstrap_share" in (m.replicates or {}) for m in findings.members)
    heads = ["configuration of", "further seeds"]
    for objective in findings.objectives:
        heads += [f"{heading(objective)}, seed of the search", "mean ± sd of further seeds", "from, to"]
    heads += ["bootstrap share"] if shares else []
    rows: list[list[Cell]] = []
    models = [m for m in (*findings.models, *findings.others) if m.replicates is not None]
    numbers_of = {m.source or m.id: m.replicates for m in models if m.replicates is not None}
    for name, numbers in numbers_of.items():
        failed = f"{numbers['failed']} failed" if numbers["failed"] else ""
        row: list[Cell] = [short(own[name]), (str(numbers["n"]), failed)]
        for objective in findings.objectives:
            values = numbers["test"].get(objective.name)
            row.append(bare(own[name].value(objective.name), objective))
            if values is None or not values["n"]:
                row += ["–", "–"]
                continue
            known = [v for v in values["values"] if not math.isnan(v)]
            row.append(f"{bare(values['mean'], objective)} ± {bare(values['std'], objective)}")
            row.append(f"{bare(min(known), objective)}, {bare(max(known), objective)}" if known else "–")
        if shares:
            share = numbers.get("bootstrap_share", {}).get("test", math.nan)
            row.append("" if math.isnan(share) else f"{100 * share:.0f} %")
        rows.append(row)
    caption = (
        "On test. Each seed gave a student, and all of them were candidates for the front, that of the search included "
        "(seeds.csv lists them). The mean says what to expect of another student trained in this way; the student that "
        "is shipped is judged by its own values above."
    )
    if shares:
        caption += (
            " Bootstrap share: the share of resamples of the further seeds, with replacement, in whose means a "
            "configuration is not dominated by another one."
        )
    return Rows(heads, rows, caption)


def shift_table(findings: Findings) -> Rows:
    """Return by how much members moved from validation to test, beside the baselines, which chose nothing."""
    heads = ["mean change from validation to test", "students", *(short(b) for b in findings.baselines)]
    rows: list[list[Cell]] = []
    for objective in findings.objectives:
        shifts = [
            model.value(objective.name) - model.searched.get(objective.name, math.nan)
            for model in findings.baselines
        ]
        worse = findings.optimism[objective.name]
        mean = worse if objective.measure.direction == "min" else -worse
        unit = " (points)" if is_share(objective) else ""
        rows.append(
            [
                measure_name(objective) + unit,
                bare_change(mean, objective),
                *(bare_change(s, objective) for s in shifts),
            ]
        )
    return Rows(heads, rows)


def groups_table(groups: "pandas.DataFrame") -> Rows:
    """Return all rates by group, of every model."""
    left = ("id", "attribute", "group", "n")
    rates = [name for name in groups.columns if name not in left]
    several = len(set(groups["attribute"])) > 1
    rows: list[list[Cell]] = [
        [
            str(row["id"]),
            f"{row['attribute']}: {row['group']}" if several else str(row["group"]),
            f"{int(row['n']):,}",
            *(_share(float(row[name])) for name in rates),
        ]
        for _, row in groups.iterrows()
    ]
    caption = f"All rates by group, in % ({len(rows)} rows, by fairlearn's MetricFrame)"
    return Rows(["model", "group", "n", *rates], rows, caption)


def _share(value: Any) -> str:
    return number(100 * float(value), 1, undefined="–")


def _signed(value: Any) -> str:
    return signed(100 * float(value), 1)


def _ends(low: Any, high: Any) -> str:
    return "" if math.isnan(low) else f"{_share(low)} to {_share(high)}"
