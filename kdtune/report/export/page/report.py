"""`report.html`: one page, from three paragraphs for the person who decides down to the last table."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from kdtune.report.drawing.html import Rows, render
from kdtune.report.drawing.picture import Picture
from kdtune.report.export.labels import measure_name
from kdtune.report.export.page import tables
from kdtune.report.export.page.losses import (
    class_changes_in_words,
    group_changes_in_words,
    label_of,
    of_groups,
    ratios_in_words,
)
from kdtune.report.export.page.sentences import bound, front_in_words, opening, points_in_words
from kdtune.report.export.results.findings import Findings
from kdtune.text import file_name

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
    attributes = list(record.attributes)
    return render(
        "export.html",
        title=f"Students of run {record.name}",
        under=f"{_under(findings)}, searched {datetime.fromtimestamp(record.created):%Y-%m-%d}",
        opening=opening(findings),
        focus=findings.focus.id,
        pictures={picture.name: picture for picture in pictures},
        kinds=[
            "baseline" if model.role != "student" else "" for model in (*findings.models, *findings.points)
        ],
        versus=tables.versus_table(findings),
        advice=_advice(findings),
        front_words=front_in_words(findings),
        front=tables.front_table(findings),
        points=points_in_words(findings),
        settings=tables.settings_table(findings),
        costs=tables.cost_table(findings),
        attributes=[_attribute(findings, pictures, name) for name in attributes],
        calibration=tables.calibration_table(findings, "") if not attributes else None,
        class_words=class_changes_in_words(findings, findings.focus),
        classes=tables.class_table(findings) if len(record.classes) <= tables.MOST_CLASSES else None,
        confusions=_confusions(findings),
        trust=[*_optimism(findings), *_gaps(findings), *_undefined(findings), *findings.notes],
        shifts=tables.shift_table(findings),
        seeds=tables.seeds_table(findings) if findings.seeds else None,
        groups=tables.groups_table(groups),
        not_measured=NOT_MEASURED,
        files=_files(findings),
        made=_made(findings),
        code=_code(findings),
    )


def _under(findings: Findings) -> str:
    record = findings.record
    sizes = record.dataset["splits"]
    label = label_of(findings)
    of_label = f" of {label}" if label else ""
    return (
        f"{record.dataset['name']}: {len(record.classes)} classes{of_label}; "
        f"{sizes['train']['n']:,} training examples, "
        f"{findings.n['validation']:,} validation examples, {findings.n['test']:,} test examples"
    )


def _advice(findings: Findings) -> list[str]:
    """Say by which rule a student was named, and which students never are."""
    found = findings.recommendation
    lines = [
        "A student is named if on test it is better than its network trained without a teacher beyond noise; among "
        "several, the one nearest to the best of all objectives on validation."
    ]
    lines += [f"{name} is never named: it {why}." for name, why in found.unusable.items()]
    left = [o for o in findings.objectives if o.name in findings.comparisons.resolution.untested]
    if left:
        lines.append(f"Not tested against noise: {', '.join(measure_name(o) for o in left)}.")
    if findings.comparisons.resolution.needed is not None:
        lines.append(
            f"About {findings.comparisons.resolution.needed:,} test examples would resolve the clearest of these "
            "differences."
        )
    return lines


def _attribute(findings: Findings, pictures: Sequence[Picture], attribute: str) -> dict[str, object]:
    """Return the part of the page about one sensitive attribute."""
    focus = findings.focus
    return {
        "name": attribute,
        "words": [
            *of_groups(findings, focus, attribute),
            *ratios_in_words(findings, focus, attribute),
            *group_changes_in_words(findings, focus, attribute),
        ],
        "pictures": [p for p in pictures if p.name == file_name(f"groups-{attribute}")],
        "sizes": tables.sizes_table(findings, attribute),
        "calibration": tables.calibration_table(findings, attribute),
    }


def _confusions(findings: Findings) -> list[Rows]:
    """Return the confusion matrices of the student in focus: over all examples, and by group."""
    if len(findings.record.classes) > tables.MOST_CELLS:
        return []
    parts = [("", "all"), *((a, g) for a, names in findings.record.attributes.items() for g in names)]
    return [tables.confusion_table(findings, *part) for part in parts]


def _optimism(findings: Findings) -> list[str]:
    volumes = findings.hypervolume
    lines = [
        "The values by which a front was chosen tend to be optimistic. The table below shows how far the students "
        "moved from validation to test, beside models that nobody chose: what moved all of them alike is the split.",
        "The hypervolume (the front's share of the box from the best values that there are to just beyond the worst) "
        f"is {volumes['searched']:.4f} "
        f"as searched on validation. On test it is {volumes['test_optimistic']:.4f} for the members that no other "
        f"dominates (optimistic: {int(findings.optimistic.sum())} of {len(findings.members)}), and "
        f"{volumes['test_pessimistic']:.4f} for those that dominate no other (pessimistic: "
        f"{int(findings.pessimistic.sum())}). If you choose a member by validation, expect a value in between.",
    ]
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
        "EOD (equalized odds difference) and DPD (demographic parity difference) are largest absolute differences: "
        "they are never below 0, and small groups push them up. Compare "
        "them with what a model with equal rates would show at these sizes.",
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


def _files(findings: Findings) -> list[str]:
    """Say which file beside the page holds what, so that others can recompute it."""
    groups = bool(findings.record.attributes)
    return [
        "answers.csv: every model's answer to every test example, with the example's row in the data (the first row "
        "after the header is 0) or its place in the test split. Labels and groups stand in the data.",
        "front.csv, front.json, front.parquet: all measures of all models.",
        "by_class.csv: n, hits and answers by class, with gains and losses against each baseline.",
        *(["by_group.csv: all rates and the calibration by group."] if groups else []),
        *(["group_changes.csv: gains and losses by group against each baseline."] if groups else []),
        "comparisons.csv: every comparison of a student with a baseline.",
        "confusion.csv: which class was taken for which, over all and by group.",
        *(["seeds.csv: the models of all seeds."] if findings.seeds else []),
    ]


def _made(findings: Findings) -> list[str]:
    record = findings.record
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    bounds = "; ".join(bound(findings, constraint) for constraint in record.constraints) or "none"
    return [
        f"Objectives: {', '.join(measure_name(o) for o in findings.objectives)}; bounds: {bounds}; "
        f"pairs: {', '.join(record.pairs).replace('->', ' → ')}; {record.epochs} epochs per trial; seed {record.seed}.",
        "Students were chosen on validation. The export opened the test split once, afterwards.",
        "Validation values are the search's own; test values are those of the exported float32 weights.",
        f"Data fingerprint {record.dataset['fingerprint'][:16]}…; {versions}.",
    ]


def _code(findings: Findings) -> str:
    if not findings.exported:
        return ""
    return f'import kdtune\nstudent = kdtune.load_student("{findings.first_exported}")\nstudent.predict(...)'
