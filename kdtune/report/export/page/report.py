"""`report.html`: one page, from three paragraphs for the person who decides down to the last table."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kdtune.report.drawing.html import Rows, render
from kdtune.report.drawing.picture import Picture
from kdtune.report.export.figures.group_rates import names_of
from kdtune.report.export.labels import bound, measure_name, short
from kdtune.report.export.page import tables
from kdtune.report.export.page.losses import (
    class_changes_in_words,
    group_changes_in_words,
    label_of,
    of_groups,
    ratios_in_words,
)
from kdtune.report.export.page.sentences import front_in_words, opening, points_in_words
from kdtune.report.export.results.findings import Findings
from kdtune.runs.records import RunRecord
from kdtune.space.choices import OF_LOSSES, SEARCHABLE
from kdtune.text import counted, listed, setting

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
        advised=short(findings.advised),
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
        class_words=class_changes_in_words(findings, findings.advised),
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
        f"{_data(record)}: {len(record.classes)} classes{of_label}; {sizes['train']['n']:,} examples for training, "
        f"{findings.n['validation']:,} for validation, {findings.n['test']:,} for test"
    )


def _data(record: RunRecord) -> str:
    """Name the data: by the file or folder that they are in, if there is one, because 'table' alone says nothing."""
    path = record.dataset.get("options", {}).get("path")
    return Path(path).name if isinstance(path, str) and Path(path).name else str(record.dataset["name"])


def _advice(findings: Findings) -> list[str]:
    """Say by which rule a student was named, and which students never are."""
    found = findings.recommendation
    lines = [
        "This report advises a student that on test is better than the same network trained without a teacher, beyond "
        "noise; among several, the one whose values on validation are nearest to the best of all objectives."
    ]
    lines += [f"{name} is never advised: it {why}." for name, why in found.unusable.items()]
    lines += _searched_for_students_alone(findings)
    left = [o for o in findings.objectives if o.name in findings.comparisons.resolution.untested]
    if left:
        lines.append(f"Not tested against noise: {', '.join(measure_name(o) for o in left)}.")
    if findings.comparisons.resolution.needed is not None:
        lines.append(
            f"About {findings.comparisons.resolution.needed:,} test examples would resolve the clearest of these "
            "differences."
        )
    return lines


def _searched_for_students_alone(findings: Findings) -> list[str]:
    """Say which settings of the training the search varied, though the network without a teacher has one value."""
    space = findings.record.space
    searched = [space.get("search") or {}, *(pair.get("search") or {} for pair in space.get("pairs") or ())]
    varied = [key for key in SEARCHABLE if key not in OF_LOSSES and any(key in keys for keys in searched)]
    if not varied:
        return []
    nds = next((model for model in findings.baselines if model.role == "nds"), None)
    names = listed(key.replace("_", " ") for key in varied)
    there = [
        f"{key.replace('_', ' ')} {setting(nds.config[key])}" for key in varied if nds and key in nds.config
    ]
    has = f" (there: {listed(there)})" if there else ""
    return [
        f"The search varied {names} for distilled students alone: the same network without a teacher was trained once, "
        f"with the settings of the space{has}. So a difference from it may come from these settings as well as from "
        "the teacher."
    ]


def _attribute(findings: Findings, pictures: Sequence[Picture], attribute: str) -> dict[str, object]:
    """Return the part of the page about one sensitive attribute."""
    advised = findings.advised
    return {
        "name": attribute,
        "words": [
            *of_groups(findings, advised, attribute),
            *ratios_in_words(findings, advised, attribute),
            *group_changes_in_words(findings, advised, attribute),
        ],
        "pictures": [p for p in pictures if p.name == names_of(findings.record.attributes)[attribute]],
        "sizes": tables.sizes_table(findings, attribute),
        "calibration": tables.calibration_table(findings, attribute),
    }


def _confusions(findings: Findings) -> list[Rows]:
    """Return the confusion matrices of the advised model: over all examples, and by group."""
    if len(findings.record.classes) > tables.MOST_CELLS:
        return []
    parts = [("", "all"), *((a, g) for a, names in findings.record.attributes.items() for g in names)]
    return [tables.confusion_table(findings, *part) for part in parts]


def _optimism(findings: Findings) -> list[str]:
    lines = [
        "Students were chosen for their values on validation, so these values tend to look too good. The table below "
        "shows how far the students moved from validation to test, beside the baselines, which nobody chose. A change "
        "that all models share comes from the split, not from choosing.",
        *_volumes(findings),
    ]
    if not findings.seeds:
        lines.append(
            "Every value is that of one seed. 'kdtune export RUN --replicates 5' trains the members with five more "
            "seeds, shows how far the values move, and chooses among all these students."
        )
    return lines


def _volumes(findings: Findings) -> list[str]:
    """Say how good the front is as a whole, on validation and on test; nothing of a front of one."""
    volumes, n = findings.hypervolume, len(findings.members)
    if n < 2:
        return []
    best, worst = int(findings.optimistic.sum()), int(findings.pessimistic.sum())
    if not best:
        on_test = (
            "On test it is undefined, because no student of the front has a value in every objective there."
        )
    elif best == worst == n:
        on_test = f"On test it is {volumes['test_optimistic']:.4f}, because no student of the front dominates another."
    else:
        on_test = (
            f"On test it is {volumes['test_optimistic']:.4f} for the {best} of {n} students that no other student of "
            f"the front dominates there, and {volumes['test_pessimistic']:.4f} for the {worst} that dominate no other "
            "one. Who chooses by validation gets something in between."
        )
    return [
        "The hypervolume measures a front as a whole: it is 1 if some student is perfect in every objective, and near "
        f"0 if all are as bad as can be. On validation it is {volumes['searched']:.4f}. {on_test}"
    ]


def _gaps(findings: Findings) -> list[str]:
    if not findings.record.attributes:
        return ["The data have no groups, so differences between groups were not measured."]
    return [
        "EOD (equalized odds difference) and DPD (demographic parity difference) are largest absolute differences: "
        "they are never below 0, and small groups push them up. Compare them with what a model with equal rates in all "
        "groups shows at these sizes.",
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
    bounds = "; ".join(bound(record, constraint) for constraint in record.constraints) or "none"
    return [
        f"Objectives: {', '.join(measure_name(o) for o in findings.objectives)}; bounds: {bounds}; "
        f"pairs: {', '.join(record.pairs).replace('->', ' → ')}; {counted(record.epochs, 'epoch')} per trial; "
        f"seed {record.seed}.",
        "Students were chosen by their values on validation, which the search corrects by what they answer on training "
        "examples (but not with --raw). The export opened the test split once, afterwards.",
        "Validation values are the search's own; test values are those of the exported float32 weights.",
        f"Data fingerprint {record.dataset['fingerprint'][:16]}…; {versions}.",
    ]


def _code(findings: Findings) -> str:
    if not findings.exported:
        return ""
    return f'import kdtune\nstudent = kdtune.load_student("{findings.to_load}")\nstudent.predict(...)'
