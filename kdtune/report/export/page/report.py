"""`report.html`: one page, from three sentences for the person who decides down to the last table."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from kdtune.report.drawing.html import Cell, Rows, render
from kdtune.report.drawing.picture import Picture
from kdtune.report.export.labels import interval_of, measure_name, short, value_text
from kdtune.report.export.page.sentences import bound, opening
from kdtune.report.export.results.findings import Findings, ModelFindings
from kdtune.runs.objectives import Objective, objective_of
from kdtune.runs.summary import GAPS
from kdtune.text import number, setting

if TYPE_CHECKING:
    import pandas

NOT_MEASURED = (
    "How the students perform on data from another source or time than the test split.",
    "Groups that the data do not name, and intersections of groups unless they were declared.",
    "Whether the labels are right, and equally right for every group.",
    "What decisions based on a student do to people: these numbers describe answers, not consequences.",
)


def page(findings: Findings, pictures: Sequence[Picture], groups: "pandas.DataFrame") -> str:
    """Return the report as HTML."""
    record = findings.record
    return render(
        "export.html",
        title=f"Students of run {record.name}",
        under=f"{_under(findings)}, searched {datetime.fromtimestamp(record.created):%Y-%m-%d}",
        opening=opening(findings),
        pictures={picture.name: picture for picture in pictures},
        group_pictures=[picture for picture in pictures if picture.name.startswith("groups-")],
        kinds=["baseline" if model.role != "student" else "" for model in findings.models],
        front=_front_table(findings),
        trust=[*_optimism(findings), *_gaps(findings), *_undefined(findings), *findings.notes],
        doubts=_doubt_tables(findings),
        seeds=_seeds_table(findings) if findings.seeds else None,
        groups=_groups_table(groups),
        not_measured=NOT_MEASURED,
        made=_made(findings),
        code=_code(findings),
    )


def _under(findings: Findings) -> str:
    record = findings.record
    sizes = record.dataset["splits"]
    return (
        f"{record.dataset['name']}: {len(record.classes)} classes; {sizes['train']['n']:,} training examples, "
        f"{findings.n['validation']:,} validation examples, {findings.n['test']:,} test examples"
    )


def _front_table(findings: Findings) -> Rows:
    settings = [name for name in ("temperature", "alpha") if any(name in m.config for m in findings.members)]
    names = list(dict.fromkeys(["accuracy", *(o.name for o in findings.objectives)]))
    objectives = [objective_of(findings.record, name) for name in names]
    heads = ["student", *(f"{measure_name(o)}, test" for o in objectives)]
    heads += [f"{measure_name(o)}, validation" for o in objectives]
    heads += [{"temperature": "T", "alpha": "α"}.get(name, name) for name in settings]
    rows: list[list[Cell]] = []
    for k, model in enumerate(findings.models):
        row: list[Cell] = [_name(findings, model, k)]
        row += [(value_text(model, o), _between(model, o)) for o in objectives]
        row += [value_text(model, o, searched=True) for o in objectives]
        row += [setting(model.config.get(name, "")) for name in settings]
        rows.append(row)
    return Rows(heads, rows)


def _name(findings: Findings, model: ModelFindings, k: int) -> Cell:
    if k >= len(findings.members):
        return short(model)
    marks = [str(model.config["pair"]).replace("->", " → ")] if len(findings.record.pairs) > 1 else []
    if not findings.optimistic[k]:
        marks.append("dominated on test")
    if not model.exported:
        marks.append("no folder")
    return (model.id, "; ".join(marks)) if marks else model.id


def _between(model: ModelFindings, objective: Objective) -> str:
    interval = interval_of(model, objective)
    return "" if interval is None else f"{number(interval[0])} to {number(interval[1])}"


def _optimism(findings: Findings) -> list[str]:
    volumes = findings.hypervolume
    changes = [
        (o, findings.optimism[o.name])
        for o in findings.objectives
        if not math.isnan(findings.optimism[o.name])
    ]
    lines = []
    if changes:
        said = " and ".join(
            f"{number(abs(change))} {'worse' if change > 0 else 'better'} in {measure_name(o)}"
            for o, change in changes
        )
        lines.append(
            "The values by which a front was chosen tend to be optimistic. On test, the members are on average "
            f"{said}."
        )
    lines.append(
        f"The hypervolume (share of the objectives' unit cube that the front dominates) is {volumes['searched']:.4f} "
        f"as searched on validation. On test it is {volumes['test_optimistic']:.4f} for the members that no other "
        f"dominates (optimistic: {int(findings.optimistic.sum())} of {len(findings.members)}), and "
        f"{volumes['test_pessimistic']:.4f} for those that dominate no other (pessimistic: "
        f"{int(findings.pessimistic.sum())}). If you choose a member by validation, expect a value in between."
    )
    if not findings.seeds:
        lines.append(
            "Every value is that of one seed. 'kdtune export RUN --replicates 5' trains the members with five more "
            "seeds, shows how far the values move, and chooses among all these students."
        )
    return lines


def _gaps(findings: Findings) -> list[str]:
    if not findings.record.attributes:
        return ["The data have no groups, so differences between groups were not measured."]
    return [
        "EOD and DPD are largest absolute differences: they are never below 0, and small groups push them up. Compare "
        "them with the values that chance alone would show at these sizes, below.",
        "If the labels themselves differ between groups, a DPD below that difference requires wrong answers.",
    ]


def _undefined(findings: Findings) -> list[str]:
    lines = []
    for attribute in findings.record.attributes:
        found = findings.models[0].splits["test"]["attributes"][attribute]["undefined"]
        if found:
            more = f", and {len(found) - 6} more" if len(found) > 6 else ""
            lines.append(
                f"Undefined on test and left out of every gap over {attribute}: {'; '.join(found[:6])}{more}."
            )
    return lines


def _doubt_tables(findings: Findings) -> list[Rows]:
    tables = []
    for attribute in findings.record.attributes:
        numbers = findings.models[0].splits["test"]["attributes"][attribute]
        sizes = ", ".join(f"{group['group']} {group['n']:,}" for group in numbers["groups"])
        rows: list[list[Cell]] = []
        for model in findings.models:
            of = model.splits["test"]["attributes"][attribute]
            row: list[Cell] = [short(model)]
            for gap in GAPS:
                low, high = (math.nan if v is None else v for v in of[gap]["interval"])
                between = "" if math.isnan(low) else f"{number(low)} to {number(high)}"
                row += [(number(of[gap]["value"]), between), number(of[gap]["chance"]["mean"])]
            rows.append(row)
        base = numbers["dpd"]["base_rate_gap"]
        caption = (
            f"{attribute} on test: {sizes}. The labels themselves differ between these groups by {number(base)} (the "
            "DPD of a student that is always right)."
        )
        tables.append(Rows(["student", "EOD", "EOD by chance", "DPD", "DPD by chance"], rows, caption))
    return tables


def _seeds_table(findings: Findings) -> Rows:
    """Return a row for each configuration: its student of the search, and the spread of its further seeds."""
    own = {m.id: m for m in (*findings.models, *findings.others) if not m.source}
    shares = any("bootstrap_share" in (m.replicates or {}) for m in findings.members)
    heads = ["configuration of", "further seeds"]
    for objective in findings.objectives:
        heads += [f"{measure_name(objective)}, seed of the search", "mean ± sd of further seeds", "from, to"]
    heads += ["bootstrap share"] if shares else []
    rows: list[list[Cell]] = []
    models = [m for m in (*findings.models, *findings.others) if m.replicates is not None]
    numbers_of = {m.source or m.id: m.replicates for m in models if m.replicates is not None}
    for name, numbers in numbers_of.items():
        failed = f"{numbers['failed']} failed" if numbers["failed"] else ""
        row: list[Cell] = [short(own[name]), (str(numbers["n"]), failed)]
        for objective in findings.objectives:
            values = numbers["test"].get(objective.name)
            row.append(number(own[name].value(objective.name)))
            if values is None or not values["n"]:
                row += ["–", "–"]
                continue
            known = [v for v in values["values"] if not math.isnan(v)]
            spread = f"{number(values['mean'])} ± {number(values['std'], undefined='–')}"
            row += [spread, f"{number(min(known))}, {number(max(known))}" if known else "–"]
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


def _groups_table(groups: "pandas.DataFrame") -> Rows:
    rates = [name for name in groups.columns if name not in ("id", "attribute", "group", "n")]
    rows: list[list[Cell]] = [
        [
            str(row["id"]),
            str(row["group"]),
            f"{int(row['n']):,}",
            *(number(float(row[name])) for name in rates),
        ]
        for _, row in groups.iterrows()
    ]
    caption = f"All rates by group ({len(rows)} rows, by fairlearn's MetricFrame)"
    return Rows(["student", "group", "n", *rates], rows, caption)


def _made(findings: Findings) -> list[str]:
    record = findings.record
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    bounds = "; ".join(bound(constraint) for constraint in record.constraints) or "none"
    return [
        f"Objectives: {', '.join(measure_name(o) for o in findings.objectives)}; bounds: {bounds}; "
        f"pairs: {', '.join(record.pairs).replace('->', ' → ')}; {record.epochs} epochs per trial; seed {record.seed}.",
        "Students were chosen on validation. The export opened the test split once, afterwards.",
        "Validation values are the search's own; test values are those of the exported float32 weights.",
        f"Data fingerprint {record.dataset['fingerprint'][:16]}…; {versions}.",
    ]


def _code(findings: Findings) -> str:
    exported = [member.id for member in findings.members if member.exported]
    if not exported:
        return ""
    return f'import kdtune\nstudent = kdtune.load_student("{exported[0]}")\nstudent.predict(...)'
